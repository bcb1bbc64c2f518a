"""Scores of many pairs of rows of whole tables, by several processes where there are many pairs."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from .blocking import Candidates
from .columns import Bools, Floats, Ints, Tables
from .model import Policy, Statistics
from .recipe import Recipe, Scores
from .table import Table, Vocabularies, processes

PART = 50_000  # pairs that a process takes at once
MANY = 100_000  # pairs from which on starting other processes pays


def score(
    recipe: Recipe, left: Table, right: Table, vocabularies: Vocabularies, found: Candidates, statistics: Statistics,
    policy: Policy,
) -> Scores:  # fmt: skip
    """The score of every candidate pair, and whether it is vetoed."""
    columns = {name: (left.columns[name], right.columns[name]) for name in recipe.spaces}
    tables = Tables(columns, vocabularies, recipe.spaces, statistics.rarity, statistics.prior)
    work = _Work(recipe, tables, found.left, found.right, statistics, policy)
    starts = range(0, len(found.left), PART)
    workers = processes(len(found.left), MANY)
    if workers == 1:
        return _joined([work.part(start) for start in starts])
    first = work.part(0)  # what all parts share is computed before the processes part
    global _shared
    _shared = work
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
            return _joined([first, *pool.map(_part, starts[1:])])
    finally:
        _shared = None


class _Work:
    """The pairs of two tables, to be scored part by part."""

    def __init__(
        self, recipe: Recipe, tables: Tables, left: Ints, right: Ints, statistics: Statistics, policy: Policy
    ) -> None:
        self._recipe, self._tables, self._statistics, self._policy = recipe, tables, statistics, policy
        self._left, self._right = left, right

    def part(self, start: int) -> tuple[Floats, Bools]:
        rows = slice(start, start + PART)
        scores = self._recipe.score_pairs(
            self._tables, self._left[rows], self._right[rows], self._statistics, self._policy
        )
        return scores.bits, scores.vetoed


_shared: _Work | None = None  # what forked processes find in memory


def _part(start: int) -> tuple[Floats, Bools]:
    if _shared is None:
        raise RuntimeError("this process was not forked to score")
    return _shared.part(start)


def _joined(parts: list[tuple[Floats, Bools]]) -> Scores:
    if not parts:
        return Scores(np.empty(0), np.empty(0, dtype=np.bool_))
    bits, vetoed = zip(*parts, strict=True)
    return Scores(np.concatenate(bits), np.concatenate(vetoed))
