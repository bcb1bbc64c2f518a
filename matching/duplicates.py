"""The duplicates of one table: clusters of rows that are certain, and the pairs that a steward is to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .agreement import firsts
from .blocking import CAP, search
from .bulk import SHOWN, most
from .calibration import LIMIT, Calibration, Chosen, learn
from .cluster import resolve
from .columns import Bools, Floats, Ints
from .model import Policy, Statistics
from .recipe import Recipe, Scores
from .records import Values
from .scoring import score
from .table import Vocabularies, tabulate

PAIRS = Calibration(base=-3.0, score=1.0, lead=0.0, claimed=0.0)
"""Where nothing is known of rivals, a pair's score is its log-odds, less what its fields say twice."""
SAMPLE = 20_000  # records that tell what scores mean, of those that are there


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
    what scores mean here is learned from the table, starting from ``PAIRS``. A pair of which one is critical is decided
    by ``Policy.critical``.
    """
    policy = policy or recipe.policy
    vocabularies: Vocabularies = {}
    (table,) = tabulate(recipe, (values,), vocabularies)
    statistics = statistics or Statistics.of_table(recipe, table, vocabularies)
    found = search(table.keys, table.keys, cap=CAP, best=most(len(values)))
    scored = score(recipe, table, table, vocabularies, found, statistics, policy)
    left, right = found.left, found.right
    either = table.critical[left] | table.critical[right]  # a pair is decided by the stricter of its ends
    del table, vocabularies, found  # a million records' tokens take a gigabyte
    policy = _learned(len(values), left, right, scored, replace(policy, calibration=PAIRS))
    sure = np.where(either, policy.sure_score_of(True), policy.sure_score)
    group = cluster(len(values), left, right, scored, sure)
    reviews = _open_pairs(left, right, scored, group, policy, either)
    return Deduplicated(_members(group), reviews, left, right, scored.bits, scored.vetoed, statistics, policy)


def _learned(size: int, left: Ints, right: Ints, scored: Scores, policy: Policy) -> Policy:
    """The policy as calibrated on all pairs of a table."""
    group = cluster(size, left, right, scored, policy.calibration.score_for(0.9))
    rows, others = np.concatenate([left, right]), np.concatenate([right, left])
    twice = Scores(np.concatenate([scored.bits] * 2), np.concatenate([scored.vetoed] * 2))
    return calibrated(rows, others, twice, group, policy)


def cluster(size: int, left: Ints, right: Ints, scored: Scores, sure_score: float | Floats) -> Ints:
    """A number per row, equal within a cluster. ``sure_score``: from which a pair is joined, of all or of each."""
    sure = (scored.bits >= sure_score) & ~scored.vetoed
    one, two, bits = left[sure], right[sure], scored.bits[sure]
    part = connected(size, one, two)
    apart = scored.vetoed & (part[left] == part[right])  # conflicts elsewhere never come up
    contested = np.zeros(size, dtype=np.bool_)
    contested[part[left[apart]]] = True
    open_ = contested[part[one]]  # parts without a conflict are clusters as they are
    edges = zip(one[open_].tolist(), two[open_].tolist(), bits[open_].tolist(), strict=True)
    joined = resolve(edges, zip(left[apart].tolist(), right[apart].tolist(), strict=True))
    group = np.where(contested[part], np.arange(size), part)
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


def calibrated(rows: Ints, others: Ints, scored: Scores, group: Ints, policy: Policy) -> Policy:
    """The policy as calibrated on rows of a table and all their candidates: where a row has partners, its best
    candidate outside its cluster is what its best candidate would have been without them. A vetoed pair is never joined
    without asking, so it counts as resembling nothing: siblings score high, and would pass for a partner's rivals.
    """
    if not len(rows):
        return policy
    order = np.argsort(rows)
    rows, others = rows[order], others[order]
    bits = np.where(scored.vetoed, -LIMIT, scored.bits)[order]
    starts = firsts(rows)
    counts = np.diff(np.append(starts, len(rows)))
    best = np.maximum.reduceat(bits, starts)
    family = np.full(len(starts), len(group), dtype=np.int64)
    champions = np.flatnonzero(bits == np.repeat(best, counts))
    owner = np.repeat(np.arange(len(starts)), counts)
    np.minimum.at(family, owner[champions], group[others[champions]])
    outside = np.where(group[others] != family[owner], bits, -np.inf)
    runner_up = np.maximum.reduceat(outside, starts)
    best, runner_up = _sampled(best, runner_up)
    there = runner_up > -np.inf
    free, none = np.full(len(best), np.inf), np.zeros(len(best))
    found, wrong = Chosen(best, free, none), Chosen(np.where(there, runner_up, 0.0), free, none)
    return replace(policy, calibration=learn(found, wrong, there, policy.calibration, rivalry=False))


def _sampled(best: Floats, runner_up: Floats) -> tuple[Floats, Floats]:
    """Every so manieth of the records in order of their scores: as many of each score as there are, wherever they
    stand in the table.
    """
    step = max(1, len(best) // SAMPLE)
    kept = np.lexsort((runner_up, best))[step // 2 :: step] if step > 1 else slice(None)
    return best[kept], runner_up[kept]


def _open_pairs(
    left: Ints, right: Ints, scored: Scores, group: Ints, policy: Policy, critical: Bools
) -> dict[tuple[int, int], float]:
    """The likely pairs that no cluster joins: of each row the best ``SHOWN``. ``critical``: one per pair."""
    free, none = np.full(len(left), np.inf), np.zeros(len(left))
    chance = policy.calibration.partnered(scored.bits, free, none)
    worth = np.where(critical, policy.costs_of(True).review, policy.costs.review)
    likely = np.flatnonzero((chance >= worth) & (group[left] != group[right]))
    bits = np.round(scored.bits[likely], 3)
    rows = np.concatenate([left[likely], right[likely]])
    rank = _rank(rows, np.concatenate([bits, bits])).reshape(2, -1).max(axis=0)
    shown = likely[rank < SHOWN]
    return {(int(left[k]), int(right[k])): float(chance[k]) for k in shown}


def _rank(rows: Ints, worth: Floats) -> Ints:
    """How many entries of its row are worth more than each: 0 for the worthiest, the same for equals."""
    order = np.lexsort((-worth, rows))
    ordered, value = rows[order], worth[order]
    starts = firsts(ordered)
    differs = np.r_[True, (ordered[1:] != ordered[:-1]) | (value[1:] != value[:-1])][: len(rows)]
    first_equal = np.maximum.accumulate(np.where(differs, np.arange(len(rows)), 0))
    rank = np.empty(len(rows), dtype=np.int64)
    rank[order] = first_equal - np.repeat(starts, np.diff(np.r_[starts, len(rows)]))
    return rank
