"""Whole tables at once: the same recipe, keys, scores and decisions as for one record, over arrays of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .blocking import CAP, search
from .calibration import Calibration, Chosen, learn
from .cluster import resolve
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
_SHOWN = 5  # candidates kept per decision
PAIRS = Calibration(base=-3.0, score=1.0, lead=0.0, claimed=0.0)
"""Where nothing is known of rivals, a pair's score is its log-odds, less what its fields say twice."""


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
    mine, theirs = (tabulate(recipe, values, vocabularies) for values in (left, right))
    statistics = statistics or Statistics.of_table(recipe, theirs, vocabularies)
    found = search(mine.keys, theirs.keys, cap=CAP, best=most(len(left)))
    scored = score(recipe, mine, theirs, vocabularies, found, statistics, policy)
    critical = np.fromiter((recipe.critical(values) for values in left), dtype=np.bool_, count=len(left))
    decisions, policy = settle(len(left), found.left, found.right, scored, policy, clean=clean, critical=critical)
    return Linked(decisions, found.left, found.right, scored.bits, scored.vetoed, statistics, policy)


def most(size: int) -> int:
    """How many candidates of each record are scored, in a table of this size."""
    return BEST if size < LARGE else FEWER


def settle(
    size: int, left: Ints, right: Ints, scored: Scores, policy: Policy, *, clean: bool = False,
    critical: Bools | None = None,
) -> tuple[list[Decision], Policy]:  # fmt: skip
    """A decision for each of ``size`` left rows from its scored pairs, and the policy as calibrated on them.

    ``critical``: one per left row, those that are decided by ``policy.critical``; by default none.
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
    costs = [policy.costs_of(bool(c)) for c in (np.zeros(size) if critical is None else critical)]
    taken: set[int] = set()
    for place in np.argsort(-chances[1], kind="stable").tolist():
        top = ranking.top(place, _SHOWN)
        ranked = tuple(
            Ranked(int(right[k]), float(scored.bits[k]), ("the two conflict",) if scored.vetoed[k] else ()) for k in top
        )
        row, chance = int(left[top[0]]), Chance(*(float(c[place]) for c in chances))
        decision = verdict(ranked, chance, float(chosen.lead[place]), costs[row])
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
        self._starts = _firsts(rows)
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


@dataclass(frozen=True)
class Deduplicated:
    """Clusters of rows of one table (each of two rows and more), and the pairs that a steward is to see.

    ``reviews``: pairs of row numbers, the smaller first, with the probability that they are one.
    """

    clusters: list[frozenset[int]]
    reviews: dict[tuple[int, int], float]
    left: Ints
    right: Ints
    bits: Floats
    vetoed: Bools
    statistics: Statistics
    policy: Policy

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Every two rows of one cluster, the smaller number first."""
        members = [sorted(cluster) for cluster in self.clusters]
        return [(a, b) for rows in members for i, a in enumerate(rows) for b in rows[i + 1 :]]

    @property
    def likely(self) -> set[tuple[int, int]]:
        """Pairs that the steward will probably confirm: of each row in no cluster and its best candidate's cluster, if
        that is more likely right than not.
        """
        of = {row: cluster for cluster in self.clusters for row in cluster}
        best: dict[int, tuple[float, int]] = {}
        for (one, two), chance in self.reviews.items():
            for row, other in ((one, two), (two, one)):
                if row not in of:
                    best[row] = max(best.get(row, (0.0, other)), (chance, other))
        joined = ((row, m) for row, (chance, other) in best.items() if chance >= 0.5 for m in of.get(other, {other}))
        return {(min(pair), max(pair)) for pair in joined}


def dedupe(
    recipe: Recipe,
    values: Sequence[Values],
    *,
    policy: Policy | None = None,
    statistics: Statistics | None = None,
) -> Deduplicated:
    """Find the records of one table that are the same thing.

    There is no best candidate here: each record may have several partners, so certain pairs are joined strongest first,
    and never across a pair that carries a veto. The calibration of ``policy`` is for records with one partner at most;
    what scores mean here is learned from the table, starting from ``PAIRS``.
    """
    policy = policy or recipe.policy
    vocabularies: Vocabularies = {}
    table = tabulate(recipe, values, vocabularies)
    statistics = statistics or Statistics.of_table(recipe, table, vocabularies)
    found = search(table.keys, table.keys, cap=CAP, best=most(len(values)))
    scored = score(recipe, table, table, vocabularies, found, statistics, policy)
    policy = replace(policy, calibration=PAIRS)
    group = cluster(len(values), found.left, found.right, scored, PAIRS.score_for(0.9))
    both = np.concatenate([found.left, found.right]), np.concatenate([found.right, found.left])
    policy = calibrated(*both, np.concatenate([scored.bits, scored.bits]), group, policy)
    group = cluster(len(values), found.left, found.right, scored, policy.sure_score)
    reviews = _open_pairs(found.left, found.right, scored, group, policy)
    return Deduplicated(
        _members(group), reviews, found.left, found.right, scored.bits, scored.vetoed, statistics, policy
    )


