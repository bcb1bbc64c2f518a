"""Keys: strings that two records share if they may be the same. They find candidates, and they are what is locked.

A key depends on its record alone, so the keys of a stored record never change because another one arrived. Broad keys
(a phone, a code) come with refined ones (a word and a size), because a key that too many records share finds nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from .agreement import Column, Floats, Ints, entries, firsts
from .parallel import processes, shared, spread
from .standardise.dictionaries import forgetful, word_set
from .standardise.text import skeleton, unique

_DIGIT = re.compile(r"\d")
LIMIT = 32  # keys per record
CAP = 200  # a key that more records of a side share makes no pairs


_FACTOR = 0x9E3779B97F4A7C15  # odd, without a pattern: the golden ratio times 2^64
_INVERSE = pow(_FACTOR, -1, 1 << 64)


def numbered(keys: Sequence[str]) -> Ints:
    """Keys as signed 64-bit numbers, many at once: polynomials in their bytes (Karp and Rabin 1987), stirred.

    A tenth of the time that a hash of each takes. Of 20 million different keys, two have the same number once in
    100,000 tables.
    """
    text = "".join(keys)
    whole = text.encode()
    lengths = map(len, keys) if len(whole) == len(text) else (len(key.encode()) for key in keys)
    ends = np.cumsum(np.fromiter(lengths, dtype=np.int64, count=len(keys)))
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(keys)]
    values = (np.frombuffer(whole, dtype=np.uint8) + np.uint64(1)) * _powers(_FACTOR, len(whole))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values)])
    found = (sums[ends] - sums[starts]) * _powers(_INVERSE, len(whole) + 1)[starts]
    found = (found ^ (found >> np.uint64(32))) * np.uint64(_FACTOR)
    stirred: Ints = (found ^ (found >> np.uint64(29))).view(np.int64)
    return stirred


def _powers(factor: int, count: int) -> NDArray[np.uint64]:
    """The powers of a factor from 0 on, modulo 2^64."""
    return _power_table(factor, 1 << max(12, count.bit_length()))[:count]


@lru_cache(maxsize=4)  # chunks are of much the same size
def _power_table(factor: int, count: int) -> NDArray[np.uint64]:
    steps = np.full(count, factor, dtype=np.uint64)
    steps[0] = 1
    return np.cumprod(steps)


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
    same = left is right
    found = _Search(index, index.own if same else index.known(left), best, same=same).all()
    return _once(found, len(right.counts)) if same else found


class _Search:
    """The candidates of all rows of a table, looked for by several processes, which write them side by side."""

    def __init__(self, index: KeyIndex, left: Column, best: int, *, same: bool) -> None:
        self._index, self._left, self._best, self._same = index, left, best, same
        self._size = len(left.counts)
        self._counts = shared(self._size, np.int32)
        self._others, self._worth = shared(self._size * best, np.int32), shared(self._size * best, np.float32)

    def all(self) -> Candidates:
        starts = range(0, self._size, _ROWS)
        for _ in spread(self._some, starts, workers=processes(self._size, MANY)):
            pass
        used = (np.arange(self._best) < self._counts[:, None]).ravel()
        rows = np.repeat(np.arange(self._size, dtype=np.int32), self._counts)
        return Candidates(rows, self._others[used], self._worth[used])

    def _some(self, start: int) -> None:
        rows = np.arange(start, min(start + _ROWS, self._size))
        owner, other, worth = self._index.some(self._left, rows, self._best, same=self._same)
        counts = np.bincount(owner, minlength=len(rows))
        place = rows[owner] * self._best + np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
        self._counts[rows], self._others[place], self._worth[place] = counts, other, worth


MANY = 10_000  # rows from which on searching in several processes pays
_ROWS = 1_024  # rows searched at once: bounds memory at some hundred MB
_LOOKS = 1_000  # records that a row's keys may lead to: those of its rarest keys
_COMMON = 6  # keys of a row that are too common alone and are paired: fifteen pairs


class KeyIndex:
    """The right records by key, and by two keys where one is too common. Made once, asked for many left rows.

    ``numbers``: the different keys of the right records, sorted. Inside, a key is its place among them; ``own``: the
    right records' keys so.
    """

    def __init__(self, keys: Column, *, cap: int = CAP) -> None:
        self._cap, self._size = cap, len(keys.counts)
        self._bits = cap.bit_length()
        order = np.argsort(keys.ids)
        self.numbers, self._starts, place = _numbered(keys.ids[order])
        ids = np.empty(len(order), dtype=np.int32)
        ids[order] = place
        self.own = Column(keys.offsets, ids)
        self._rows = np.repeat(np.arange(self._size, dtype=np.int32), keys.counts)[order]
        self._counts = np.diff(self._starts)
        self._common, self._commons = self._rank_common()
        self._double = self._index_doubles()

    def _rank_common(self) -> tuple[Ints, int]:
        """Of each key its rank among those that are too common, the rarest 0, or -1; and how many there are."""
        common = np.flatnonzero(self._counts > self._cap)
        rank = np.full(len(self._counts), -1, dtype=np.int32)
        rank[common[np.argsort(self._counts[common], kind="stable")]] = np.arange(len(common))
        return rank, len(common)

    def _index_doubles(self) -> _Doubles:
        parts = []
        for start in range(0, self._size, 1 << 16):
            rows = np.arange(start, min(start + (1 << 16), self._size))
            at, pairs = self._refined(*self.own.expand(rows))
            parts.append(pairs * self._size + rows[at])
        return _Doubles.of(np.concatenate(parts) if parts else np.empty(0, np.int64), max(1, self._size))

    @property
    def common(self) -> tuple[Ints, Ints]:
        """Keys that more than ``cap`` records share, and how many do."""
        places = np.flatnonzero(self._counts > self._cap)
        return self.numbers[places], self._counts[places]

    def doubles(self, column: Column) -> Column:
        """Every two keys of a row that are each too common, as a number. ``column``: keys as places in ``numbers``."""
        size = len(column.counts)
        at, pairs = self._refined(*column.expand(np.arange(size)))
        order = np.lexsort((pairs, at))
        ends = np.concatenate([np.zeros(1, np.int64), np.bincount(at, minlength=size).cumsum()])
        return Column(ends, pairs[order])

    def known(self, column: Column) -> Column:
        """The column with the places of its keys in ``numbers``, without those that aren't there."""
        if not len(self.numbers):
            return Column(np.zeros_like(column.offsets), np.empty(0, np.int64))
        place = np.minimum(np.searchsorted(self.numbers, column.ids), len(self.numbers) - 1)
        there = self.numbers[place] == column.ids
        kept = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(there)])
        return Column(kept[column.offsets], place[there])

    def duplicates(self, rows: Ints, *, best: int) -> Candidates:
        """The best candidates of rows of the right table itself, each pair as often as one of its rows is asked for."""
        return self._search(self.own, rows, best, same=True)

    def search(self, left: Column, rows: Ints, *, best: int) -> Candidates:
        """The best candidates of left rows, whose keys are places in ``numbers`` (see ``known``)."""
        return self._search(left, rows, best, same=False)

    def _search(self, left: Column, rows: Ints, best: int, *, same: bool) -> Candidates:
        found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            owner, other, worth = self.some(left, part, best, same=same)
            found.append((part[owner], other, worth))
        return Candidates(*(np.concatenate(part) for part in zip(*found, strict=True)))

    def some(self, left: Column, rows: Ints, best: int, *, same: bool) -> tuple[Ints, Ints, Floats]:
        """The best candidates of no more than ``_ROWS`` left rows: (place in ``rows``, right row, worth), best first.

        What is sorted here is packed into one number each: sorting those is several times as fast as sorting indexes.
        """
        at, keys = left.expand(rows)
        shares = [self._single(*self._rarest(at, keys)), self._double.find(*self._refined(at, keys), self._cap)]
        owner, other, count = (np.concatenate(part) for part in zip(*shares, strict=True))
        if same:
            apart = rows[owner] != other
            owner, other, count = owner[apart], other[apart], count[apart]
        packed = np.sort((owner * self._size + other) << self._bits | count)
        pair = packed >> self._bits
        first = firsts(pair)
        shared_by = packed & ((1 << self._bits) - 1)
        total = np.add.reduceat(1.0 / shared_by, first) if len(first) else np.empty(0)
        owner, other = np.divmod(pair[first], self._size)
        kept = _worthiest(owner, total, best)
        return owner[kept], other[kept], total[kept]

    def _single(self, at: Ints, keys: Ints) -> tuple[Ints, Ints, Ints]:
        """(place, row, how many share the key) of every row that has one of the keys."""
        at_key, number = entries(self._starts, keys)
        return at[at_key], self._rows[number].astype(np.int64), self._counts[keys][at_key]

    def _rarest(self, at: Ints, keys: Ints) -> tuple[Ints, Ints]:
        """The (place, key) of each row's rarest keys, which together lead to about ``_LOOKS`` records."""
        counts = self._counts[keys]
        usable = counts <= self._cap
        at, keys, counts = at[usable], keys[usable], counts[usable]
        packed = np.sort((at << self._bits | counts) * len(at) + np.arange(len(at)))
        order = packed % max(1, len(at))
        at, keys, counts = at[order], keys[order], counts[order]
        before = np.cumsum(counts) - counts
        if len(at):
            before -= before[np.searchsorted(at, at)]
        kept = before < _LOOKS
        return at[kept], keys[kept]

    def _refined(self, at: Ints, keys: Ints) -> tuple[Ints, Ints]:
        """(place, number) of every two keys of a row that are each too common, the rarest ``_COMMON`` of them."""
        rank = self._common[keys]
        common = rank >= 0
        at, rank = np.divmod(np.sort(at[common] * self._commons + rank[common]), max(1, self._commons))
        first = np.searchsorted(at, at) if len(at) else at
        kept = np.arange(len(at)) - first < _COMMON
        at, rank = at[kept], rank[kept]
        owners, found = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for step in range(1, _COMMON):  # each key with the one ``step`` places behind it
            near = np.flatnonzero(at[:-step] == at[step:])
            owners.append(at[near])
            found.append(rank[near] * self._commons + rank[near + step])
        return np.concatenate(owners), np.concatenate(found)


