"""Scores of many pairs of rows of whole tables, by several processes where there are many pairs."""

from __future__ import annotations

import numpy as np

from .blocking import Candidates
from .columns import Tables
from .model import Policy, Statistics
from .parallel import processes, shared, spread
from .recipe import Recipe, Scores
from .table import Table, Vocabularies

PART = 50_000  # pairs that a process takes at once
MANY = 100_000  # pairs from which on starting other processes pays


def score(
    recipe: Recipe, left: Table, right: Table, vocabularies: Vocabularies, found: Candidates, statistics: Statistics,
    policy: Policy,
) -> Scores:  # fmt: skip
    """The score of every candidate pair, and whether it is vetoed."""
    columns = {name: (left.columns[name], right.columns[name]) for name in recipe.spaces}
    tables = Tables(columns, vocabularies, recipe.spaces, statistics.rarity, statistics.prior)
    bits, vetoed = shared(len(found.left), np.float64), shared(len(found.left), np.bool_)

    def part(start: int) -> None:
        rows = slice(start, start + PART)
        scores = recipe.score_pairs(tables, found.left[rows], found.right[rows], statistics, policy)
        bits[rows], vetoed[rows] = scores.bits, scores.vetoed

    starts = range(0, len(found.left), PART)
    workers = processes(len(found.left), MANY)
    if workers > 1:
        recipe.score_pairs(tables, found.left[:1], found.right[:1], statistics, policy)  # what all parts share
    for _ in spread(part, starts, workers=workers):
        pass
    return Scores(bits, vetoed)
