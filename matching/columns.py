"""Standardised records as columns of integers, and what can be asked of many pairs of them at once.

Tokens are interned per *space* (words, codes, …); a column holds the token numbers of every record end to end with the
offsets of each record (CSR). A pair is two row numbers. Nothing here knows what a token means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from . import agreement
from .agreement import Bools, Column, Floats, Ints, Overlap, Relation, Side, blocks
from .records import Std

__all__ = ["Bools", "Column", "Floats", "Ints", "Overlap", "Pairs", "Relation", "Tables", "Vocabulary"]


class Vocabulary:
    """Tokens of one space, numbered in the order of their arrival."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def tokens(self) -> list[str]:
        """The tokens, at the place of their number."""
        return list(self.numbers)

    def intern(self, tokens: Sequence[str]) -> Ints:
        """The numbers of the tokens, new ones among them."""
        known = self.numbers
        fresh = [token for token in dict.fromkeys(tokens) if token not in known]
        known.update(zip(fresh, range(len(known), len(known) + len(fresh)), strict=True))
        return np.fromiter(map(known.__getitem__, tokens), dtype=np.int64, count=len(tokens))

    def column(self, lists: Sequence[Sequence[str]]) -> Column:
        """The tokens of every record as a column."""
        offsets = np.zeros(len(lists) + 1, dtype=np.int64)
        np.fromiter(map(len, lists), dtype=np.int64, count=len(lists)).cumsum(out=offsets[1:])
        return Column(offsets, self.intern([*chain.from_iterable(lists)]))


def by_column(records: Sequence[Std], names: Iterable[str]) -> dict[str, list[Sequence[str]]]:
    """What standardised records say, column by column: the tokens of every record, none where it has no such column."""
    said: dict[str, list[Sequence[str]]] = {name: [()] * len(records) for name in names}
    for place, record in enumerate(records):
        for name, tokens in record.items():
            if name in said:
                said[name][place] = tokens
    return said


