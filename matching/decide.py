"""From scores to a decision: link, ask a steward, or create."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from .model import Policy

Outcome = Literal["link", "review", "new"]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One golden record as a candidate: its key, the best score of its records in bits, and what vetoes that score."""

    key: object
    score: float
    vetoes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, with what, and why. ``margin``: bits between best and runner-up (infinite without one)."""

    outcome: Outcome
    best: Ranked | None
    runner_up: Ranked | None
    margin: float
    reason: str


def decide(ranked: Iterable[Ranked], policy: Policy) -> Decision:
    """Decide for one record. The order of ``ranked`` doesn't matter; equals are ambiguous, never settled by key."""
    ordered = sorted(ranked, key=lambda candidate: -candidate.score)
    best = ordered[0] if ordered else None
    runner_up = ordered[1] if len(ordered) > 1 else None
    if best is None or best.score < policy.review_bits:
        return Decision("new", best, runner_up, _margin(best, runner_up), "nothing known is like it")
    margin = _margin(best, runner_up)
    reason = _doubt(best, margin, policy)
    return Decision("review" if reason else "link", best, runner_up, margin, reason or "certain and without rival")


def _margin(best: Ranked | None, runner_up: Ranked | None) -> float:
    return best.score - runner_up.score if best and runner_up else float("inf")


def _doubt(best: Ranked, margin: float, policy: Policy) -> str:
    """Why the best candidate is not linked without asking, "" if there is no doubt."""
    if best.vetoes:
        return "; ".join(best.vetoes)
    if best.score < policy.auto_bits:
        return f"{best.score:.1f} bits, {policy.auto_bits:.1f} are wanted"
    if margin < policy.margin_bits:
        return f"another record is nearly as likely ({margin:.1f} bits behind, {policy.margin_bits:.1f} are wanted)"
    return ""
