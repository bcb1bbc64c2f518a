"""Keys: strings that two records share if they may be the same. They find candidates, and they are what is locked.

A key depends on its record alone, so the keys of a stored record never change because another one arrived. Broad keys
(a phone, a code) come with refined ones (a word and a size), because a key that too many records share finds nobody.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, combinations

import numpy as np

from .columns import Column, Floats, Ints
from .standardise.dictionaries import forgetful, word_set
from .standardise.text import skeleton, unique

_DIGIT = re.compile(r"\d")
LIMIT = 32  # keys per record
CAP = 200  # a key that more records of a side share makes no pairs


def hashed(key: str) -> int:
    """A key as a signed 64-bit number."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


def informative(words: Sequence[str], count: int) -> list[str]:
    """The words most likely to be rare: not common in the trade, with a digit, then the longest; each as its
    ``skeleton``, those with a digit as they are.
    """
    ranked = sorted(_ranked(word) for word in words if len(word) >= 2)
    return unique([key for *_, key in ranked])[:count]


@forgetful
@lru_cache(maxsize=65_536)
def _ranked(word: str) -> tuple[bool, bool, int, str, str]:
    """Where a word stands among others, the rarest first, and how it stands in keys."""
    coded = _DIGIT.search(word) is not None
    return word in word_set("common"), not coded, -min(len(word), 8), word, word if coded else skeleton(word)


def pairs_of(kind: str, parts: Iterable[str]) -> list[str]:
    """One key for every two of ``parts``, whatever their order."""
    return [f"{kind}:{a}+{b}" for a, b in combinations(sorted(set(parts)), 2)]


def crossed(kind: str, first: Iterable[str], second: Iterable[str]) -> list[str]:
    """One key for every combination of a part of each."""
    others = list(second)
    return [f"{kind}:{a}+{b}" for a in first for b in others]


def limited(*groups: Iterable[str]) -> list[str]:
    """The keys of all groups, each once, at most ``LIMIT``; earlier groups are surer and come first."""
    return unique(chain.from_iterable(groups))[:LIMIT]


@dataclass(frozen=True)
class Candidates:
    """Pairs of row numbers that share keys, best first per left row.

    ``worth``: the sum of one over how many records have each shared key; many broad keys never outdo a rare one.
    """

    left: Ints
    right: Ints
    worth: Floats


def search(left: Column, right: Column, *, cap: int = CAP, best: int = 60) -> Candidates:
    """Pairs of records that share a key: ``best`` per left row, ranked by how rare the shared keys are.

    A key that more than ``cap`` right records share is refined: two such keys together count as one key.

    Args: the keys of every left and every right record as numbers; the same column twice finds duplicates (then left <
    right).
    """
    index = KeyIndex(right, cap=cap)
    if left is right:
        found = index.duplicates(np.arange(len(left.counts)), best=best)
        return _once(found.left, found.right, found.worth)
    mine = _known(left, index.numbers)
    return index.search(mine, np.arange(len(left.counts)), best=best)


def _known(column: Column, numbers: Ints) -> Column:
    """The column with the places of its keys in ``numbers``, without those that aren't there."""
    if not len(numbers):
        return Column(np.zeros_like(column.offsets), np.empty(0, np.int64))
    place = np.minimum(np.searchsorted(numbers, column.ids), len(numbers) - 1)
    there = numbers[place] == column.ids
    kept = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(there)])
    return Column(kept[column.offsets], place[there])


_ROWS = 2_048  # left rows searched at once: bounds memory at some hundred MB
_LOOKS = 1_000  # records that a row's keys may lead to: those of its rarest keys


