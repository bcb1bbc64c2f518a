"""Comparators: each looks at one field of many pairs at once and says how strongly it speaks for or against sameness.

A comparator is pure. Per pair it gives bits (log2 of m/u, in the sense of Fellegi and Sunter 1969), a level, a
similarity and perhaps a veto; ``note`` words the finding for a steward. A field that one side does not state says
nothing: 0 bits. Agreement is weighed by rarity: a word that few records have is worth more than one that all have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .columns import Bools, Floats, Overlap, Pairs, Resemblance
from .records import DIFFERENT, EMPTY, EXACT, REFORMATTED, SIMILAR, Std
from .standardise.text import unique

Weights = Mapping[str, float]
Levels = NDArray[np.int8]


@dataclass(frozen=True)
class Finding:
    """One number per pair in each array; ``bits`` rounded to 1/1000, so that sums are the same in any order."""

    bits: Floats
    level: Levels
    similarity: Floats
    veto: Bools | None = None


class Comparator(Protocol):
    """One field of a recipe. Symmetric: the two sides of a pair may be exchanged."""

    @property
    def field(self) -> str:
        """The column that it is about, and the first part of its weights' names."""

    @property
    def label(self) -> str:
        """What people call the field."""

    @property
    def conflict(self) -> str:
        """The veto of an automatic link, in words, where the two sides contradict each other; empty if that is none."""

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        """What the field says of each pair, weighed by ``weights`` ("<field>.<name>" → bits, or shares of rarity)."""

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        """A finding of two records in words: ``level`` and ``veto`` as ``find`` gave them. Never empty."""

    def show(self, std: Std) -> str:
        """What a record says in the field, for people."""


def finding(bits: Floats, level: Levels, similarity: Floats, veto: Bools | None = None) -> Finding:
    """A finding; pairs at level "empty" get nothing."""
    silent = level == EMPTY
    return Finding(np.where(silent, 0.0, np.round(bits, 3)), level, np.where(silent, 0.0, similarity), veto)


def no_levels(size: int) -> Levels:
    """Every pair at level "empty"."""
    return np.zeros(size, dtype=np.int8)


def lift(bits: Floats, level: Levels, rarity: Floats, share: float, to: int) -> tuple[Floats, Levels]:
    """Pairs that agree (rarity > 0) get ``share`` of the rarity, and the level ``to``."""
    agree = rarity > 0
    return np.where(agree, share * rarity, bits), np.where(agree, np.int8(to), level)


def written(column: str) -> str:
    """The name of the column that holds the fingerprint of a field as it was written."""
    return f"{column}="


def listed(tokens: list[str]) -> str:
    """The first six tokens, for a note."""
    return ", ".join(tokens[:6]) + (" …" if len(tokens) > 6 else "")


def tokens_of(std: Std, *columns: str) -> list[str]:
    """The tokens of the columns of a record, one column after the other."""
    return [token for column in columns for token in std.get(column, ())]


