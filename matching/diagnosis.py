"""What each kind of key is worth: the pairs that it makes, and the true ones among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .agreement import Bools, Column, Ints, blocks
from .blocking import CAP, KeyIndex, numbered
from .columns import Vocabulary
from .parallel import processes, spread
from .recipe import Recipe
from .records import Values
from .table import CHUNK, MANY

COMMON = "two common keys"  # the kind of those that are refined


@dataclass(frozen=True)
class Kind:
    """One kind of key, as "code" of "code:4817016".

    ``keys``: different ones, ``common`` of which too many records share to make pairs. ``pairs``: that the others make.
    ``found``: true pairs that share one; ``alone``: and no key of another kind.
    """

    name: str
    keys: int
    common: int
    pairs: int
    found: int
    alone: int


def by_kind(
    recipe: Recipe,
    left: Sequence[Values],
    right: Sequence[Values],
    truth: Iterable[tuple[int, int]],
    *,
    cap: int = CAP,
) -> list[Kind]:
    """Every kind of key, the most finding first, and at last what two keys find that are each too common.

    Args: the records of both tables (the same one twice: of one table), and the true pairs as row numbers.
    """
    same = left is right
    names = Vocabulary()
    mine = _keys(recipe, left, names)
    theirs = mine if same else _keys(recipe, right, names)
    pairs = np.array(sorted(truth), dtype=np.int64).reshape(-1, 2).T
    columns = {name: (_only(mine, kind), _only(theirs, kind)) for name, kind in names.numbers.items()}
    index = KeyIndex(theirs.keys, cap=cap)
    known = index.own if same else index.known(mine.keys)
    columns[COMMON] = index.doubles(known), index.doubles(index.own)
    usable = {name: _usable(one, two, cap) for name, (one, two) in columns.items()}
    shared = {name: _shared(*sides, pairs) for name, sides in usable.items()}
    once = np.sum([*shared.values()], axis=0) == 1
    kinds = [
        Kind(
            name,
            keys=len(np.unique(columns[name][1].ids)),
            common=len(np.unique(columns[name][1].ids)) - len(np.unique(two.ids)),
            pairs=_made(one, two, same=same),
            found=int(shared[name].sum()),
            alone=int((shared[name] & once).sum()),
        )
        for name, (one, two) in usable.items()
    ]
    return [*sorted(kinds[:-1], key=lambda kind: -kind.found), kinds[-1]]


@dataclass(frozen=True)
class _Keyed:
    """The keys of a table as numbers, and the kind of each."""

    keys: Column
    kinds: Ints


def _keys(recipe: Recipe, values: Sequence[Values], names: Vocabulary) -> _Keyed:
    def chunk(start: int) -> tuple[list[int], Ints, list[str]]:
        own = [recipe.keys(recipe.standardise(one)) for one in values[start : start + CHUNK]]
        keys = [key for some in own for key in some]
        return [len(some) for some in own], numbered(keys), [key.partition(":")[0] for key in keys]

    counts, numbers, kinds = [np.zeros(1, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for sizes, some, named in spread(chunk, range(0, len(values), CHUNK), workers=processes(len(values), MANY)):
        counts.append(np.array(sizes, dtype=np.int64))
        numbers.append(some)
        kinds.append(names.intern(named))
    return _Keyed(Column(np.concatenate(counts).cumsum(), np.concatenate(numbers)), np.concatenate(kinds))


def _only(keyed: _Keyed, kind: int) -> Column:
    return _kept(keyed.keys, keyed.kinds == kind)


def _kept(column: Column, kept: Bools) -> Column:
    """The column with some of its entries."""
    before = np.concatenate([np.zeros(1, np.int64), kept.cumsum()])
    return Column(before[column.offsets], column.ids[kept])


def _usable(mine: Column, theirs: Column, cap: int) -> tuple[Column, Column]:
    """Both sides with the keys that no more than ``cap`` of the right records share, numbered from 0 on."""
    numbers, place, counts = np.unique(theirs.ids, return_inverse=True, return_counts=True)
    if not len(numbers):
        return _kept(mine, np.zeros(len(mine.ids), np.bool_)), theirs
    usable = counts <= cap
    at = np.minimum(np.searchsorted(numbers, mine.ids), len(numbers) - 1)
    there = (numbers[at] == mine.ids) & usable[at]
    one = _kept(Column(mine.offsets, at), there)
    return one, _kept(Column(theirs.offsets, place), usable[place])


def _shared(mine: Column, theirs: Column, pairs: Ints) -> Bools:
    """Whether the rows of each pair share a key."""
    shared = np.zeros(pairs.shape[1], dtype=np.bool_)
    for block in blocks(mine, theirs, pairs[0], pairs[1]):
        shared[block.at] = block.hit.any(axis=0)
    return shared


def _made(mine: Column, theirs: Column, *, same: bool) -> int:
    """Pairs of rows that share a key, counted once a key."""
    size = int(theirs.ids.max(initial=-1)) + 1
    left, right = (np.bincount(column.ids, minlength=size) for column in (mine, theirs))
    return int((right * (right - 1) // 2).sum() if same else (left * right).sum())
