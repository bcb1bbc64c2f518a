"""Factors between the units of codes, from the packaging ladders of their records: read set-wise, for one or thousands.

The golden record's ladder gives the factor. What the two systems themselves say about the unit must not contradict it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import orjson

from mdm.conversion import ONE, Ladder, NoFactor, agree, factor
from mdm.lookup_rows import Clocks, fetch
from mdm.models import CodeSystem
from mdm.unit_schemes import MEASURES, read
from mdm.units import Uom, nearby

_LADDERS = """
SELECT i.golden_id, i.base_uom, p.uom, p.quantity FROM mdm_item i
LEFT JOIN mdm_packaginglevel p ON p.item_id = i.golden_id
WHERE i.golden_id = ANY(%(goldens)s) ORDER BY i.golden_id, p.position
"""
_LADDERS_THEN = """
SELECT g.id, coalesce(ih.base_uom, i.base_uom, ''), p.uom, p.quantity FROM unnest(%(goldens)s::bigint[]) AS g(id)
LEFT JOIN mdm_item i ON i.golden_id = g.id
LEFT JOIN LATERAL (
    SELECT base_uom FROM mdm_historicalitem h WHERE h.golden_id = g.id AND h.history_date <= %(known_at)s
    ORDER BY h.history_date DESC, h.history_id DESC LIMIT 1
) ih ON true
LEFT JOIN LATERAL (
    SELECT DISTINCT ON (h.id) h.position, h.uom, h.quantity, h.history_type FROM mdm_historicalpackaginglevel h
    WHERE h.item_id = g.id AND h.history_date <= %(known_at)s ORDER BY h.id, h.history_date DESC, h.history_id DESC
) p ON p.history_type <> '-'
ORDER BY g.id, p.position
"""
# What the systems' own records say. A revision holds what a record said until it was recorded.
_OWN = """
SELECT c.golden_id, c.code_system_id, c.code, s.values->>'packaging', s.values->>'base_uom'
FROM mdm_crosswalk c JOIN mdm_sourcerecord s ON s.id = c.source_id
WHERE c.golden_id = ANY(%(goldens)s) AND c.code_system_id = ANY(%(systems)s) AND c.known_to IS NULL
"""
_OWN_THEN = """
SELECT c.golden_id, c.code_system_id, c.code, said.values->>'packaging', said.values->>'base_uom'
FROM mdm_crosswalk c JOIN mdm_sourcerecord s ON s.id = c.source_id
CROSS JOIN LATERAL (SELECT coalesce((
    SELECT r.values FROM mdm_sourcerevision r WHERE r.source_id = s.id AND r.recorded_at > %(known_at)s
    ORDER BY r.recorded_at LIMIT 1), s.values) AS values) said
WHERE c.golden_id = ANY(%(goldens)s) AND c.code_system_id = ANY(%(systems)s)
    AND c.known_from <= %(known_at)s AND (c.known_to IS NULL OR c.known_to > %(known_at)s)
"""


@dataclass(frozen=True, slots=True)
class End:
    """A code with the unit that it is counted in, as its system writes it."""

    system: CodeSystem
    code: str
    uom: str

    @property
    def unit(self) -> Uom:
        """Raises ``NoFactor``."""
        if not self.uom:
            raise NoFactor(f"{self.system.slug} names no unit of measure for {self.code}. Name one: uom=…")
        unit = read(self.uom, self.system.units)
        if unit is None:
            near = ", ".join(nearby(self.uom))
            raise NoFactor(f"Concord knows no unit {self.uom[:20]} of {self.system.slug}. Near it are {near}.")
        return unit


Question = tuple[int, End, End]  # golden record, from, to
Answer = Fraction | NoFactor


def factors(questions: Sequence[Question], clocks: Clocks) -> list[Answer]:
    """How many of the second unit one of the first is, for each question; ``NoFactor`` in the place of the others."""
    units: list[tuple[Uom, Uom] | NoFactor] = [_units(one, two) for _, one, two in questions]
    open_ = [q for q, pair in zip(questions, units, strict=True) if isinstance(pair, tuple) and not _is_plain(*pair)]
    ladders = _read(open_, clocks) if open_ else _Ladders()
    return [
        pair if isinstance(pair, NoFactor) else ONE if _is_plain(*pair) else ladders.answer(question, *pair)
        for question, pair in zip(questions, units, strict=True)
    ]


def _units(one: End, two: End) -> tuple[Uom, Uom] | NoFactor:
    try:
        return one.unit, two.unit
    except NoFactor as error:
        return error


# the same unit by the same name, of which nobody can mean another size
_ALIKE = frozenset(spelling for code in ("EA", *MEASURES) for spelling in (code, code.lower(), code.capitalize()))


def is_one(source: str, target: str) -> bool:
    """Whether two texts of systems without words of their own plainly name one and the same unit."""
    return source == target and source in _ALIKE


def _is_plain(one: Uom, two: Uom) -> bool:
    """The same unit, of which nobody can mean another size."""
    return one == two and (one.code == "EA" or one.code in MEASURES)


class _Ladders:
    """The agreed ladders by golden record, and each system's own by (golden record, code system, code)."""

    def __init__(self) -> None:
        self.agreed: dict[int, Ladder] = {}
        self.own: dict[tuple[int, int, str], Ladder] = {}

    def answer(self, question: Question, source: Uom, target: Uom) -> Answer:
        golden, one, two = question
        ladder = self.agreed.get(golden, Ladder({}))
        owns = [(end, self.own[key]) for end in (one, two) if (key := (golden, end.system.pk, end.code)) in self.own]
        for end, own in owns:
            for other in (ladder, *(rival for _, rival in owns)):
                for unit in (source, target):
                    if why := agree(own, other, unit):
                        return NoFactor(f"{end.system.slug}, {end.code}: {why}")
        try:
            return factor(ladder, source, target)
        except NoFactor as error:
            return error


def _read(questions: Iterable[Question], clocks: Clocks) -> _Ladders:
    found = _Ladders()
    query: dict[str, Any] = {"goldens": sorted({golden for golden, _, _ in questions})}
    if clocks.known_at:
        query["known_at"] = clocks.known_at
    levels: dict[int, list[dict[str, Any]]] = defaultdict(list)
    base: dict[int, str] = {}
    for golden, base_uom, uom, quantity in fetch(_LADDERS_THEN if clocks.known_at else _LADDERS, query):
        base[golden] = base_uom
        if uom:
            levels[golden].append({"uom": uom, "quantity": quantity})
    found.agreed = {golden: Ladder.of(levels[golden], base[golden]) for golden in base}
    systems = sorted({end.system.pk for _, *ends in questions for end in ends})
    own = fetch(_OWN_THEN if clocks.known_at else _OWN, query | {"systems": systems})
    for golden, system, code, stated, base_uom in own:
        if stated:
            found.own[golden, system, code] = Ladder.of(orjson.loads(stated), base_uom or base.get(golden, ""))
    return found
