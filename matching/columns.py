"""Standardised records as columns of integers, and what can be asked of many pairs of them at once.

Tokens are interned per *space* (words, codes, …); a column holds the token numbers of every record end to end with the
offsets of each record (CSR). A pair is two row numbers. Nothing here knows what a token means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .records import Std

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Vocabulary:
    """Tokens of one space, numbered in the order of their arrival."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def tokens(self) -> list[str]:
        return list(self.numbers)

    def intern(self, tokens: Iterable[str]) -> list[int]:
        numbers = self.numbers
        return [numbers.setdefault(token, len(numbers)) for token in tokens]


@dataclass(frozen=True)
class Column:
    """The tokens of every record: those of row r are ``ids[offsets[r]:offsets[r + 1]]``."""

    offsets: Ints
    ids: Ints

    @classmethod
    def build(cls, vocabulary: Vocabulary, lists: Sequence[Sequence[str]]) -> Column:
        offsets = np.zeros(len(lists) + 1, dtype=np.int64)
        counts = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
        counts.cumsum(out=offsets[1:])
        ids = vocabulary.intern(token for tokens in lists for token in tokens)
        return cls(offsets, np.array(ids, dtype=np.int64))

    @property
    def is_empty(self) -> bool:
        return not len(self.ids)

    @cached_property
    def counts(self) -> Ints:
        return np.diff(self.offsets)

    @cached_property
    def stride(self) -> int:
        return int(self.ids.max()) + 1 if len(self.ids) else 1

    @cached_property
    def keys(self) -> Ints:
        """Row and token of every entry as one sorted number."""
        rows = np.repeat(np.arange(len(self.counts)), self.counts)
        return np.unique(rows * self.stride + self.ids)

    def expand(self, rows: Ints) -> tuple[Ints, Ints]:
        """Every token of every row: (position in ``rows``, token)."""
        return expand(self.offsets, self.ids, rows)

    def contains(self, rows: Ints, tokens: Ints) -> Bools:
        """Whether row ``rows[i]`` has the token ``tokens[i]``."""
        hit: Bools = np.zeros(len(rows), dtype=np.bool_)
        if self.is_empty:
            return hit
        wanted = rows * self.stride + tokens
        likely = np.flatnonzero(tokens < self.stride)
        if len(rows) > _FEW:
            likely = likely[self._sketch[_place(wanted[likely], len(self._sketch))]]
        wanted = wanted[likely]
        found = np.searchsorted(self.keys, wanted)
        found[found == len(self.keys)] = 0
        hit[likely] = self.keys[found] == wanted
        return hit

    @cached_property
    def _sketch(self) -> Bools:
        """Where an entry may be: looking here first spares most of the searching, for most entries aren't there."""
        size = 1 << int(8 * len(self.keys)).bit_length()
        sketch = np.zeros(size, dtype=np.bool_)
        sketch[_place(self.keys, size)] = True
        return sketch


_FEW = 5_000  # questions for which a sketch isn't worth making
_MIX = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the golden ratio times 2^64 (Knuth, vol. 3, 6.4)


def _place(entries: Ints, size: int) -> Ints:
    """A slot of a table of ``size`` (a power of two) for each entry."""
    mixed = entries.astype(np.uint64) * _MIX
    slots: Ints = (mixed >> np.uint64(65 - size.bit_length())).astype(np.int64)
    return slots


def expand(offsets: Ints, ids: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """CSR rows one after another: (position in ``rows``, entry)."""
    starts = offsets[rows]
    counts = offsets[rows + 1] - starts
    positions = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(positions)) - np.repeat(np.cumsum(counts) - counts, counts)
    return positions, ids[np.repeat(starts, counts) + within]


@dataclass(frozen=True)
class Relation:
    """Which tokens of the left table resemble which of the right, and how much (0–1): CSR over left tokens."""

    offsets: Ints
    others: Ints
    similarity: Floats

    @classmethod
    def build(cls, size: int, left: Sequence[int], right: Sequence[int], similarity: Sequence[float]) -> Relation:
        order = np.argsort(np.asarray(left, dtype=np.int64), kind="stable")
        offsets = np.zeros(size + 1, dtype=np.int64)
        np.cumsum(np.bincount(np.asarray(left, dtype=np.int64), minlength=size), out=offsets[1:])
        others = np.asarray(right, dtype=np.int64)[order]
        return cls(offsets, others, np.asarray(similarity, dtype=np.float64)[order])


Weigh = Callable[[str, Sequence[str]], Floats]
"""Space, tokens → the rarity of each in bits."""
Resemblance = Callable[[Sequence[str], Sequence[str]], list[tuple[int, int, float]]]
"""Left tokens, right tokens → (left position, right position, similarity) of those that resemble each other."""


