"""From one unit of an item to another, exactly: measures by definition, packages by the item's packaging ladder.

Numbers are fractions, never floats: a sixth of a box six times is one box. Where the ladder leaves a step open or
contradicts itself there is no factor but a reason, as a wrong factor orders twelve times too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mdm.exceptions import Refused
from mdm.unit_schemes import MEASURES
from mdm.units import HOLDS, Uom

ONE = Fraction(1)


class NoFactor(Refused):
    """These units can't be converted into each other. The message names the step that is missing."""

    code = "no-factor"


@dataclass(frozen=True, slots=True)
class Ladder:
    """What each packaging level holds, in the lowest one. ``None``: a step below it is unknown."""

    holds: Mapping[str, Fraction | None]
    broken: str = ""  # why the levels contradict each other, if they do

    @classmethod
    def of(cls, levels: Iterable[Mapping[str, Any]], base: str = "") -> Ladder:
        """From canonical packaging: a level's ``quantity`` is of the next lower one. ``base``: the item's base unit."""
        rows = _upwards([(row["uom"], row.get("quantity")) for row in levels], base)
        if rows and base and rows[0][0] != base:
            if base in dict(rows):
                return cls({}, f"The base unit {base} is not the lowest packaging level, {rows[0][0]} is.")
            rows.insert(0, (base, 1))
        if rows and rows[0][0] == base and rows[0][1] not in (None, 1):
            return cls({}, f"The base unit {base} is said to hold {rows[0][1]} of something smaller.")
        return cls(dict(_stack(rows)) or ({base: ONE} if base else {}))

    def content(self, unit: Uom) -> Fraction:
        """How many of the lowest level one of this unit is. Raises ``NoFactor``."""
        if self.broken:
            raise NoFactor(self.broken)
        if unit.code not in self.holds:
            return self._by_itself(unit)
        held = self.holds[unit.code]
        if held is None:
            raise NoFactor(f"How many of the next lower unit a {unit.code} or a level below it holds is not stated.")
        stated = self._step(unit.code)
        if unit.quantity and stated not in (None, unit.quantity):
            raise NoFactor(f"Packaging levels disagree: {unit.code} is of {unit.quantity} here, of {stated} on record.")
        return held

    def _by_itself(self, unit: Uom) -> Fraction:
        """A unit that is no level but says how many it holds ("B10", a dozen): of the lowest, where that is clear."""
        if unit.quantity and self.holds and (unit.code in HOLDS or len(self.holds) == 1):
            return Fraction(unit.quantity)
        levels = ", ".join(self.holds) or "none"
        raise NoFactor(f"{unit.code} is no packaging level of this item. Its levels: {levels}.")

    def _step(self, code: str) -> Fraction | None:
        """How many of the next lower level it holds."""
        below = list(self.holds)[: list(self.holds).index(code)]
        lower, own = (self.holds[below[-1]] if below else None), self.holds[code]
        return own / lower if own and lower else None


def _upwards(rows: list[tuple[str, int | None]], base: str) -> list[tuple[str, int | None]]:
    """The ladder from the lowest level up; some systems write it from the pallet down."""
    if len(rows) < 2:
        return rows
    from_above = rows[-1][0] == base if base else rows[-1][1] == 1 and rows[0][1] != 1
    return rows[::-1] if from_above else rows


def _stack(rows: Iterable[tuple[str, int | None]]) -> Iterable[tuple[str, Fraction | None]]:
    held: Fraction | None = ONE
    for position, (uom, quantity) in enumerate(rows):
        if position:
            held = held * quantity if held and quantity else None
        yield uom, held


def factor(ladder: Ladder, source: Uom, target: Uom) -> Fraction:
    """How many of ``target`` one of ``source`` is. Raises ``NoFactor`` with the reason."""
    if source == target:
        return ONE
    if source.code in MEASURES and target.code in MEASURES:
        return _measured(source.code, target.code)
    return ladder.content(source) / ladder.content(target)


def _measured(source: str, target: str) -> Fraction:
    (_, kind, size), (_, other, other_size) = MEASURES[source], MEASURES[target]
    if kind != other:
        raise NoFactor(f"{source} measures {kind}, {target} measures {other}.")
    return size / other_size


def agree(one: Ladder, two: Ladder, unit: Uom) -> str:
    """Why two ladders of an item disagree about a unit, or empty. What either leaves open is no disagreement."""
    if one.broken or two.broken or next(iter(one.holds), "") != next(iter(two.holds), ""):
        return ""
    mine, theirs = one.holds.get(unit.code), two.holds.get(unit.code)
    if mine is None or theirs is None or mine == theirs:
        return ""
    return f"Packaging levels disagree: a {unit.code} holds {mine} {next(iter(one.holds))} there, {theirs} elsewhere."
