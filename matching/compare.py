"""Comparators: each looks at one field of many pairs at once and says how strongly it speaks for or against sameness.

A comparator is pure. Per pair it gives bits (log2 of m/u, in the sense of Fellegi and Sunter 1969), a level, a similarity
and perhaps a veto; ``note`` words the finding for a steward. A field that one side does not state says nothing: 0 bits.
Agreement is weighed by rarity: agreeing on a word that few records have is worth more than on one that all have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .columns import Bools, Floats, Pairs, Resemblance
from .records import DIFFERENT, EMPTY, EXACT, REFORMATTED, SIMILAR, Std

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
    @property
    def field(self) -> str: ...
    @property
    def label(self) -> str: ...
    def find(self, pairs: Pairs, weights: Weights) -> Finding: ...
    def note(self, level: int, veto: bool, a: Std, b: Std) -> str: ...
    def show(self, std: Std) -> str: ...


def finding(bits: Floats, level: Levels, similarity: Floats, veto: Bools | None = None) -> Finding:
    """A finding; pairs at level "empty" get nothing."""
    silent = level == EMPTY
    return Finding(np.where(silent, 0.0, np.round(bits, 3)), level, np.where(silent, 0.0, similarity), veto)


def _levels(size: int) -> Levels:
    return np.zeros(size, dtype=np.int8)


def written(column: str) -> str:
    """The name of the column that holds the fingerprint of a field as it was written."""
    return f"{column}="


def _listed(tokens: list[str]) -> str:
    return ", ".join(tokens[:6]) + (" …" if len(tokens) > 6 else "")


def _tokens(std: Std, *columns: str) -> list[str]:
    return [token for column in columns for token in std.get(column, ())]


@dataclass(frozen=True)
class Words:
    """Words in any order, weighed by rarity.

    bits = min(cap, agree × shared) − miss × (what the poorer side alone has) − extra × (what the richer side alone has),
    no less than ``floor``; where the ``whole`` agrees, its own rarity counts if it is worth more. ``cap`` is in units of the
    prior: at 1, words alone can single out one record among all and no more. A text that is contained in the other is only a shorter way to say the same; words that *each*
    side alone has speak against. Weights: ``<field>.agree .miss .extra .cap .floor``, and where they apply
    ``.whole .limit .conflict`` and ``.lone`` (only one side states the field, and siblings differ by it: a doubt).
    """

    field: str
    label: str
    resemblance: Resemblance | None = None
    context: str | None = None
    conflict: str = ""  # the veto, if both sides have words of their own
    whole: str | None = None  # a column with the field as one token: agreeing on all of it is worth its own rarity
    comparable: str | None = None  # a column in which both must share a token, else a difference says nothing
    limit: str | None = None  # a column with the field as one token: agreeing on all of it is worth no more than its rarity

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        overlap = pairs.overlap(self.field, self.resemblance, self.context)
        weigh = {name: weights[f"{self.field}.{name}"] for name in ("agree", "miss", "extra", "cap", "floor")}
        bits = np.minimum(-weigh["cap"] * pairs.tables.prior, weigh["agree"] * overlap.shared)
        if self.whole:
            bits = np.maximum(bits, weights[f"{self.field}.whole"] * pairs.shared_weight(self.whole))
        if self.limit:
            most = weights[f"{self.field}.limit"] * pairs.shared_weight(self.limit)
            bits = np.where(most > 0, np.minimum(bits, most), bits)
        bits = bits - weigh["miss"] * overlap.less - weigh["extra"] * overlap.more
        if self.conflict:
            bits = bits + weights[f"{self.field}.conflict"] * (overlap.less > 0)
        level = self._level(pairs, overlap.shared, overlap.less, overlap.more, overlap.literal)
        level[~overlap.stated] = EMPTY
        veto = overlap.stated & (overlap.less > 0) if self.conflict else None
        found = finding(np.maximum(bits, weigh["floor"]), level, overlap.similarity, veto)
        _excuse(found, pairs, self.comparable)
        lone = weights.get(f"{self.field}.lone", 0.0)
        if lone:
            found.bits[pairs.lone(self.field)] = lone
        return found

    def _level(self, pairs: Pairs, shared: Floats, less: Floats, more: Floats, literal: Bools) -> Levels:
        level = np.full(len(pairs), DIFFERENT, dtype=np.int8)
        level[shared > less] = SIMILAR
        same = literal & (more < 1e-9)
        level[same] = REFORMATTED
        level[same & pairs.share(written(self.field))] = EXACT
        return level

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        mine, theirs = _tokens(a, self.field), _tokens(b, self.field)
        if level == EMPTY:
            return "not stated on one side" if mine or theirs else "not stated"
        if level >= REFORMATTED:
            return "written alike" if level == EXACT else "the same, written differently"
        only_a = [t for t in mine if t not in theirs + _tokens(b, self.context or "")]
        only_b = [t for t in theirs if t not in mine + _tokens(a, self.context or "")]
        both = [t for t in mine if t in theirs]
        parts = [("both", both), ("only A", only_a), ("only B", only_b)]
        text = "; ".join(f"{who}: {_listed(tokens)}" for who, tokens in parts if tokens)
        return f"{self.conflict}: {text}" if veto else text

    def show(self, std: Std) -> str:
        return " ".join(_tokens(std, self.field))


def _excuse(found: Finding, pairs: Pairs, comparable: str | None) -> None:
    """Take back what speaks against a pair whose values are not of the same kind, as two addresses for two purposes."""
    if comparable:
        excused = (found.bits < 0) & ~pairs.share(comparable)
        found.bits[excused] = 0.0
        found.level[excused] = EMPTY
        found.similarity[excused] = 0.0


@dataclass(frozen=True)
class Names(Words):
    """Words of a name, and initials: "AP Corp" may be "Ashcroft Plastics". Weights as ``Words``, and ``<field>.initials``.

    Columns: the field itself, ``initials`` (of names of several words) and ``acronym`` (names of one short word).
    """

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        found = super().find(pairs, weights)
        initials = pairs.crossed_weight("initials", "acronym") > 0
        better = initials & (found.bits < weights[f"{self.field}.initials"]) & (found.level != EMPTY)
        found.bits[better] = weights[f"{self.field}.initials"]
        found.level[better] = SIMILAR
        found.similarity[better] = 0.7
        return found

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        for one, other in ((a, b), (b, a)):
            if level == SIMILAR and set(_tokens(one, "initials")) & set(_tokens(other, "acronym")):
                return f"{self.show(other)} are the initials of {self.show(one)}"
        return super().note(level, veto, a, b)


@dataclass(frozen=True)
class Codes:
    """Catalogue numbers: in their field, or found in the other side's description.

    Columns: ``code`` (letters and digits), ``code_core`` (without leading zeros), ``code_stem`` (… a suffix),
    ``text_codes``. Weights: ``<field>.rarity`` (share of the rarity that counts) ``.found .suffix .text .extends .different
    .swapped`` (the same characters in another order: a slip, or a sibling) ``    .likely`` (a code in the text of one side that is built like the other side's number, but is another).
    """

    field: str
    label: str

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        weigh = {name: weights[f"{self.field}.{name}"] for name in _CODE_WEIGHTS}
        bits, level = np.zeros(len(pairs)), _levels(len(pairs))
        both = pairs.stated("code")
        extends = pairs.crossed_weight("text_stems", "text_codes")
        bits, level = _raise(bits, level, extends, weigh["extends"], SIMILAR)
        text = pairs.shared_weight("text_codes")
        bits, level = _raise(bits, level, text, weigh["text"], SIMILAR)
        bits[both], level[both] = weigh["different"], DIFFERENT
        swapped = both & pairs.share("code_letters")
        bits[swapped] = weigh["swapped"]
        suffix = pairs.crossed_weight("code_stem", "code_core")
        bits, level = _raise(bits, level, suffix, weigh["suffix"], SIMILAR)
        found = pairs.crossed_weight("code_core", "text_codes")
        bits, level = _raise(bits, level, found, weigh["found"], REFORMATTED)
        likely = (level == EMPTY) & ~both & (pairs.crossed_weight("code_shape", "text_shapes") > 0)
        bits[likely], level[likely] = weigh["likely"], DIFFERENT
        core = pairs.shared_weight("code_core")
        bits, level = _raise(bits, level, core, weigh["rarity"], REFORMATTED)
        level[pairs.share(written("code"))] = EXACT
        return finding(bits, level, _CODE_SIMILARITY[level], level == DIFFERENT)

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        mine, theirs = self.show(a), self.show(b)
        if level == EXACT:
            return "the same catalogue number"
        if level == DIFFERENT:
            swapped = set(_tokens(a, "code_letters")) & set(_tokens(b, "code_letters"))
            how = "by characters that changed places" if swapped else ""
            return f"catalogue numbers differ {how}".strip() if mine and theirs else "another code stands in the description"
        if set(_tokens(a, "code_core")) & set(_tokens(b, "code_core")):
            return "the same catalogue number, written differently"
        if mine and theirs:
            return "one catalogue number extends the other"
        if level == REFORMATTED:
            return "the catalogue number of one stands in the description of the other"
        return "the same code in both descriptions" if level == SIMILAR else "not stated on one side"

    def show(self, std: Std) -> str:
        return _listed(_tokens(std, "code"))


_CODE_WEIGHTS = ("rarity", "found", "suffix", "text", "extends", "different", "swapped", "likely")
_CODE_SIMILARITY = np.array([0.0, 0.0, 0.8, 1.0, 1.0])


def _raise(bits: Floats, level: Levels, rarity: Floats, share: float, to: int) -> tuple[Floats, Levels]:
    """Pairs that agree (rarity > 0) get ``share`` of the rarity, and the level ``to``."""
    agree = rarity > 0
    return np.where(agree, share * rarity, bits), np.where(agree, np.int8(to), level)


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
        level = _levels(len(pairs))
        both = pairs.stated(self.field)
        level[both] = DIFFERENT
        bits = np.full(len(pairs), weights[f"{self.field}.different"])
        rarity = pairs.shared_weight(self.field)
        bits, level = _raise(bits, level, rarity, weights[f"{self.field}.rarity"], REFORMATTED)
        level[pairs.share(written(self.field))] = EXACT
        veto = level == DIFFERENT if self.conflict else None
        found = finding(bits, level, (level > DIFFERENT).astype(np.float64), veto)
        _excuse(found, pairs, self.comparable)
        return found

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        if level == EMPTY:
            return "not stated on one side" if self.show(a) or self.show(b) else "not stated"
        if level == DIFFERENT:
            return self.conflict or "differs"
        return "the same" if level == EXACT else "the same, written differently"

    def show(self, std: Std) -> str:
        return _listed(_tokens(std, self.field))


@dataclass(frozen=True)
class Gtins(Same):
    """Trade item numbers. Those of two packaging levels of one item differ; those of one level don't.

    Columns: the field (stems, without indicator and check digit: levels share them), ``<field>.each`` ("EA:stem") and
    ``<field>.levels`` ("EA"). Weights: ``<field>.rarity .different`` (at one level) ``.other`` (at different levels).
    """

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        found = super().find(pairs, weights)
        elsewhere = (found.level == DIFFERENT) & ~pairs.share(f"{self.field}.levels")
        found.bits[elsewhere] = weights[f"{self.field}.other"]
        return Finding(found.bits, found.level, found.similarity, (found.level == DIFFERENT) & ~elsewhere)


@dataclass(frozen=True)
class Axes:
    """Words that tell siblings apart ("side:left"): two values of one axis on the two sides conflict.

    Weights: ``<field>.agree`` (per shared value) ``.conflict`` (per axis on which they differ) ``.extra`` (per axis
    that only one side mentions). Columns: the field
    (axis:value) and ``<field>.axes`` (axis).
    """

    field: str
    label: str
    conflict: str = ""

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        shared = _count_shared(pairs, self.field)
        clashes = np.maximum(_count_shared(pairs, f"{self.field}.axes") - shared, 0.0)
        a, b = pairs.tables.column(f"{self.field}.axes")
        alone = a.counts[pairs.left] + b.counts[pairs.right] - 2.0 * _count_shared(pairs, f"{self.field}.axes")
        level = _levels(len(pairs))
        level[shared > 0] = REFORMATTED
        level[clashes > 0] = DIFFERENT
        bits = shared * weights[f"{self.field}.agree"] + clashes * weights[f"{self.field}.conflict"]
        bits = bits + alone * weights[f"{self.field}.extra"]
        level[(level == EMPTY) & (bits != 0.0)] = SIMILAR
        total = np.maximum(shared + clashes, 1.0)
        return finding(bits, level, shared / total, (clashes > 0) if self.conflict else None)

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        if level == EMPTY:
            return "not stated on both sides"
        mine, theirs = _by_axis(a.get(self.field, ())), _by_axis(b.get(self.field, ()))
        clash = [f"{'/'.join(mine[x])} against {'/'.join(theirs[x])}" for x in mine if x in theirs and not set(mine[x]) & set(theirs[x])]
        return f"{self.conflict or 'differs'}: {'; '.join(clash)}" if clash else "the same where both state it"

    def show(self, std: Std) -> str:
        return ", ".join(token.partition(":")[2] for token in std.get(self.field, ()))


def _by_axis(tokens: list[str]) -> dict[str, list[str]]:
    axes: dict[str, list[str]] = {}
    for token in tokens:
        axis, _, value = token.partition(":")
        axes.setdefault(axis, []).append(value)
    return axes


def _count_shared(pairs: Pairs, name: str) -> Floats:
    a, b = pairs.tables.column(name)
    pair, token = a.expand(pairs.left)
    hit = b.contains(pairs.right[pair], token)
    return np.bincount(pair[hit], minlength=len(pairs)).astype(np.float64)