class KeyIndex:
    """The right records by key, and by two keys where one is too common. Made once, asked for many left rows.

    ``numbers``: the different keys of the right records, sorted. Inside, a key is its place among them.
    """

    def __init__(self, keys: Column, *, cap: int = CAP) -> None:
        self.numbers = np.unique(keys.ids)
        right = self._own = Column(keys.offsets, np.searchsorted(self.numbers, keys.ids))
        self._counts = np.bincount(right.ids, minlength=len(self.numbers))
        self._cap = cap
        self._size = len(right.counts)
        rows = np.repeat(np.arange(self._size), right.counts)
        rare = self._counts[right.ids] <= cap
        self._single = _Postings(right.ids[rare], rows[rare])
        owners, pairs = self._refined(right, np.arange(self._size))
        self._double = _Postings(pairs, owners)

    def duplicates(self, rows: Ints, *, best: int) -> Candidates:
        """The best candidates of rows of the right table itself, each pair as often as one of its rows is asked for."""
        return self._search(self._own, rows, best, same=True)

    def search(self, left: Column, rows: Ints, *, best: int) -> Candidates:
        """The best candidates of left rows, whose keys are places in ``numbers``."""
        return self._search(left, rows, best, same=False)

    def _search(self, left: Column, rows: Ints, best: int, *, same: bool) -> Candidates:
        starts = range(0, len(rows), _ROWS)
        found = [self._some(left, rows[start : start + _ROWS], best, same=same) for start in starts]
        if not found:
            return Candidates(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        return Candidates(*(np.concatenate(part) for part in zip(*found, strict=True)))

    def _some(self, left: Column, rows: Ints, best: int, *, same: bool) -> tuple[Ints, Ints, Floats]:
        """The best candidates of ``_ROWS`` left rows: (left row, right row, worth)."""
        at, keys = self._rarest(*left.expand(rows))
        owners, pairs = self._refined(left, rows)
        singles, doubles = self._single.find(keys, self._cap), self._double.find(pairs, self._cap)
        owner = np.concatenate([at[singles[0]], owners[doubles[0]]])
        other, worth = (np.concatenate([singles[i], doubles[i]]) for i in (1, 2))
        if same:
            apart = rows[owner] != other
            owner, other, worth = owner[apart], other[apart], worth[apart]
        codes, inverse = np.unique(owner * self._size + other, return_inverse=True)
        total = np.bincount(inverse, worth, len(codes)).astype(np.float64)
        owner, other = np.divmod(codes, self._size)
        kept = _first(owner, total, best)
        return rows[owner[kept]], other[kept], total[kept]

    def _rarest(self, at: Ints, keys: Ints) -> tuple[Ints, Ints]:
        """The (row, key) of each row's rarest keys, which together lead to about ``_LOOKS`` records."""
        counts = self._counts[keys]
        usable = counts <= self._cap
        at, keys, counts = at[usable], keys[usable], counts[usable]
        order = np.lexsort((counts, at))
        at, keys, counts = at[order], keys[order], counts[order]
        before = np.cumsum(counts) - counts
        if len(at):
            before -= before[np.searchsorted(at, at)]
        kept = before < _LOOKS
        return at[kept], keys[kept]

    def _refined(self, column: Column, rows: Ints) -> tuple[Ints, Ints]:
        """(place in ``rows``, number) of every two keys of a row that are each too common, the rarest ``_COMMON``."""
        at, keys = column.expand(rows)
        common = self._counts[keys] > self._cap
        at, keys = at[common], keys[common]
        order = np.lexsort((keys, self._counts[keys], at))
        at, keys = at[order], keys[order]
        starts = np.searchsorted(at, np.arange(len(rows)))
        rank = np.arange(len(at)) - starts[at]
        at, keys, rank = at[rank < _COMMON], keys[rank < _COMMON], rank[rank < _COMMON]
        found_rows, found = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for step in range(1, _COMMON):  # each key with the one ``step`` places behind it
            near = np.flatnonzero(at[:-step] == at[step:]) if len(at) > step else np.empty(0, np.int64)
            one, two = keys[near], keys[near + step]
            found_rows.append(at[near])
            found.append(np.minimum(one, two) * len(self._counts) + np.maximum(one, two))
        return np.concatenate(found_rows), np.concatenate(found)


_COMMON = 6  # keys of a row that are too common alone and are paired: fifteen pairs


class _Postings:
    """Numbers and the rows that have them."""

    def __init__(self, numbers: Ints, rows: Ints) -> None:
        order = np.argsort(numbers, kind="stable")
        self._rows = rows[order]
        self._numbers, self._starts, self._counts = np.unique(numbers[order], return_index=True, return_counts=True)

    def find(self, wanted: Ints, cap: int) -> tuple[Ints, Ints, Floats]:
        """(position in ``wanted``, row, worth) of every row that has the number, unless more than ``cap`` have it."""
        if not len(self._numbers) or not len(wanted):
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        at = np.minimum(np.searchsorted(self._numbers, wanted), len(self._numbers) - 1)
        hit = np.flatnonzero((self._numbers[at] == wanted) & (self._counts[at] <= cap))
        at = at[hit]
        counts = self._counts[at]
        position = np.repeat(hit, counts)
        within = np.arange(len(position)) - np.repeat(np.cumsum(counts) - counts, counts)
        return position, self._rows[np.repeat(self._starts[at], counts) + within], np.repeat(1.0 / counts, counts)


def _first(groups: Ints, worth: Floats, most: int) -> Ints:
    """Positions of the ``most`` worthiest of each group, best first. ``groups`` is sorted."""
    order = np.lexsort((-worth, groups))
    counts = np.bincount(groups)
    rank = np.arange(len(order)) - (np.cumsum(counts) - counts)[groups[order]]
    kept: Ints = order[rank < most]
    return kept


def _once(left: Ints, right: Ints, worth: Floats) -> Candidates:
    """Each pair of one table once, the smaller row number first."""
    low, high = np.minimum(left, right), np.maximum(left, right)
    size = int(high.max()) + 1 if len(high) else 1
    _, first = np.unique(low * size + high, return_index=True)
    return Candidates(low[first], high[first], worth[first])