@dataclass(frozen=True)
class Overlap:
    """How far the tokens of pairs agree, by weight. One number per pair in each array."""

    shared: Floats  # weight of what both have, the mean of both views
    less: Floats  # weight of what one side alone has: the smaller of the two sides
    more: Floats  # … the larger
    literal: Bools  # all agreement is literal, none by resemblance
    stated: Bools  # both sides have tokens

    @classmethod
    def nothing(cls, size: int) -> Overlap:
        """The overlap of pairs of which one side states nothing."""
        zero, no = np.zeros(size), np.zeros(size, dtype=np.bool_)
        return cls(zero, zero, zero, no, no)

    @property
    def similarity(self) -> Floats:
        whole = self.shared + self.less
        return np.divide(self.shared, whole, out=np.zeros_like(whole), where=whole > 0)


class Tables:
    """A left and a right list of standardised records, ready to answer questions about pairs of rows.

    ``spaces`` names the space of each column; ``weigh(space, tokens)`` gives each token's rarity in bits;
    ``prior`` (negative bits) is what agreement has to make up for.
    """

    def __init__(
        self,
        columns: Mapping[str, tuple[Column, Column]],
        vocabularies: Mapping[str, Vocabulary],
        spaces: Mapping[str, str],
        weigh: Weigh,
        prior: float,
    ) -> None:
        self.prior = prior
        self._spaces = spaces
        self._weigh = weigh
        self._vocabularies = vocabularies
        self._columns = columns
        self._weights: dict[str, Floats] = {}
        self._relations: dict[tuple[str, Resemblance], tuple[Relation, Relation]] = {}

    @classmethod
    def of(
        cls, left: Sequence[Std], right: Sequence[Std], spaces: Mapping[str, str], weigh: Weigh, prior: float
    ) -> Tables:
        """Two lists of standardised records."""
        vocabularies = {space: Vocabulary() for space in spaces.values()}
        columns = {}
        for name, space in spaces.items():
            one = Column.build(vocabularies[space], [record.get(name, ()) for record in left])
            if left is right:
                columns[name] = one, one
            else:
                columns[name] = one, Column.build(vocabularies[space], [record.get(name, ()) for record in right])
        return cls(columns, vocabularies, spaces, weigh, prior)

    @property
    def names(self) -> Mapping[str, str]:
        return self._spaces

    def column(self, name: str) -> tuple[Column, Column]:
        return self._columns[name]

    def tokens(self, space: str) -> list[str]:
        return self._vocabularies[space].tokens

    def weights(self, name: str) -> Floats:
        """Rarity in bits of every token of the space of column ``name``."""
        space = self._spaces[name]
        if space not in self._weights:
            self._weights[space] = self._weigh(space, self.tokens(space))
        return self._weights[space]

    def groups(self, name: str, prefix: str) -> Ints:
        """A number per token of the space of column ``name``: equal for tokens alike before ``prefix``."""
        numbers: dict[str, int] = {}
        heads = (token.partition(prefix)[0] for token in self.tokens(self._spaces[name]))
        return np.array([numbers.setdefault(head, len(numbers)) for head in heads], dtype=np.int64)

    def relation(self, name: str, resemblance: Resemblance) -> tuple[Relation, Relation]:
        """Left → right and right → left resemblance of the tokens of column ``name``."""
        if (name, resemblance) not in self._relations:
            self._relations[name, resemblance] = self._relate(name, resemblance)
        return self._relations[name, resemblance]

    def _relate(self, name: str, resemblance: Resemblance) -> tuple[Relation, Relation]:
        sides = [np.unique(column.ids) for column in self._columns[name]]
        tokens = self.tokens(self._spaces[name])
        found = resemblance([tokens[i] for i in sides[0]], [tokens[i] for i in sides[1]])
        left = [int(sides[0][i]) for i, _, _ in found]
        right = [int(sides[1][j]) for _, j, _ in found]
        similarity = [s for _, _, s in found]
        size = len(tokens)
        return Relation.build(size, left, right, similarity), Relation.build(size, right, left, similarity)

    def pairs(self, left: Ints, right: Ints) -> Pairs:
        return Pairs(self, left, right)


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows (``left[i]``, ``right[i]``) of ``tables``."""

    tables: Tables
    left: Ints
    right: Ints

    def __len__(self) -> int:
        return len(self.left)

    def stated(self, name: str) -> Bools:
        """Both sides have something in the column."""
        a, b = self.tables.column(name)
        both: Bools = (a.counts[self.left] > 0) & (b.counts[self.right] > 0)
        return both

    def count_shared(self, name: str, prefix: str = "") -> Floats:
        """How many tokens of the column both sides have; those with the same text before ``prefix`` count once."""
        a, b = self.tables.column(name)
        if a.is_empty or b.is_empty:
            return np.zeros(len(self))
        pair, token = a.expand(self.left)
        hit = b.contains(self.right[pair], token)
        pair, token = pair[hit], token[hit]
        if prefix:
            groups = self.tables.groups(name, prefix)
            pair = np.unique(np.stack([pair, groups[token]]), axis=1)[0]
        return np.bincount(pair, minlength=len(self)).astype(np.float64)

    def lone(self, name: str) -> Bools:
        """Exactly one side has something in the column."""
        a, b = self.tables.column(name)
        one: Bools = (a.counts[self.left] > 0) != (b.counts[self.right] > 0)
        return one

    def shared_weight(self, name: str, other: str | None = None) -> Floats:
        """Weight of the rarest token that the left side has in column ``name`` and the right side in ``other``."""
        a, b = self.tables.column(name)[0], self.tables.column(other or name)[1]
        best = np.zeros(len(self), dtype=np.float64)
        if a.is_empty or b.is_empty:
            return best
        pair, token = a.expand(self.left)
        hit = b.contains(self.right[pair], token)
        np.maximum.at(best, pair[hit], self.tables.weights(name)[token[hit]])
        return best

    def share(self, name: str) -> Bools:
        """The two sides have a token in common; False throughout for a column that the domain doesn't have."""
        if name not in self.tables.names:
            return np.zeros(len(self), dtype=np.bool_)
        shared: Bools = self.shared_weight(name) > 0
        return shared

    def crossed_weight(self, name: str, other: str) -> Floats:
        """``shared_weight`` of left ``name`` in right ``other`` or of left ``other`` in right ``name``, the larger."""
        return np.maximum(self.shared_weight(name, other), self.shared_weight(other, name))

    def overlap(self, name: str, resemblance: Resemblance | None = None, context: str | None = None) -> Overlap:
        """Agreement of the tokens of a column.

        ``context``: a column whose tokens may be matched but are not missed when they are absent.
        """
        a, b = self.tables.column(name)
        if a.is_empty or b.is_empty:
            return Overlap.nothing(len(self))
        behind = self.tables.column(context) if context else (None, None)
        relations = self.tables.relation(name, resemblance) if resemblance else (None, None)
        weights = self.tables.weights(name)
        mine = _agreement(a, b, behind[1], self.left, self.right, weights, relations[0])
        theirs = _agreement(b, a, behind[0], self.right, self.left, weights, relations[1])
        return Overlap(
            shared=(mine[0] + theirs[0]) / 2,
            less=np.minimum(mine[1], theirs[1]),
            more=np.maximum(mine[1], theirs[1]),
            literal=mine[2] & theirs[2],
            stated=self.stated(name),
        )


