"""Comparators for what identifies an item: catalogue numbers and trade item numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .columns import Pairs
from .compare import Finding, Same, Weights, finding, lift, listed, no_levels, tokens_of, unstated, written
from .records import DIFFERENT, EMPTY, EXACT, REFORMATTED, SIMILAR, Std


@dataclass(frozen=True)
class Codes:
    """Catalogue numbers: in their field, or found in the other side's description.

    Columns: ``code`` (letters and digits), ``code_core`` (without leading zeros), ``code_stem`` (without a sterile
    mark), ``code_letters`` (its characters in alphabetical order), ``code_shape``; ``text_codes``, ``text_stems`` and
    ``text_shapes`` of codes found in the texts. Weights, first the shares of rarity: ``<field>.rarity`` (the same
    number) ``.found`` (in the other's text) ``.suffix`` (but for a sterile mark) ``.text`` (in both texts) ``.extends``
    (one text code extends another); then bits: ``.different .swapped`` (the same characters in another order: a slip,
    or a sibling) ``.likely`` (a code in one text is built like the other's number, but is another).
    """

    field: str
    label: str
    conflict: str = "catalogue numbers differ"

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        weigh = {name: weights[f"{self.field}.{name}"] for name in _WEIGHTS}
        both = pairs.stated("code")
        bits, level = np.zeros(len(pairs)), no_levels(len(pairs))
        bits, level = lift(bits, level, pairs.crossed_weight("text_stems", "text_codes"), weigh["extends"], SIMILAR)
        bits, level = lift(bits, level, pairs.shared_weight("text_codes"), weigh["text"], SIMILAR)
        bits[both], level[both] = weigh["different"], DIFFERENT
        bits[both & pairs.share("code_letters")] = weigh["swapped"]
        bits, level = lift(bits, level, pairs.crossed_weight("code_stem", "code_core"), weigh["suffix"], SIMILAR)
        bits, level = lift(bits, level, pairs.crossed_weight("code_core", "text_codes"), weigh["found"], REFORMATTED)
        likely = (level == EMPTY) & (pairs.crossed_weight("code_shape", "text_shapes") > 0)
        bits[likely], level[likely] = weigh["likely"], DIFFERENT
        bits, level = lift(bits, level, pairs.shared_weight("code_core"), weigh["rarity"], REFORMATTED)
        level[pairs.share(written("code"))] = EXACT
        return finding(bits, level, _SIMILARITY[level], level == DIFFERENT)

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        stated = bool(tokens_of(a, "code")) and bool(tokens_of(b, "code"))
        if level == EMPTY:
            return unstated(tokens_of(a, "code"), tokens_of(b, "code"))
        if level == EXACT:
            return "the same catalogue number"
        if level == DIFFERENT:
            return _difference(a, b) if stated else "another code stands in the description"
        if _share(a, b, "code_core"):
            return "the same catalogue number, written differently"
        if level == REFORMATTED:
            return "the catalogue number of one stands in the description of the other"
        if stated:
            return "the same but for a mark at the end"
        same = _share(a, b, "text_codes")
        return "the same code in both descriptions" if same else "a code in one description extends one in the other"

    def show(self, std: Std) -> str:
        return listed(tokens_of(std, "code"))


_WEIGHTS = ("rarity", "found", "suffix", "text", "extends", "different", "swapped", "likely")
_SIMILARITY = np.array([0.0, 0.0, 0.8, 1.0, 1.0])


def _share(a: Std, b: Std, column: str) -> bool:
    return bool(set(tokens_of(a, column)) & set(tokens_of(b, column)))


def _difference(a: Std, b: Std) -> str:
    swapped = _share(a, b, "code_letters")
    return "catalogue numbers differ by characters that changed places" if swapped else "catalogue numbers differ"


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

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        if level == DIFFERENT and not veto:
            return "of different packaging levels, and of different stems"
        return super().note(level, veto, a, b)


@dataclass(frozen=True)
class Segments(Same):
    """Codes of several parts. One that leaves out the first parts of the other, which say whose it is, is no other one.

    Columns: the field, and ``<field>.tails`` (the code without its first parts). Weights: ``<field>.rarity .different``
    and ``.part`` (share of the rarity of the tail that one code is of the other).
    """

    def find(self, pairs: Pairs, weights: Weights) -> Finding:
        found = super().find(pairs, weights)
        tail = pairs.crossed_weight(self.field, f"{self.field}.tails")
        part = (found.level == DIFFERENT) & (tail > 0)
        found.bits[part] = np.round(weights[f"{self.field}.part"] * tail[part], 3)
        found.level[part] = SIMILAR
        found.similarity[part] = 0.8
        return Finding(found.bits, found.level, found.similarity, found.level == DIFFERENT)

    def note(self, level: int, veto: bool, a: Std, b: Std) -> str:
        return "one is the other without its first part" if level == SIMILAR else super().note(level, veto, a, b)
