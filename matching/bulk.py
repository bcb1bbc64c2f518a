"""Whole tables at once: the same recipe, keys, scores and decisions as for one record, over arrays of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .agreement import firsts
from .blocking import CAP, search
from .calibration import Chosen, learn
from .columns import Bools, Floats, Ints
from .competition import Standing, compete, lead_within, sharing_cost
from .decide import NOBODY, Chance, Decision, Ranked, verdict
from .model import Policy, Statistics
from .recipe import Recipe, Scores
from .records import Values
from .scoring import score
from .table import Vocabularies, tabulate

BEST, FEWER = 60, 15  # candidates scored per record: those that share the most and rarest keys
LARGE = 200_000  # records of a table from which on ``FEWER`` have to do
SHOWN = 5  # candidates kept per decision


@dataclass(frozen=True)
class Linked:
    """The outcome for every left row, and what led to it.

    ``decisions``: one per left row; the keys of its candidates are row numbers of the right table. ``left``, ``right``,
    ``bits`` and ``vetoed``: every pair that was scored. ``policy``: as calibrated on these tables.
    """

    decisions: list[Decision]
    left: Ints
    right: Ints
    bits: Floats
    vetoed: Bools
    statistics: Statistics
    policy: Policy

    @property
    def links(self) -> list[tuple[int, int]]:
        """Automatic links: (left row, right row)."""
        return [(row, best) for row, best, d in self._best() if d.outcome == "link"]

    @property
    def reviews(self) -> list[tuple[int, int]]:
        """The best candidate of every left row that a steward is to see."""
        return [(row, best) for row, best, d in self._best() if d.outcome == "review"]

    def _best(self) -> Iterator[tuple[int, int, Decision]]:
        for row, decision in enumerate(self.decisions):
            if decision.best is not None and isinstance(decision.best.key, int):
                yield row, decision.best.key, decision


def link(
    recipe: Recipe,
    left: Sequence[Values],
    right: Sequence[Values],
    *,
    policy: Policy | None = None,
    statistics: Statistics | None = None,
    clean: bool = False,
) -> Linked:
    """Decide for every left record which right record it is, if any.

    The right table is one of golden records: a left record is one of them at most. How certain a score is, is learned
    from the tables themselves, starting from ``policy``.

    Args:
        statistics: frequencies to weigh by; by default those of the right table.
        clean: the left source is free of duplicates, so a right record takes one left record at most.
    """
    policy = policy or recipe.policy
    vocabularies: Vocabularies = {}
    mine, theirs = tabulate(recipe, (left, right), vocabularies)
    statistics = statistics or Statistics.of_table(recipe, theirs, vocabularies)
    found = search(mine.keys, theirs.keys, cap=CAP, best=min(recipe.candidates, most(len(left))))
    scored = score(recipe, mine, theirs, vocabularies, found, statistics, policy)
    either = mine.critical[found.left] | theirs.critical[found.right]  # a pair is decided by the stricter of its ends
    decisions, policy = settle(len(left), found.left, found.right, scored, policy, clean=clean, critical=either)
    return Linked(decisions, found.left, found.right, scored.bits, scored.vetoed, statistics, policy)


def most(size: int) -> int:
    """How many candidates of each record are scored, in a table of this size."""
    return BEST if size < LARGE else FEWER


def settle(
    size: int, left: Ints, right: Ints, scored: Scores, policy: Policy, *, clean: bool = False,
    critical: Bools | None = None,
) -> tuple[list[Decision], Policy]:  # fmt: skip
    """A decision for each of ``size`` left rows from its scored pairs, and the policy as calibrated on them.

    ``critical``: one per pair, those that are decided by ``policy.critical``; by default none.
    """
    decisions = [NOBODY] * size
    if not len(left):
        return decisions, policy
    alone = policy.calibration.right(scored.bits, lead_within(left, scored.bits), np.zeros(len(left)))
    sharing = np.inf if clean else sharing_cost(right[alone >= policy.costs.auto])
    standing = compete(left, right, scored.bits, sharing=sharing)
    ranking = _Ranking(left, standing.adjusted)
    best, second = ranking.at(0), ranking.at(1)
    chosen = _chosen(scored.bits, standing, best)
    runners = Chosen(
        scored.bits[second], _lead_without(left, standing.adjusted, best)[second], standing.claimed[second]
    )
    calibration = learn(chosen, runners, ranking.counts > 1, policy.calibration)
    policy = replace(policy, calibration=calibration)
    chances = [f(chosen.score, chosen.lead, chosen.claimed) for f in (calibration.partnered, calibration.right)]
    costs = policy.costs_of(False), policy.costs_of(True)
    strict = np.zeros(len(left), dtype=np.bool_) if critical is None else critical
    taken: set[int] = set()
    for place in np.argsort(-chances[1], kind="stable").tolist():
        top = ranking.top(place, SHOWN)
        shown = zip(right[top].tolist(), scored.bits[top].tolist(), scored.vetoed[top].tolist(), strict=True)
        ranked = tuple(Ranked(key, bits, ("the two conflict",) if vetoed else ()) for key, bits, vetoed in shown)
        row, chance = int(left[top[0]]), Chance(*(float(c[place]) for c in chances))
        decision = verdict(ranked, chance, float(chosen.lead[place]), costs[bool(strict[top[0]])])
        if clean and decision.outcome == "link":
            if int(right[top[0]]) in taken:
                decision = replace(decision, outcome="review", reason="a surer record of this clean source has it")
            taken.add(int(right[top[0]]))
        decisions[row] = decision
    return decisions, policy


class _Ranking:
    """The pairs of each left row, best first."""

    def __init__(self, left: Ints, bits: Floats) -> None:
        self._order = np.lexsort((-bits, left))
        rows = left[self._order]
        self._starts = firsts(rows)
        self.counts = np.diff(np.r_[self._starts, len(rows)])

    def at(self, rank: int) -> Ints:
        """Per left row that has pairs, the pair of that rank, or the last."""
        pairs: Ints = self._order[self._starts + np.minimum(rank, self.counts - 1)]
        return pairs

    def top(self, place: int, most: int) -> Ints:
        """The best pairs of the left row at ``place``."""
        start = self._starts[place]
        pairs: Ints = self._order[start : start + min(most, self.counts[place])]
        return pairs


def _chosen(bits: Floats, standing: Standing, pairs: Ints) -> Chosen:
    return Chosen(bits[pairs], standing.lead[pairs], standing.claimed[pairs])


def _lead_without(left: Ints, adjusted: Floats, best: Ints) -> Floats:
    """The lead of each pair within its left row, had the row's best not been there."""
    rest = adjusted.copy()
    rest[best] = -np.inf
    return lead_within(left, rest)
