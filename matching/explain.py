"""Words for a steward. Everything said here was computed when the records were compared."""

from __future__ import annotations

from .decide import Decision
from .model import Policy
from .records import Comparison, Evidence


def why(comparison: Comparison, limit: int = 4) -> list[str]:
    """The strongest evidence first, for and against, one line each."""
    said = [e for e in comparison.evidence if e.bits and e.field != "prior"]
    return [line(e) for e in sorted(said, key=lambda e: (-abs(e.bits), e.field))[:limit]]


def line(evidence: Evidence) -> str:
    """One piece of evidence: "Catalogue no.: the same, written differently (+14.2)"."""
    return f"{evidence.label}: {evidence.note} ({evidence.bits:+.1f})"


def why_not(comparison: Comparison, policy: Policy) -> list[str]:
    """What stands between two records and an automatic link; empty if nothing does."""
    reasons = [f"{veto} (never linked without asking)" for veto in comparison.vetoes]
    short = policy.sure_score - comparison.score
    if short > 0:
        reasons.append(f"{short:.1f} bits short of the {policy.sure_score:.1f} that link by themselves")
        reasons += [line(e) for e in against(comparison)]
        reasons += [f"{e.label} is {e.note}: stated, it could add to the score" for e in silent(comparison)[:3]]
    return reasons


def against(comparison: Comparison) -> list[Evidence]:
    """Evidence against, the strongest first."""
    said = [e for e in comparison.evidence if e.bits < 0 and e.field != "prior"]
    return sorted(said, key=lambda e: (e.bits, e.field))


def silent(comparison: Comparison) -> list[Evidence]:
    """Fields that one of the two states and the other does not."""
    return [e for e in comparison.evidence if e.level == "empty" and bool(e.a) != bool(e.b)]


def summary(decision: Decision) -> str:
    """A decision in one sentence."""
    verb = {"link": "Linked", "review": "For review", "new": "New"}[decision.outcome]
    return f"{verb}: {decision.reason}."