@dataclass(frozen=True)
class Words:
    """Words in any order, weighed by rarity.

    bits = min(cap, agree × shared) − miss × (what the poorer side alone has) − extra × (what the richer side alone
    has), no less than ``floor``. A text that is contained in the other is only a shorter way to say the same; words
    that *each* side alone has speak against. ``cap`` is in units of the prior: at 1, words single out one record.

    Weights: ``<field>.agree .miss .extra .cap .floor``; for ``whole`` and ``limit``, ``.whole`` and ``.limit`` (share
    of the rarity of that token); ``.conflict`` (bits, if each side has words of its own); ``.lone`` (bits, if one side
    alone states the field: a doubt where siblings differ by it).
    """

    field: str
    label: str
    resemblance: Resemblance | None = None
    context: str | None = None  # a column whose tokens may be matched, but are not missed
    conflict: str = ""  # the veto, if each side has words of its own
    whole: str | None = None  # a column with the field as one token: agreeing on it is worth at least its rarity
    limit: str | None = None  # likewise, at most its rarity
    comparable: str | None = None  # a column in which both must share a token, else a difference says nothing
    among: str | None = None  # a column that both must state, else words of their own are no conflict
    unless: str | None = None  # a column in which they are no conflict either if both share a token

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        overlap = pairs.overlap(self.field, self.resemblance, self.context)
        apart = overlap.stated & (overlap.less > 0)
        if self.among:
            apart &= pairs.stated(self.among)
        if self.unless:
            apart &= ~pairs.share(self.unless)
        bits = np.maximum(self._agreement(pairs, overlap, weights) - self._difference(overlap, apart, weights),
                          weights[f"{self.field}.floor"])  # fmt: skip
        veto = apart if self.conflict else None
        found = finding(bits, self._level(pairs, overlap), overlap.similarity, veto)
        excuse(found, pairs, self.comparable)
        if lone := weights.get(f"{self.field}.lone", 0.0):
            found.bits[pairs.lone(self.field)] = lone
        return found

    def _agreement(self, pairs: Pairs, overlap: Overlap, weights: Weights) -> Floats:
        cap = -weights[f"{self.field}.cap"] * pairs.tables.prior
        bits: Floats = np.minimum(cap, weights[f"{self.field}.agree"] * overlap.shared)
        if self.whole:
            bits = np.maximum(bits, weights[f"{self.field}.whole"] * pairs.shared_weight(self.whole))
        if self.limit:
            most = weights[f"{self.field}.limit"] * pairs.shared_weight(self.limit)
            bits = np.where(most > 0, np.minimum(bits, most), bits)
        return bits

    def _difference(self, overlap: Overlap, apart: Bools, weights: Weights) -> Floats:
        bits = weights[f"{self.field}.miss"] * overlap.less + weights[f"{self.field}.extra"] * overlap.more
        return bits - weights.get(f"{self.field}.conflict", 0.0) * apart

    def _level(self, pairs: Pairs, overlap: Overlap) -> Levels:
        level = np.full(len(pairs), DIFFERENT, dtype=np.int8)
        level[overlap.shared > overlap.less] = SIMILAR
        same = overlap.literal & (overlap.more < 1e-9)
        level[same] = REFORMATTED
        level[same & pairs.share(written(self.field))] = EXACT
        level[~overlap.stated] = EMPTY
        return level

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        mine, theirs = tokens_of(a, self.field), tokens_of(b, self.field)
        if level == EMPTY:
            return unstated(mine, theirs)
        if level >= REFORMATTED:
            return "written alike" if level == EXACT else "the same, written differently"
        text = self._told_apart(mine, theirs, tokens_of(a, self.context or ""), tokens_of(b, self.context or ""))
        return f"{self.conflict}: {text}" if veto else text

    def _told_apart(self, mine: list[str], theirs: list[str], around_mine: list[str], around_theirs: list[str]) -> str:
        both = [t for t in mine if t in theirs]
        only_a = [t for t in mine if t not in theirs and t not in around_theirs]
        only_b = [t for t in theirs if t not in mine and t not in around_mine]
        alike = self.resemblance(only_a, only_b) if self.resemblance else []
        near = unique(f"{only_a[i]} ≈ {only_b[j]}" for i, j, _ in alike)
        rest_a = [t for i, t in enumerate(only_a) if i not in {i for i, _, _ in alike}]
        rest_b = [t for j, t in enumerate(only_b) if j not in {j for _, j, _ in alike}]
        parts = [("both", both), ("alike", near), ("only A", rest_a), ("only B", rest_b)]
        said = "; ".join(f"{who}: {listed(tokens)}" for who, tokens in parts if tokens)
        return said or "each says it in another field"

    def show(self, std: Std) -> str:
        return " ".join(tokens_of(std, self.field))


def unstated(mine: list[str], theirs: list[str]) -> str:
    """The note of a field that says nothing: not stated on both sides, or excused."""
    if mine and theirs:
        return "stated for different purposes"
    return "not stated on one side" if mine or theirs else "not stated"


def excuse(found: Finding, pairs: Pairs, comparable: str | None) -> None:
    """Take back what speaks against a pair whose values are not of the same kind, as two addresses for two purposes."""
    if comparable:
        excused = (found.bits < 0) & ~pairs.share(comparable)
        found.bits[excused] = 0.0
        found.level[excused] = EMPTY
        found.similarity[excused] = 0.0


@dataclass(frozen=True)
class Names(Words):
    """Words of a name, and initials: "AP Corp" may be "Ashcroft Plastics".

    Columns: the field itself, ``initials`` (of names of several words) and ``acronym`` (names of one short word).
    Weights as ``Words``, and ``<field>.initials``.
    """

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        found = super().find(pairs, weights)
        initials = pairs.crossed_weight("initials", "acronym") > 0
        better = initials & (found.bits < weights[f"{self.field}.initials"]) & (found.level != EMPTY)
        found.bits[better] = weights[f"{self.field}.initials"]
        found.level[better] = SIMILAR
        found.similarity[better] = 0.7
        if found.veto is not None:
            found.veto[initials] = False
        return found

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        for one, other in ((a, b), (b, a)):
            if level == SIMILAR and set(tokens_of(one, "initials")) & set(tokens_of(other, "acronym")):
                return f"{self.show(other)} are the initials of {self.show(one)}"
        return super().note(level, veto, a, b)