def cluster(size: int, left: Ints, right: Ints, scored: Scores, sure_score: float) -> Ints:
    """A number per row, equal within a cluster."""
    sure = (scored.bits >= sure_score) & ~scored.vetoed
    edges = left[sure], right[sure]
    part = connected(size, *edges)
    apart = scored.vetoed & (part[left] == part[right])  # conflicts elsewhere never come up
    conflicts = zip(left[apart].tolist(), right[apart].tolist(), strict=True)
    joined = resolve(zip(*(e.tolist() for e in edges), scored.bits[sure].tolist(), strict=True), conflicts)
    group = np.arange(size)
    for members in joined.groups:
        group[list(members)] = min(members)
    return group


def connected(size: int, left: Ints, right: Ints) -> Ints:
    """A number per row, equal for rows that edges connect: the least row number spreads until nothing changes."""
    part = np.arange(size)
    while True:
        least = np.minimum(part[left], part[right])
        before = part.copy()
        np.minimum.at(part, left, least)
        np.minimum.at(part, right, least)
        part = part[part]
        if np.array_equal(before, part):
            return part


def _members(group: Ints) -> list[frozenset[int]]:
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if len(order) else []
    return [frozenset(part.tolist()) for part in parts if len(part) > 1]


def calibrated(rows: Ints, others: Ints, bits: Floats, group: Ints, policy: Policy) -> Policy:
    """The policy as calibrated on rows of a table and all their candidates: where a row has partners, its best
    candidate outside its cluster is what its best candidate would have been without them.
    """
    if not len(rows):
        return policy
    order = np.lexsort((-bits, rows))
    rows, others, bits = rows[order], others[order], bits[order]
    best = _firsts(rows)
    family = np.full(len(group), -1)
    family[rows[best]] = group[others[best]]
    outside = np.flatnonzero(group[others] != family[rows])
    second = outside[_firsts(rows[outside])]
    there = np.zeros(len(best), dtype=np.bool_)
    there[np.searchsorted(rows[best], rows[second])] = True
    runner_up = np.zeros(len(best))
    runner_up[there] = bits[second]
    free, none = np.full(len(best), np.inf), np.zeros(len(best))
    found, wrong = Chosen(bits[best], free, none), Chosen(runner_up, free, none)
    calibration = learn(found, wrong, there, policy.calibration, rivalry=False)
    return replace(policy, calibration=calibration)


def _firsts(rows: Ints) -> Ints:
    """Where each row begins; ``rows`` is sorted."""
    starts: Ints = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]][: len(rows)])
    return starts


def _open_pairs(left: Ints, right: Ints, scored: Scores, group: Ints, policy: Policy) -> dict[tuple[int, int], float]:
    """The likely pairs that no cluster joins: of each row the best ``_SHOWN``."""
    free, none = np.full(len(left), np.inf), np.zeros(len(left))
    chance = policy.calibration.partnered(scored.bits, free, none)
    likely = np.flatnonzero((chance >= policy.costs.review) & (group[left] != group[right]))
    rank = np.maximum(_rank(left[likely], chance[likely]), _rank(right[likely], chance[likely]))
    shown = likely[rank < _SHOWN]
    return {(int(left[k]), int(right[k])): float(chance[k]) for k in shown}


def _rank(rows: Ints, worth: Floats) -> Ints:
    """The place of each entry among those of its row, the worthiest 0."""
    order = np.lexsort((-worth, rows))
    place = np.empty(len(rows), dtype=np.int64)
    starts = np.r_[0, np.flatnonzero(np.diff(rows[order])) + 1] if len(rows) else np.empty(0, np.int64)
    place[order] = np.arange(len(rows)) - np.repeat(starts, np.diff(np.r_[starts, len(rows)]))
    return place
