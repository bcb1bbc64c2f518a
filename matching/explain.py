"""Words for a steward. Why and why not were computed when the records were compared; ``what_if`` compares them anew,
as they would be if one field said something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .decide import Decision
from .model import Policy, Statistics
from .records import Comparison, Evidence, Level, Std

if TYPE_CHECKING:
    from .recipe import Recipe

How = Literal["the same", "not stated"]


@dataclass(frozen=True, slots=True)
class Change:
    """One field that said something else, and what would come of it.

    ``bits``: what it would add to the score; ``turns``: by itself it would make an automatic link, or undo it.
    """

    field: str
    label: str
    how: How
    bits: float
    score: float
    vetoes: tuple[str, ...]
    turns: bool
    text: str


def why(comparison: Comparison, limit: int = 4) -> list[str]:
    """The strongest evidence first, for and against, one line each."""
    said = [e for e in comparison.evidence if e.bits and e.field != "prior"]
    return [line(e) for e in sorted(said, key=lambda e: (-abs(e.bits), e.field))[:limit]]


def why_changed(before: Comparison, after: Comparison, limit: int = 2) -> list[str]:
    """The evidence of a pair that other rules weigh otherwise, what changes most first, one line each:
    "Packaging: box of 10 against box of 12 (-3.0, now -1.0)". Empty if they weigh all of it alike.
    """
    pairs = zip(before.evidence, after.evidence, strict=True)
    moved = [(old, new) for old, new in pairs if old.bits != new.bits]
    moved.sort(key=lambda pair: (-abs(pair[1].bits - pair[0].bits), pair[1].field))
    return [f"{new.label}: {_said(new)} ({old.bits:+.1f}, now {new.bits:+.1f})" for old, new in moved[:limit]]


def line(evidence: Evidence) -> str:
    """One piece of evidence: "Catalogue no.: the same, written differently (+14.2)"."""
    return f"{evidence.label}: {_said(evidence)} ({evidence.bits:+.1f})"


def _said(evidence: Evidence) -> str:
    return evidence.note or _LEVEL[evidence.level]


_LEVEL: dict[Level, str] = {
    "exact": "written alike",
    "reformatted": "the same, written differently",
    "similar": "alike",
    "different": "differs",
    "empty": "not stated",
}


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


def links(comparison: Comparison, policy: Policy) -> bool:
    """Whether a pair is certain enough to be linked without asking, as far as the two records alone decide that."""
    return not comparison.vetoes and comparison.score >= policy.sure_score


def verdict(comparison: Comparison, policy: Policy) -> str:
    """Where the pair stands against the thresholds, in one sentence: "2.3 bits are missing"."""
    spare = comparison.score - policy.sure_score
    if links(comparison, policy):
        return f"It links by itself, with {spare:.1f} bits to spare."
    found = [f"{abs(spare):.1f} bits are missing"] if spare < 0 else []
    found += [f"{veto}, which never links without asking" for veto in comparison.vetoes]
    return f"It doesn't link by itself: {'; '.join(found)}."


def what_if(recipe: Recipe, a: Std, b: Std, stats: Statistics, policy: Policy) -> list[Change]:
    """What would have to change: every field for which another word alone would change the score or lift a veto.

    A field is taken to be the same on both sides, or stated on neither. What by itself turns the decision comes first,
    then what changes most. Scores are those that the changed records would get.
    """
    variants = list(_variants(recipe, a, b))
    now, *then = recipe.compare_all([(a, b), *((x, y) for _, _, x, y in variants)], stats, policy)
    names = {comparator.field: comparator.label for comparator in recipe.comparators}
    changes = [
        _change(field, names[field], how, now, other, policy)
        for (field, how, _, _), other in zip(variants, then, strict=True)
    ]
    useful = [change for change in changes if _useful(change, now, policy)]
    return sorted(useful, key=lambda change: (not change.turns, -abs(change.bits), change.field, change.how))


def _variants(recipe: Recipe, a: Std, b: Std) -> Iterator[tuple[str, How, Std, Std]]:
    """The two records with one field made equal, or taken away."""
    for comparator in recipe.comparators:
        name = comparator.field
        columns = [c for c in recipe.spaces if c == name or (c.startswith(name) and c[len(name)] in ".=_")]
        mine, theirs = _only(a, columns), _only(b, columns)
        if not (mine or theirs):
            continue  # what nobody states can't be weighed
        bare_a, bare_b = _without(a, columns), _without(b, columns)
        if mine != theirs:
            yield name, "the same", {**bare_a, **(mine or theirs)}, {**bare_b, **(mine or theirs)}
        yield name, "not stated", bare_a, bare_b


def _only(std: Std, columns: Sequence[str]) -> dict[str, list[str]]:
    return {column: std[column] for column in columns if column in std}


def _without(std: Std, columns: Sequence[str]) -> dict[str, list[str]]:
    return {column: tokens for column, tokens in std.items() if column not in columns}


def _useful(change: Change, now: Comparison, policy: Policy) -> bool:
    """Of a link, what would undo it; of anything else, what would help it."""
    if links(now, policy):
        return change.turns
    return change.bits > 0 or len(change.vetoes) < len(now.vetoes)


def _change(field: str, label: str, how: How, now: Comparison, then: Comparison, policy: Policy) -> Change:
    bits = round(then.score - now.score, 3)
    turns = links(now, policy) != links(then, policy)
    text = _words(label, how, bits, now, then, policy)
    return Change(field, label, how, bits, round(then.score, 3), then.vetoes, turns, text)


def _words(label: str, how: How, bits: float, now: Comparison, then: Comparison, policy: Policy) -> str:
    missing = policy.sure_score - then.score
    said = f"{label} {_SAID[how]}"
    if links(now, policy):
        loss = f"{missing:.1f} bits would be missing" if missing > 0 else "; ".join(then.vetoes)
        return f"{said} would bring {bits:+.1f} bits: {loss}."
    does = [f"would bring {bits:+.1f} bits"] if bits else []
    does += [f"would lift “{veto}”" for veto in now.vetoes if veto not in then.vetoes]
    lacks = [f"{missing:.1f} bits would still be missing"] if missing > 0 else []
    lacks += [f"“{veto}” would remain" for veto in then.vetoes]
    return f"{said} {' and '.join(does)}: {'; '.join(lacks) or 'enough to link'}."


_SAID: dict[How, str] = {"the same": "the same on both sides", "not stated": "stated on neither side"}
