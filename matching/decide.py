"""From certainty to a decision: link, ask a steward, or create. The thresholds follow from what mistakes cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .competition import lead_over

if TYPE_CHECKING:
    from .model import Policy

Outcome = Literal["link", "review", "new"]


@dataclass(frozen=True, slots=True)
class Costs:
    """What mistakes cost, in reviews: a link that is wrong, one that is missed. Linking is right where its expected
    cost is less than a review's, and so is leaving a record alone. Both are more than one: reviews cost something.
    """

    false_link: float = 30.0
    missed_link: float = 20.0

    def __post_init__(self) -> None:
        if self.false_link <= 1.0 or self.missed_link <= 1.0:
            raise ValueError("a mistake costs more than the review that prevents it")

    @property
    def auto(self) -> float:
        """Probability from which linking without asking costs less than asking."""
        return 1.0 - 1.0 / self.false_link

    @property
    def review(self) -> float:
        """Probability from which asking costs less than missing."""
        return 1.0 / self.missed_link

    def at_least(self, other: Costs) -> Costs:
        """The dearer of each: what satisfies these satisfies both."""
        return Costs(max(self.false_link, other.false_link), max(self.missed_link, other.missed_link))


@dataclass(frozen=True, slots=True)
class Ranked:
    """One golden record as a candidate: its key, the best score of its records in bits, and what vetoes that score."""

    key: object
    score: float
    vetoes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, with what, and why. ``ranked``: the candidates, best first. ``probability``: that the best is right.
    ``lead``: bits between the best and all others together.
    """

    outcome: Outcome
    ranked: tuple[Ranked, ...]
    probability: float
    lead: float
    reason: str

    @property
    def best(self) -> Ranked | None:
        """The candidate that the decision is about, None without any."""
        return self.ranked[0] if self.ranked else None


NOBODY = Decision("new", (), 0.0, 0.0, "nothing known is like it")


def decide(ranked: Iterable[Ranked], policy: Policy, *, critical: bool = False) -> Decision:
    """Decide for one record. The order of ``ranked`` doesn't matter; equals are ambiguous, never settled by key."""
    ordered = tuple(sorted(ranked, key=lambda candidate: -candidate.score))
    if not ordered:
        return NOBODY
    score, *rivals = (candidate.score for candidate in ordered)
    lead = lead_over(score, rivals)
    return verdict(ordered, policy.chance(score, lead), lead, policy.costs_of(critical))


@dataclass(frozen=True, slots=True)
class Chance:
    """Probabilities: that a record has a ``partner`` among what resembles it; that the best candidate is it."""

    partner: float
    right: float


def verdict(ranked: tuple[Ranked, ...], chance: Chance, lead: float, costs: Costs) -> Decision:
    """The decision that follows from how likely the best of ``ranked`` is right."""
    if chance.partner < costs.review:
        return Decision("new", ranked, chance.right, lead, NOBODY.reason)
    reason = _doubt(ranked[0], chance, lead, costs)
    return Decision("review" if reason else "link", ranked, chance.right, lead, reason or "certain and without rival")


def _doubt(best: Ranked, chance: Chance, lead: float, costs: Costs) -> str:
    """Why the best candidate is not linked without asking, "" if there is no doubt."""
    if best.vetoes:
        return "; ".join(best.vetoes)
    if chance.right >= costs.auto:
        return ""
    if chance.partner >= costs.auto:
        return f"another record is nearly as likely ({lead:.1f} bits behind)"
    return f"{100 * chance.right:.3g}% certain, {100 * costs.auto:.3g}% are wanted"
