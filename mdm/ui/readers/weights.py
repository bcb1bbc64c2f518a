"""What the match rules weigh, in words and as drawn; ``matching.compare`` says how it is reckoned."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mdm.canonical import Domain
from mdm.services.agreement import ENGINE_FIELDS


class Unit(StrEnum):
    """What a weight is multiplied with."""

    BITS = "bits"
    RARITY = "× rarity"
    PRIOR = "× prior"


@dataclass(frozen=True, slots=True)
class Meaning:
    text: str
    unit: Unit
    against: bool = False  # whether a positive number speaks against the pair


SAID = {
    "agree": Meaning("What both say", Unit.RARITY),
    "whole": Meaning("The whole is the same: at least", Unit.RARITY),
    "limit": Meaning("The whole is the same: at most", Unit.RARITY),
    "cap": Meaning("What both say counts at most", Unit.PRIOR),
    "miss": Meaning("Each says something that the other does not", Unit.RARITY, against=True),
    "extra": Meaning("One says more than the other", Unit.RARITY, against=True),
    "floor": Meaning("What differs counts at most", Unit.BITS),
    "conflict": Meaning("Each says something that the other does not, besides", Unit.BITS),
    "lone": Meaning("Only one states it", Unit.BITS),
    "initials": Meaning("One is the initials of the other", Unit.BITS),
    "rarity": Meaning("The same", Unit.RARITY),
    "different": Meaning("Different", Unit.BITS),
    "other": Meaning("Different, for other packaging levels", Unit.BITS),
    "part": Meaning("One is the other without its first part", Unit.RARITY),
    "found": Meaning("The number of one is in the text of the other", Unit.RARITY),
    "suffix": Meaning("The same but for a mark at the end", Unit.RARITY),
    "text": Meaning("The same code in both texts", Unit.RARITY),
    "extends": Meaning("A code in one text extends one in the other", Unit.RARITY),
    "swapped": Meaning("The same characters in another order", Unit.BITS),
    "likely": Meaning("The text of one has another code, built alike", Unit.BITS),
}
# Where values are of one kind each, as a side or a packaging level: bits for each kind.
OF_KINDS = {
    "agree": Meaning("The same value of a kind", Unit.BITS),
    "conflict": Meaning("Two values of a kind", Unit.BITS),
    "extra": Meaning("A kind that only one states", Unit.BITS),
}
# Where one record is a part of the other by name.
OF_PARTS = {"conflict": Meaning("One is a part of the other", Unit.BITS)}
ZERO = 60.0  # percent of the drawing; what speaks against a pair is drawn to the left


@dataclass(frozen=True, slots=True)
class Bar:
    """In percent of the drawing."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Weight:
    path: str
    said: Meaning
    before: float
    after: float
    old: Bar
    new: Bar

    @property
    def changed(self) -> bool:
        return self.before != self.after

    @property
    def against(self) -> bool:
        return self.new.x < ZERO


def by_field(spec: Domain, before: Mapping[str, float], after: Mapping[str, float]) -> list[tuple[str, list[Weight]]]:
    """Weights by the field that they belong to. Bars of one unit are on one scale."""
    said = {path: meaning(path, after) for path in after}
    most = dict.fromkeys(Unit, 0.0)
    for values in (before, after):
        for path in said.keys() & values.keys():
            most[said[path].unit] = max(most[said[path].unit], abs(values[path]))
    rows = [_weight(path, said[path], before.get(path, 0.0), after[path], most[said[path].unit]) for path in after]
    grouped = itertools.groupby(rows, key=lambda row: row.path.partition(".")[0])
    return [(field_label(spec, name), list(weights)) for name, weights in grouped]


def meaning(path: str, weights: Mapping[str, float]) -> Meaning:
    """What a weight says. A name may say something else in another kind of comparison, which its company tells."""
    field, _, name = path.partition(".")
    company = {other.partition(".")[2] for other in weights if other.startswith(f"{field}.")}
    own = OF_KINDS if company == OF_KINDS.keys() else OF_PARTS if company == OF_PARTS.keys() else SAID
    return own.get(name) or Meaning(name.replace("_", " ").capitalize(), Unit.BITS)


def _weight(path: str, said: Meaning, before: float, after: float, most: float) -> Weight:
    return Weight(path, said, before, after, _bar(before, said, most), _bar(after, said, most))


def _bar(value: float, said: Meaning, most: float) -> Bar:
    against = (value < 0) != said.against
    width = round(abs(value) / (most or 1.0) * (ZERO if against else 100 - ZERO), 1)
    return Bar(round(ZERO - width, 1) if against else ZERO, width)


def field_label(spec: Domain, name: str) -> str:
    """What people call a field that the engine compares."""
    known = {engine: canonical for canonical, engine in ENGINE_FIELDS[spec.name].items()}
    field = spec.by_name.get(known.get(name, name))
    return field.label if field else name.replace("_", " ").capitalize()
