"""Which pending records must be decided together, and the parts that workers write. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from matching.duplicates import connected
from mdm.arrays import Array

Ints = NDArray[np.int64]
KEPT, GOLDENS = ("one", "two", "bits", "vetoed"), ("golden_one", "golden_two")

PART = 2_000  # pending records that one worker decides and writes in one transaction
TOO_MANY = 10_000  # alike, directly or through others, to be decided at once


@dataclass(frozen=True)
class Part:
    """Pending records that are decided together, and the scored pairs that any of them is in.

    Parts of one ``chain`` resemble each other, so that one is done after the other; others have nothing in common.
    """

    sources: Ints
    pairs: dict[str, Array]  # one, two, bits, vetoed
    chain: int | None = None


def each_once(found: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """The pairs that comparisons found (as of ``Matcher.pairs``), together, none of them in both orders."""
    pairs = (
        {name: np.concatenate([part[name] for part in found]) for name in (*KEPT, *GOLDENS)} if found else _nothing()
    )
    swapped = pairs["one"] > pairs["two"]
    for low, high in (("one", "two"), ("golden_one", "golden_two")):
        a, b = pairs[low], pairs[high]
        pairs[low], pairs[high] = np.where(swapped, b, a), np.where(swapped, a, b)
    order = np.lexsort((pairs["two"], pairs["one"]))
    one, two = pairs["one"][order], pairs["two"][order]
    kept = order[np.r_[True, (one[1:] != one[:-1]) | (two[1:] != two[:-1])][: len(order)]]
    return {name: values[kept] for name, values in pairs.items()}


def _nothing() -> dict[str, Array]:
    nothing: dict[str, Array] = {name: np.empty(0, dtype=np.int64) for name in ("one", "two", *GOLDENS)}
    return nothing | {"bits": np.empty(0), "vetoed": np.empty(0, dtype=np.bool_)}


def plan(pending: Ints, goldens: Ints, pairs: dict[str, Array], *, sure_score: float) -> Iterator[Part]:
    """Parts of whole connected groups, in the order of the records that come first in them.

    Args:
        pending: source ids, sorted, of what is to be resolved.
        goldens: per pending record, the golden record that it has already, else 0.
        pairs: as of ``bulk_match``, once each, with the golden records of either side (``golden_one``, ``golden_two``).
        sure_score: pairs that score less are cut where they hold more than ``TOO_MANY`` together.
    """
    nodes, (own, one, two) = _nodes(
        [(pending, goldens), (pairs["one"], pairs["golden_one"]), (pairs["two"], pairs["golden_two"])]
    )
    group = connected(nodes, one, two)[own]
    sizes = np.bincount(group, minlength=nodes)
    if not (sizes > TOO_MANY).any():
        yield from _packed(pending, group, pairs)
        return
    large = sizes[group] > TOO_MANY
    yield from _packed(pending[~large], group[~large], pairs)
    sure = (pairs["bits"] >= sure_score) & ~pairs["vetoed"]
    finer = connected(nodes, one[sure], two[sure])[own]
    for chain, whole in enumerate(np.unique(group[large])):
        inside = group == whole
        yield from _packed(pending[inside], finer[inside], pairs, chain)


def _nodes(sides: list[tuple[Ints, Ints]]) -> tuple[int, list[Ints]]:
    """How many things there are, and the number of each record's: its golden record, or itself where it has none."""
    codes = [np.where(goldens > 0, -goldens, sources) for sources, goldens in sides]
    known, number = np.unique(np.concatenate(codes), return_inverse=True)
    return len(known), np.split(number, np.cumsum([len(code) for code in codes])[:-1])


def _packed(pending: Ints, group: Ints, pairs: dict[str, Array], chain: int | None = None) -> Iterator[Part]:
    """Groups side by side, as many to a part as it takes."""
    if not len(pending):
        return
    _, first, group = np.unique(group, return_index=True, return_inverse=True)
    order = np.argsort(first[group], kind="stable")  # groups by their first record
    sources, group = pending[order], group[order]
    ends = np.flatnonzero(np.r_[group[1:] != group[:-1], True]) + 1
    wanted = np.arange(PART, len(sources) + PART, PART).clip(max=len(sources))
    cuts = np.unique(ends[np.searchsorted(ends, wanted)])  # no group is cut
    owner = np.searchsorted(cuts, np.arange(len(sources)), side="right")
    shares = _shares(sources, owner, pairs, len(cuts))
    for part, share in zip(np.split(sources, cuts[:-1]), shares, strict=True):
        yield Part(part, {name: pairs[name][share] for name in KEPT}, chain)


def _shares(sources: Ints, owner: Ints, pairs: dict[str, Array], parts: int) -> list[Ints]:
    """The pairs of each part: those that one of its records is in."""
    order = np.argsort(sources)
    sources, owner = sources[order], owner[order]
    sides = []
    for side in ("one", "two"):
        at = np.minimum(np.searchsorted(sources, pairs[side]), len(sources) - 1)
        sides.append(np.where(sources[at] == pairs[side], owner[at], -1))
    again = np.where(sides[1] == sides[0], -1, sides[1])
    of, pair = np.concatenate([sides[0], again]), np.tile(np.arange(len(again)), 2)
    order = np.argsort(of, kind="stable")
    bounds = np.searchsorted(of[order], np.arange(parts + 1))
    return [pair[order[start:end]] for start, end in pairwise(bounds)]