Weigh = Callable[[str, Sequence[str]], Floats]
"""Space, tokens → the rarity of each in bits."""
Resemblance = Callable[[Sequence[str], Sequence[str]], list[tuple[int, int, float]]]
"""Left tokens, right tokens → (left position, right position, similarity) of those that resemble each other."""


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
        self._groups: dict[tuple[str, str], Ints] = {}
        self._relations: dict[tuple[str, Resemblance], tuple[Relation, Relation]] = {}

    @classmethod
    def of(
        cls, left: Sequence[Std], right: Sequence[Std], spaces: Mapping[str, str], weigh: Weigh, prior: float
    ) -> Tables:
        """Two lists of standardised records."""
        vocabularies = {space: Vocabulary() for space in spaces.values()}
        columns: dict[str, tuple[Column, Column]] = {}
        records = left if left is right else [*left, *right]
        said = by_column(records, spaces)
        for name, space in spaces.items():
            whole = vocabularies[space].column(said[name])
            one = whole.part(0, len(left))
            columns[name] = one, one if left is right else whole.part(len(left), len(records))
        return cls(columns, vocabularies, spaces, weigh, prior)

    @property
    def names(self) -> Mapping[str, str]:
        """Column → the space of its tokens."""
        return self._spaces

    def column(self, name: str) -> tuple[Column, Column]:
        """The column of the left and of the right list."""
        return self._columns[name]

    def tokens(self, space: str) -> list[str]:
        """The tokens of a space, at the place of their number."""
        return self._vocabularies[space].tokens

    def weights(self, name: str) -> Floats:
        """Rarity in bits of every token of the space of column ``name``."""
        space = self._spaces[name]
        if space not in self._weights:
            self._weights[space] = self._weigh(space, self.tokens(space))
        return self._weights[space]

    def groups(self, name: str, prefix: str) -> Ints:
        """A number per token of the space of column ``name``: equal for tokens alike before ``prefix``."""
        if (name, prefix) not in self._groups:
            heads = [token.partition(prefix)[0] for token in self.tokens(self._spaces[name])]
            self._groups[name, prefix] = Vocabulary().intern(heads)
        return self._groups[name, prefix]

    def relation(self, name: str, resemblance: Resemblance) -> tuple[Relation, Relation]:
        """Left → right and right → left resemblance of the tokens of column ``name``."""
        if (name, resemblance) not in self._relations:
            self._relations[name, resemblance] = self._relate(name, resemblance)
        return self._relations[name, resemblance]

    def _relate(self, name: str, resemblance: Resemblance) -> tuple[Relation, Relation]:
        sides = [np.unique(column.ids) for column in self._columns[name]]
        tokens = self.tokens(self._spaces[name])
        found = resemblance([tokens[i] for i in sides[0]], [tokens[i] for i in sides[1]])
        left = sides[0][[i for i, _, _ in found]] if found else np.empty(0, np.int64)
        right = sides[1][[j for _, j, _ in found]] if found else np.empty(0, np.int64)
        similarity = np.array([s for _, _, s in found], dtype=np.float64)
        size = len(tokens)
        return Relation.build(size, left, right, similarity), Relation.build(size, right, left, similarity)

    def pairs(self, left: Ints, right: Ints) -> Pairs:
        """Pairs of rows, to be asked about."""
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
        count = np.zeros(len(self))
        for block in blocks(*self.tables.column(name), self.left, self.right):
            hit = _once(block.hit, self.tables.groups(name, prefix)[block.mine]) if prefix else block.hit
            count[block.at] = hit.sum(axis=0)
        return count

    def lone(self, name: str) -> Bools:
        """Exactly one side has something in the column."""
        a, b = self.tables.column(name)
        one: Bools = (a.counts[self.left] > 0) != (b.counts[self.right] > 0)
        return one

    def shared_weight(self, name: str, other: str | None = None) -> Floats:
        """Weight of the rarest token that the left side has in column ``name`` and the right side in ``other``."""
        best = np.zeros(len(self))
        columns = self.tables.column(name)[0], self.tables.column(other or name)[1]
        for block in blocks(*columns, self.left, self.right):
            weight = self.tables.weights(name)[block.mine]
            best[block.at] = np.where(block.hit, weight, 0.0).max(axis=0)
        return best

    def share(self, name: str) -> Bools:
        """The two sides have a token in common; False throughout for a column that the domain doesn't have."""
        shared = np.zeros(len(self), dtype=np.bool_)
        if name in self.tables.names:
            for block in blocks(*self.tables.column(name), self.left, self.right):
                shared[block.at] = block.hit.any(axis=0)
        return shared

    def crossed_weight(self, name: str, other: str) -> Floats:
        """``shared_weight`` of left ``name`` in right ``other`` or of left ``other`` in right ``name``, the larger."""
        return np.maximum(self.shared_weight(name, other), self.shared_weight(other, name))

    def overlap(self, name: str, resemblance: Resemblance | None = None, context: str | None = None) -> Overlap:
        """Agreement of the tokens of a column.

        ``context``: a column whose tokens may be matched but are not missed when they are absent.
        """
        if any(column.is_empty for column in self.tables.column(name)):
            return Overlap.nothing(len(self))
        behind = self.tables.column(context) if context else (None, None)
        relations = self.tables.relation(name, resemblance) if resemblance else (None, None)
        sides = Side(behind[1], relations[0]), Side(behind[0], relations[1])
        return agreement.overlap(self.tables.column(name), (self.left, self.right), self.tables.weights(name), sides)


def _once(hit: Bools, groups: Ints) -> Bools:
    """The hits, but of those of one group only the first. Both [place, pair]."""
    first = hit.copy()
    for place in range(1, len(hit)):
        first[place] &= ~(hit[:place] & (groups[:place] == groups[place])).any(axis=0)
    return first