@dataclass(frozen=True)
class Same:
    """Values that are equal or not: an identifier, a phone, a city, several of them where a record may have several.

    Weights: ``<field>.rarity`` (share of the rarity of the shared value) ``.different``.
    """

    field: str
    label: str
    conflict: str = ""  # the veto, if both state values and share none
    comparable: str | None = None  # a column in which both must share a token, else a difference says nothing

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        level = no_levels(len(pairs))
        both = pairs.stated(self.field)
        level[both] = DIFFERENT
        bits = np.full(len(pairs), weights[f"{self.field}.different"])
        rarity = pairs.shared_weight(self.field)
        bits, level = lift(bits, level, rarity, weights[f"{self.field}.rarity"], REFORMATTED)
        level[pairs.share(written(self.field))] = EXACT
        veto = level == DIFFERENT if self.conflict else None
        found = finding(bits, level, (level > DIFFERENT).astype(np.float64), veto)
        excuse(found, pairs, self.comparable)
        return found

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        if level == EMPTY:
            return unstated(tokens_of(a, self.field), tokens_of(b, self.field))
        if level == DIFFERENT:
            return self.conflict or "differs"
        return "the same" if level == EXACT else "the same, written differently"

    def show(self, std: Std) -> str:
        return listed(tokens_of(std, self.field))


@dataclass(frozen=True)
class Within:
    """A thing and what it is part of: a floor is not its building, however much of the name they share.

    Columns: the field (the whole name of what the record is part of) and ``name.whole`` (its own), in one space.
    Weight: ``<field>.conflict`` (bits, if one is part of the other by name, and their own names differ).
    """

    field: str
    label: str
    conflict: str

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        inside = (pairs.crossed_weight(self.field, "name.whole") > 0) & ~pairs.share("name.whole")
        level = no_levels(len(pairs))
        level[inside] = DIFFERENT
        return finding(np.full(len(pairs), weights[f"{self.field}.conflict"]), level, np.zeros(len(pairs)), inside)

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        if veto or level == DIFFERENT:
            return self.conflict
        mine, theirs = tokens_of(a, self.field), tokens_of(b, self.field)
        return "neither is in the other" if mine and theirs else unstated(mine, theirs)

    def show(self, std: Std) -> str:
        return " ".join(tokens_of(std, self.field))


@dataclass(frozen=True)
class Axes:
    """Words that tell siblings apart ("side:left"): two values of one axis on the two sides conflict.

    Columns: the field (axis:value) and ``<field>.axes`` (axis). Weights, in bits per axis: ``<field>.agree .conflict``,
    and ``.extra`` where only one side says anything (a doubt: the other may be a sibling).
    """

    field: str
    label: str
    conflict: str = ""

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        weigh = {name: weights[f"{self.field}.{name}"] for name in ("agree", "conflict", "extra")}
        a, b = pairs.tables.column(f"{self.field}.axes")
        common = pairs.count_shared(f"{self.field}.axes")
        agreed = pairs.count_shared(self.field, prefix=":")
        clashes = common - agreed
        level = no_levels(len(pairs))
        level[agreed > 0] = REFORMATTED
        level[clashes > 0] = DIFFERENT
        bits = agreed * weigh["agree"] + clashes * weigh["conflict"]
        similarity = np.divide(agreed, common, out=np.zeros(len(pairs)), where=common > 0)
        found = finding(bits, level, similarity, (clashes > 0) if self.conflict else None)
        alone = a.counts[pairs.left] + b.counts[pairs.right] - 2.0 * common
        return replace(found, bits=np.round(found.bits + alone * weigh["extra"], 3))

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        if level == EMPTY:
            return unstated(tokens_of(a, self.field), tokens_of(b, self.field))
        mine, theirs = _by_axis(a.get(self.field, ())), _by_axis(b.get(self.field, ()))
        clash = [
            f"{'/'.join(mine[x])} against {'/'.join(theirs[x])}"
            for x in mine
            if x in theirs and not set(mine[x]) & set(theirs[x])
        ]
        return f"{self.conflict or 'differs'}: {'; '.join(clash)}" if clash else "the same where both state it"

    def show(self, std: Std) -> str:
        return ", ".join(token.partition(":")[2] for token in std.get(self.field, ()))


def _by_axis(tokens: list[str]) -> dict[str, list[str]]:
    axes: dict[str, list[str]] = {}
    for token in tokens:
        axis, _, value = token.partition(":")
        axes.setdefault(axis, []).append(value)
    return axes
