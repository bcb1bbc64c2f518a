"""MFN messages written by the mapping. What doesn't depend on the record is worked out once: most of a segment stands
ready, and a record's values are put into it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

from mdm.canonical import DOMAINS
from sync.adapters.base import Kind, Message, Values, own_codes

from .hl7 import NULL, Address, escape
from .mapping import LAYOUTS, Place

EVENTS = {Kind.UPSERT: "MUP", Kind.RETIRE: "MDC", Kind.MERGE: "MDC", Kind.UNMERGE: "MAC"}  # HL7 table 0180
Names = Mapping[str, str]  # public id -> name, of the records that this one refers to


@dataclass(frozen=True, slots=True)
class Cell:
    """A field of a segment that one place doesn't fill alone: several components, repetitions, fixed texts."""

    number: int
    fixed: tuple[tuple[int, str], ...]  # component, and its text with {id} or other names
    places: tuple[tuple[int, Place], ...]
    names: tuple[tuple[int, str], ...]  # component, and the field whose record is named there

    def text(self, values: Values, texts: Mapping[str, str], names: Names) -> str:
        """Empty when nothing is stated."""
        stated = [(n, place, value) for n, place in self.places if (value := values.get(place.field)) is not None]
        if not (stated or self.fixed or self.names):
            return ""
        parts = {component: escape(text.format_map(texts)) for component, text in self.fixed}
        for component, place, value in stated:
            if place.repeats:
                return "~".join([escape(place.codec.write(one)) for one in value])
            parts[component] = escape(place.codec.write(value))
            if place.system:
                parts[component + 2] = place.system
        for component, field in self.names:
            if name := names.get(values.get(field) or ""):
                parts[component] = escape(name)
        return "^".join([parts.get(n, "") for n in range(1, max(parts, default=0) + 1)]).rstrip("^")


@dataclass(frozen=True, slots=True)
class Line:
    """A segment. ``blank``: its name, then its fields as they are while nothing is stated."""

    blank: tuple[str, ...]
    single: tuple[tuple[int, str, Callable[[Any], str]], ...]  # field number, and the value that is all of it
    cells: tuple[Cell, ...]
    needed: str = ""  # it is left out while this field is empty

    def text(self, values: Values, texts: Mapping[str, str], names: Names) -> str:
        cells = list(self.blank)
        for number, field, write in self.single:
            if (value := values.get(field)) is not None:
                cells[number] = escape(write(value))
        for cell in self.cells:
            if text := cell.text(values, texts, names):
                cells[cell.number] = text
        return "|".join(cells).rstrip("|")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A layout as lines: those of the record, and by field those of each of its children."""

    file: str
    key_type: str
    record: tuple[Line, ...]
    groups: tuple[tuple[str, tuple[Line, ...]], ...]


def body(message: Message, values: Values, control: str) -> list[str]:
    """MFI, MFE, the record's own segments and ZCV."""
    layout = prepared(message.domain)
    names = _names(message)
    texts = {"id": message.record, "location_type": str(values.get("location_type") or "NA")}
    lines = [
        f"MFI|{layout.file}|CONCORD|UPD|||AL",
        f"MFE|{_event(message)}|{control}||{escape(message.record)}|{layout.key_type}",
    ]
    lines += [
        line.text(values, texts, names)
        for line in layout.record
        if not line.needed or values.get(line.needed) is not None
    ]
    for field, segments in layout.groups:
        for n, row in enumerate(values.get(field) or (), start=1):
            lines += [line.text(row, {"n": str(n)}, names) for line in segments]
    lines.append(_versions(message))
    return lines


def _event(message: Message) -> str:
    """MFE-1: a record the target has no code of its own for is added, else updated."""
    if message.kind == Kind.UPSERT and not own_codes(message):
        return "MAD"
    return EVENTS[Kind(message.kind)]


def _versions(message: Message) -> str:
    codes = [f"{escape(code['code'])}^{escape(code.get('uom') or '')}".rstrip("^") for code in own_codes(message)]
    replaced_by = escape(message.payload.get("merged_into") or "")
    told = f"ZCV|{escape(message.record)}|{message.version}|{message.generation}|{message.kind}"
    return f"{told}|{replaced_by}|{'~'.join(codes)}".rstrip("|")


def _names(message: Message) -> dict[str, str]:
    attributes = message.payload["attributes"]
    found: dict[str, str] = {}
    for field, children in DOMAINS[message.domain].pointers:
        value = attributes.get(field)
        for row in value or () if children else ({field: value},):
            for referred in (row.get(name) for name in children or (field,)):
                if isinstance(referred, dict) and referred.get("id"):
                    found[referred["id"]] = referred.get("name") or ""
    return found


# ------------------------------------------------------------------------------------------------------- preparing


@cache
def prepared(domain: str) -> Prepared:
    layout = LAYOUTS[domain]
    needed = dict(layout.when)
    record = _lines(layout.fixed, layout.places, empty=NULL, needed=needed)
    groups = tuple((g.field, _lines(g.fixed, g.places, empty="", needed={})) for g in layout.groups)
    return Prepared(layout.file, layout.key_type, record, groups)


def _lines(
    fixed: Collection[tuple[str, str]], places: Collection[Place], *, empty: str, needed: Mapping[str, str]
) -> tuple[Line, ...]:
    """One for each segment, in the order in which the mapping names them first. ``empty``: what a field says whose
    place isn't filled.
    """
    constants = [(Address.of(where), text) for where, text in fixed]
    placed = [(Address.of(place.at), place) for place in places]
    named = [(Address.of(place.name_at), place.field) for place in places if place.name_at]
    segments = dict.fromkeys(at.segment for at, _ in chain(constants, placed))
    return tuple(
        _line(
            name,
            [(at, text) for at, text in constants if at.segment == name],
            [(at, place) for at, place in placed if at.segment == name],
            [(at, field) for at, field in named if at.segment == name],
            empty,
            needed.get(name, ""),
        )
        for name in segments
    )


def _line(
    name: str,
    fixed: list[tuple[Address, str]],
    places: list[tuple[Address, Place]],
    named: list[tuple[Address, str]],
    empty: str,
    needed: str,
) -> Line:
    numbers = [at.field for at, _ in chain(fixed, places, named)]
    constant = {
        at.field: escape(text)
        for at, text in fixed
        if at.component == 1 and numbers.count(at.field) == 1 and "{" not in text
    }
    unstated = dict.fromkeys((at.field for at, _ in places), empty) | constant
    blank = (name, *(unstated.get(number, "") for number in range(1, max(numbers) + 1)))
    cells = [
        Cell(
            number,
            tuple((at.component, text) for at, text in fixed if at.field == number),
            tuple((at.component, place) for at, place in places if at.field == number),
            tuple((at.component, field) for at, field in named if at.field == number),
        )
        for number in sorted(set(numbers) - constant.keys())
    ]
    alone = {cell.number: place for cell in cells if (place := _alone(cell))}
    single = tuple((number, place.field, place.codec.write) for number, place in alone.items())
    return Line(blank, single, tuple(cell for cell in cells if cell.number not in alone), needed)


def _alone(cell: Cell) -> Place | None:
    """The place that is all of the field, if one is."""
    if cell.fixed or cell.names or len(cell.places) != 1:
        return None
    component, place = cell.places[0]
    return place if component == 1 and not place.system and not place.repeats else None
