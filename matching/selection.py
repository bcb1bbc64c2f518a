"""Active selection: which pairs to ask people about next, because their labels teach most."""

from __future__ import annotations

import numpy as np

from .columns import Bools, Floats, Ints

REACH = 4  # times as many of the nearest pairs are looked at as are chosen
LEVELS = 4  # of disagreement between the fields, over which questions are spread


def most_telling(bits: Floats, vetoed: Bools, count: int, rng: np.random.Generator, boundary: float = 0.0) -> list[int]:
    """Rows of the pairs whose labels teach most, the most telling first.

    Args:
        bits: of each pair (row), a column for the prior and for every field: a row adds up to the score.
        boundary: the score at which either answer is as good.

    Pairs near the boundary are the uncertain ones. They are taken in turn from levels of disagreement (how many bits of
    evidence contradict the rest) and from the vetoed ones, so that a batch isn't one kind of doubt over and over.
    """
    doubt = np.abs(bits.sum(axis=1) - boundary)
    near = _nearest(np.arange(len(bits)), doubt, rng)[: REACH * count]
    turns = [_nearest(near[rows], doubt, rng) for rows in _levels(bits[near], vetoed[near])]
    chosen: list[int] = []
    for rank in range(max(map(len, turns), default=0)):
        chosen += [int(rows[rank]) for rows in turns if rank < len(rows)]
        if len(chosen) >= count:
            break
    return chosen[:count]


def _levels(bits: Floats, vetoed: Bools) -> list[Ints]:
    """Rows by how much their fields contradict each other, from the most; the vetoed ones last."""
    disagreement = np.minimum(np.maximum(bits[:, 1:], 0).sum(axis=1), -np.minimum(bits[:, 1:], 0).sum(axis=1))
    free = np.flatnonzero(~vetoed)
    ordered = free[np.argsort(-disagreement[free], kind="stable")]
    return [*np.array_split(ordered, LEVELS), np.flatnonzero(vetoed)]


def _nearest(rows: Ints, doubt: Floats, rng: np.random.Generator) -> Ints:
    """Rows nearest to the boundary first; chance decides between equals."""
    shuffled = rng.permutation(rows)
    nearest: Ints = shuffled[np.argsort(np.round(doubt[shuffled], 1), kind="stable")]
    return nearest