def _agreement(
    mine: Column,
    other: Column,
    behind: Column | None,
    rows: Ints,
    other_rows: Ints,
    weights: Floats,
    relation: Relation | None,
) -> tuple[Floats, Floats, Bools]:
    """Per pair: weight of my tokens that the other side has, of those that it lacks, and whether all is literal."""
    pair, token = mine.expand(rows)
    weight = weights[token]
    hit = other.contains(other_rows[pair], token)
    if behind is not None:
        hit |= behind.contains(other_rows[pair], token)
    share = hit.astype(np.float64)
    if relation is not None:
        weight = weight.copy()
        _soften(share, weight, pair, token, ~hit, other, other_rows, weights, relation)
    size = len(rows)
    literal: Bools = np.bincount(pair[share < 1.0], minlength=size) == 0
    return _sum(pair, weight * share, size), _sum(pair, weight * (share == 0.0), size), literal


def _sum(pair: Ints, weight: Floats, size: int) -> Floats:
    """The weights of each pair, added up; zero where it has none (``bincount`` of nothing counts integers)."""
    return np.bincount(pair, weight, size).astype(np.float64)


def _soften(
    share: Floats,
    weight: Floats,
    pair: Ints,
    token: Ints,
    open_: Bools,
    other: Column,
    other_rows: Ints,
    weights: Floats,
    relation: Relation,
) -> None:
    """Give tokens without a literal partner the share of the most similar one that the other side has (in place).

    A misspelt word looks rare; it weighs no more than the word that it resembles.
    """
    entries = np.flatnonzero(open_)
    at, candidate = expand(relation.offsets, relation.others, token[entries])
    _, similarity = expand(relation.offsets, relation.similarity, token[entries])  # type: ignore[arg-type]
    entry = entries[at]
    rows = other_rows[pair[entry]]
    present = other.contains(rows, candidate)
    entry, candidate, similarity = entry[present], candidate[present], similarity[present]
    order = np.lexsort((weights[candidate], similarity, entry))  # the last of an entry is its most similar
    entry, candidate, similarity = entry[order], candidate[order], similarity[order]
    share[entry] = similarity
    weight[entry] = np.minimum(weight[entry], weights[candidate])