@dataclass(frozen=True)
class _Doubles:
    """Two keys as one number, and the rows that have both: of ``numbers[i]``, ``rows[starts[i]:starts[i + 1]]``."""

    numbers: Ints
    starts: Ints
    rows: Ints

    @classmethod
    def of(cls, packed: Ints, size: int) -> _Doubles:
        """``packed``: number × ``size`` + row of every entry."""
        packed.sort()
        pairs, rows = np.divmod(packed, size)
        numbers, starts, _ = _numbered(pairs)
        return cls(numbers, starts, rows.astype(np.int32))

    def find(self, at: Ints, wanted: Ints, cap: int) -> tuple[Ints, Ints, Ints]:
        """(place, row, how many share the number) of every row that has a number, unless more than ``cap`` have it."""
        if not len(self.numbers):
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
        number = np.minimum(np.searchsorted(self.numbers, wanted), len(self.numbers) - 1)
        counts = self.starts[number + 1] - self.starts[number]
        hit = (self.numbers[number] == wanted) & (counts <= cap)
        at, number, counts = at[hit], number[hit], counts[hit]
        position, entry = entries(self.starts, number)
        return at[position], self.rows[entry].astype(np.int64), counts[position]


def _numbered(ordered: Ints) -> tuple[Ints, Ints, Ints]:
    """Of sorted numbers: each once, where each begins (and the end), and the place of every entry among them."""
    first = firsts(ordered)
    begins = np.zeros(len(ordered), dtype=np.int32)
    begins[first[1:]] = 1
    return ordered[first], np.append(first, len(ordered)), np.cumsum(begins, dtype=np.int32)


def _worthiest(groups: Ints, worth: Floats, most: int) -> Ints:
    """Positions of the ``most`` worthiest of each group, best first. ``groups`` is sorted.

    Positive floats sort as the integers that their bits are.
    """
    if not len(groups):
        return groups
    level = worth.astype(np.float32).view(np.int32).astype(np.int64)
    level = level.max() - level
    span, size = int(level.max()) + 1, len(groups)
    order = np.sort((groups * span + level) * size + np.arange(size)) % size
    counts = np.bincount(groups)
    rank = np.arange(size) - (np.cumsum(counts) - counts)[groups]  # sorting keeps every group where it is
    kept: Ints = order[rank < most]
    return kept


def _once(found: Candidates, size: int) -> Candidates:
    """Each pair of one table once, the smaller row number first."""
    low, high = np.minimum(found.left, found.right), np.maximum(found.left, found.right)
    pair = low.astype(np.int64) * size + high
    order = np.argsort(pair)
    first = order[firsts(pair[order])]
    return Candidates(low[first], high[first], found.worth[first])
