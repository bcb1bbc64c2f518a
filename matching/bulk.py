"""Whole tables at once: the same recipe, keys, scores and decisions as for one record, over arrays of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .blocking import CAP, Candidates, candidates
from .cluster import resolve
from .columns import Bools, Floats, Ints
from .decide import Decision, Ranked, decide
from .model import Policy, Statistics
from .recipe import Recipe
from .records import Std, Values

BEST = 60  # candidates scored per record: those that share the most and rarest keys
_SHOWN = 5  # candidates kept per decision


@dataclass(frozen=True)
class Linked:
    """The outcome for every left row, and what led to it.

    ``decisions``: one per left row; ``best.key`` is a row number of the right table. ``left``, ``right``, ``bits`` and
    ``vetoed``: every pair that was scored.
    """

    decisions: list[Decision]
    left: Ints
    right: Ints
    bits: Floats
    vetoed: Bools
    statistics: Statistics

    @property
    def links(self) -> list[tuple[int, int]]:
        """Automatic links: (left row, right row)."""
        return [(row, _key(d)) for row, d in enumerate(self.decisions) if d.outcome == "link"]

    @property
    def reviews(self) -> list[tuple[int, int]]:
        """The best candidate of every left row that a steward is to see."""
        return [(row, _key(d)) for row, d in enumerate(self.decisions) if d.outcome == "review"]


def _key(decision: Decision) -> int:
    key = decision.best.key if decision.best else None
    if not isinstance(key, int):
        raise TypeError("a decision of this module names a row number")
    return key


def link(
    recipe: Recipe,
    left: Sequence[Values],
    right: Sequence[Values],
    *,
    policy: Policy | None = None,
    statistics: Statistics | None = None,
    one_to_one: bool = False,
) -> Linked:
    """Decide for every left record which right record it is, if any.

    Args:
        statistics: frequencies to weigh by; by default those of the right table.
        one_to_one: both sources are declared clean, so a right record takes at most one left record: the surest.
    """
    policy = policy or recipe.policy
    stds = [recipe.standardise(values) for values in left], [recipe.standardise(values) for values in right]
    statistics = statistics or Statistics.collect(recipe, stds[1])
    found = candidates([recipe.keys(s) for s in stds[0]], [recipe.keys(s) for s in stds[1]], cap=CAP, best=BEST)
    scored = recipe.score_pairs(recipe.tables(*stds, statistics), found.left, found.right, statistics, policy)
    bits = _compete(found.left, found.right, scored.bits) if one_to_one else scored.bits
    decisions = _decide_rows(len(left), found, bits, scored.vetoed, policy)
    return Linked(decisions, found.left, found.right, scored.bits, scored.vetoed, statistics)


def _compete(left: Ints, right: Ints, bits: Floats) -> Floats:
    """Scores after rivalry for right rows: a pair whose right row has a better left row is out.

    Mutual best only: a tie for a right row leaves both, and the margin of neither counts the other.
    """
    best = np.full(int(right.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(best, right, bits)
    second = np.full_like(best, -np.inf)
    beaten = bits < best[right]
    np.maximum.at(second, right[beaten], bits[beaten])
    return np.where(beaten, -np.inf, bits)


def _decide_rows(size: int, found: Candidates, bits: Floats, vetoed: Bools, policy: Policy) -> list[Decision]:
    order = np.lexsort((-bits, found.left))
    bounds = np.searchsorted(found.left[order], np.arange(size + 1))
    decisions = []
    for row in range(size):
        top = order[bounds[row] : min(bounds[row + 1], bounds[row] + _SHOWN)]
        ranked = [
            Ranked(int(found.right[k]), float(bits[k]), ("vetoed",) if vetoed[k] else ())
            for k in top
            if np.isfinite(bits[k])
        ]
        decisions.append(decide(ranked, policy))
    return decisions


@dataclass(frozen=True)
class Deduplicated:
    """Clusters of rows of one table (each of two rows and more), and the pairs that a steward is to see."""

    clusters: list[frozenset[int]]
    reviews: list[tuple[int, int]]
    left: Ints
    right: Ints
    bits: Floats
    vetoed: Bools
    statistics: Statistics

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Every two rows of one cluster, the smaller number first."""
        members = [sorted(cluster) for cluster in self.clusters]
        return [(a, b) for rows in members for i, a in enumerate(rows) for b in rows[i + 1 :]]


def dedupe(
    recipe: Recipe,
    values: Sequence[Values],
    *,
    policy: Policy | None = None,
    statistics: Statistics | None = None,
) -> Deduplicated:
    """Find the records of one table that are the same thing.

    There is no best candidate here: each record may have several partners, so certain pairs are joined strongest first,
    and never across a pair that carries a veto.
    """
    policy = policy or recipe.policy
    stds: list[Std] = [recipe.standardise(v) for v in values]
    statistics = statistics or Statistics.collect(recipe, stds)
    keys = [recipe.keys(std) for std in stds]
    found = candidates(keys, keys, cap=CAP, best=BEST)
    scored = recipe.score_pairs(recipe.tables(stds, stds, statistics), found.left, found.right, statistics, policy)
    sure = (scored.bits >= policy.auto_bits) & ~scored.vetoed
    edges = zip(found.left[sure].tolist(), found.right[sure].tolist(), scored.bits[sure].tolist(), strict=True)
    conflicts = zip(found.left[scored.vetoed].tolist(), found.right[scored.vetoed].tolist(), strict=True)
    clusters = resolve(edges, conflicts)
    unsure = ~sure & (scored.bits >= policy.review_bits)
    open_pairs = zip(found.left[unsure].tolist(), found.right[unsure].tolist(), strict=True)
    reviews = [(a, b) for a, b in open_pairs if b not in clusters.of.get(a, ())]
    groups = sorted((c for c in clusters.groups if len(c) > 1), key=min)
    return Deduplicated(groups, reviews, found.left, found.right, scored.bits, scored.vetoed, statistics)
