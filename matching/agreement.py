"""Which tokens the two rows of a pair have in common, for many pairs at once.

Rows have few tokens, so nothing is searched for: those of many pairs are laid out by place (the first token of every
row, the second …) and each place of one side is compared with each of the other. That is some ten comparisons of
contiguous numbers a pair, where looking up a token in the other row would cost as many misses of the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.signedinteger[Any]]  # of 32 bits where there are many
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = Ints  # [place, pair]: a token, or less than 0 where a row has no more

_CELLS = 1 << 20  # comparisons made at once: bounds memory at some MB
_WIDTHS = (2, 4, 8, 16)  # pairs are taken together by how many tokens their rows have, or few would wait for many
_FEW = 4_000  # pairs for which that isn't worth the trouble


def entries(offsets: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """CSR rows one after another: (position in ``rows``, number of the entry)."""
    starts = offsets[rows]
    counts = offsets[rows + 1] - starts
    positions = np.repeat(np.arange(len(rows)), counts)
    shift = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    return positions, np.arange(len(positions)) + shift


def firsts(ordered: Ints) -> Ints:
    """Where each number of a sorted array begins."""
    return np.flatnonzero(np.concatenate([np.ones(min(1, len(ordered)), np.bool_), ordered[1:] != ordered[:-1]]))


@dataclass(frozen=True)
class Column:
    """The tokens of every record: those of row r are ``ids[offsets[r]:offsets[r + 1]]``, each once."""

    offsets: Ints
    ids: Ints

    @property
    def is_empty(self) -> bool:
        """Whether no record has a token."""
        return not len(self.ids)

    @cached_property
    def counts(self) -> NDArray[np.int32]:
        """How many tokens each record has."""
        return (self.offsets[1:] - self.offsets[:-1]).astype(np.int32)

    def part(self, start: int, end: int) -> Column:
        """The records from ``start`` until before ``end``, as a column of its own."""
        first, last = self.offsets[start], self.offsets[end]
        return Column(self.offsets[start : end + 1] - first, self.ids[first:last])

    def expand(self, rows: Ints) -> tuple[Ints, Ints]:
        """Every token of every row: (position in ``rows``, token)."""
        positions, numbers = entries(self.offsets, rows)
        return positions, self.ids[numbers]

    def places(self, rows: Ints, fill: int) -> Places:
        """The tokens of the rows by place: [place, row], ``fill`` where a row has no more."""
        counts = self.counts[rows]
        width = int(counts.max(initial=0))
        if not width:
            return np.empty((0, len(rows)), dtype=np.int64)
        place = np.arange(width)[:, None]
        tokens: Places = self.ids.take(self.offsets[rows] + place, mode="clip")
        tokens[place >= counts] = fill
        return tokens


@dataclass(frozen=True)
class Block:
    """Some pairs, both rows of which have tokens, and which of those are equal.

    ``at``: their positions among all pairs. ``mine``, ``theirs``: the tokens by place. ``hit``, ``their_hit``: whether
    the other side has the token, in the same shape.
    """

    at: Ints
    mine: Places
    theirs: Places
    hit: Bools
    their_hit: Bools


def blocks(mine: Column, theirs: Column, left: Ints, right: Ints) -> Iterator[Block]:
    """The pairs (``left[i]``, ``right[i]``) both sides of which have tokens; each comes once."""
    if mine.is_empty or theirs.is_empty:
        return
    one, two = mine.counts[left], theirs.counts[right]
    stated = np.flatnonzero((one > 0) & (two > 0))
    wide = np.maximum(one[stated], two[stated])
    for at in _by_width(stated, wide):
        step = max(1, _CELLS // (int(one[at].max()) * int(two[at].max())))
        for start in range(0, len(at), step):
            some = at[start : start + step]
            yield _block(some, mine.places(left[some], -1), theirs.places(right[some], -2))


def _by_width(at: Ints, wide: NDArray[Any]) -> Iterator[Ints]:
    if 0 < len(at) <= _FEW:
        yield at
        return
    kind = np.searchsorted(_WIDTHS, wide)
    for number in range(len(_WIDTHS) + 1):
        some = at[kind == number]
        if len(some):
            yield some


def _block(at: Ints, mine: Places, theirs: Places) -> Block:
    equal = mine[:, None] == theirs[None]
    hit: Bools = equal.any(axis=1)
    their_hit: Bools = equal.any(axis=0)
    return Block(at, mine, theirs, hit, their_hit)


@dataclass(frozen=True)
class Relation:
    """Which tokens of the left table (of ``size``) resemble which of the right, and how much (0–1).

    ``codes``: left token × ``size`` + right token, sorted. ``related``: per left token whether anything resembles it.
    ``sketch``: where a code may be; looking there first spares nearly all searching, for hardly any is there.
    """

    size: int
    codes: Ints
    similarity: Floats
    related: Bools
    sketch: Bools

    @classmethod
    def build(cls, size: int, left: Ints, right: Ints, similarity: Floats) -> Relation:
        """From aligned lists of left tokens, right tokens and their similarity (0 to 1); ``size``: of the space."""
        codes = left * np.int64(size) + right
        order = np.argsort(codes, kind="stable")
        sketch = np.zeros(1 << min(22, int(32 * len(codes)).bit_length()), dtype=np.bool_)
        sketch[_slots(codes, len(sketch))] = True
        return cls(size, codes[order], similarity[order], np.bincount(left, minlength=size) > 0, sketch)

    def find(self, left: Ints, right: Ints) -> tuple[Ints, Ints, Floats]:
        """Of every left token (one per column) and its right ones (below it; negative: none), those that resemble each
        other: (place of the left one, the right one, similarity).
        """
        codes = left * np.int64(self.size) + right
        row, place = np.nonzero(self.sketch[_slots(codes, len(self.sketch))] & (right >= 0))
        code = codes[row, place]
        at = np.minimum(np.searchsorted(self.codes, code), len(self.codes) - 1)
        there = self.codes[at] == code
        return place[there], right[row, place][there], self.similarity[at[there]]


_MIX = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the golden ratio times 2^64 (Knuth, vol. 3, 6.4)


def _slots(codes: Ints, size: int) -> NDArray[np.uint64]:
    """A slot of a table of ``size`` (a power of two) for each code."""
    return (codes.astype(np.uint64) * _MIX) >> np.uint64(65 - size.bit_length())


@dataclass(frozen=True)
class Overlap:
    """How far the tokens of pairs agree, by weight. One number per pair in each array; where one side has no tokens,
    zero and False.
    """

    shared: Floats  # weight of what both have, the mean of both views
    less: Floats  # weight of what one side alone has: the smaller of the two sides
    more: Floats  # … the larger
    literal: Bools  # all agreement is literal, none by resemblance
    stated: Bools  # both sides have tokens

    @classmethod
    def nothing(cls, size: int) -> Overlap:
        """The overlap of pairs of which one side states nothing."""
        shared, less, more = np.zeros((3, size))
        literal, stated = np.zeros((2, size), dtype=np.bool_)
        return cls(shared, less, more, literal, stated)

    @property
    def similarity(self) -> Floats:
        """Shared weight as a share of what the poorer side says, 0 to 1."""
        whole = self.shared + self.less
        return np.divide(self.shared, whole, out=np.zeros_like(whole), where=whole > 0)


@dataclass(frozen=True)
class Side:
    """What one side of the pairs brings besides its tokens.

    ``behind``: a column of the *other* side whose tokens may be matched, though they are not missed when absent.
    ``relation``: what resembles its tokens.
    """

    behind: Column | None
    relation: Relation | None


def overlap(
    columns: tuple[Column, Column], rows: tuple[Ints, Ints], weights: Floats, sides: tuple[Side, Side]
) -> Overlap:
    """Agreement of the tokens of a column of both tables, for each pair of ``rows``."""
    found = Overlap.nothing(len(rows[0]))
    for block in blocks(*columns, *rows):
        at = block.at
        mine = _agreement(block.mine, block.hit, block.theirs, rows[1][at], weights, sides[0])
        theirs = _agreement(block.theirs, block.their_hit, block.mine, rows[0][at], weights, sides[1])
        found.shared[at] = (mine[0] + theirs[0]) / 2
        found.less[at] = np.minimum(mine[1], theirs[1])
        found.more[at] = np.maximum(mine[1], theirs[1])
        found.literal[at] = mine[2] & theirs[2]
        found.stated[at] = True
    return found


def _agreement(
    tokens: Places, hit: Bools, others: Places, other_rows: Ints, weights: Floats, side: Side
) -> tuple[Floats, Floats, Bools]:
    """Per pair: weight of my tokens that the other side has, of those that it lacks, and whether all is literal."""
    real = tokens >= 0
    weight = np.where(real, weights[tokens], 0.0)
    if side.behind is not None:
        hit = _with_context(tokens, hit, real, side.behind, other_rows)
    share = hit.astype(np.float64)
    literal: Bools = np.logical_not((real & ~hit).any(axis=0))
    if side.relation is not None:
        _soften(share, weight, tokens, ~hit & real, others, weights, side.relation)
    return _total(weight * share), _total(weight * (share == 0.0)), literal


def _with_context(tokens: Places, hit: Bools, real: Bools, behind: Column, other_rows: Ints) -> Bools:
    """``hit``, or found in the other row's context. Only pairs with something left to find are looked at."""
    there = behind.counts[other_rows] > 0
    open_ = np.flatnonzero((~hit & real).any(axis=0) & there)
    if not len(open_):
        return hit
    hit = hit.copy()
    around = behind.places(other_rows[open_], -2)
    for place in range(len(tokens)):
        hit[place, open_] |= (around == tokens[place, open_]).any(axis=0)
    return hit


def _total(weights: Floats) -> Floats:
    """The sum over places, one after the other: the same in any company."""
    total = np.zeros(weights.shape[1])
    for weight in weights:
        total += weight
    return total


def _soften(
    share: Floats, weight: Floats, tokens: Places, open_: Bools, others: Places, weights: Floats, relation: Relation
) -> None:
    """Give tokens without a literal partner the share of the most similar one that the other side has (in place).

    A misspelt word looks rare; it weighs no more than the word that it resembles.
    """
    place, pair = np.nonzero(open_ & relation.related[tokens])
    if not len(place):
        return
    at, candidate, similarity = relation.find(tokens[place, pair], others[:, pair])
    order = np.lexsort((weights[candidate], similarity, at))  # the last of an entry is its most similar
    at, candidate, similarity = at[order], candidate[order], similarity[order]
    share[place[at], pair[at]] = similarity
    weight[place[at], pair[at]] = np.minimum(weight[place[at], pair[at]], weights[candidate])
