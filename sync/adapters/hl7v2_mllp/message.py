"""MFN messages built from the mapping, and records read out of MFR answers with the same mapping."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sync.adapters.base import Kind, Message, TargetRecord, Values, own_codes
from sync.adapters.values import comparable

from .hl7 import Address, Segment
from .mapping import LAYOUTS, Group, Layout, Place

EVENTS = {Kind.UPSERT: "MUP", Kind.RETIRE: "MDC", Kind.MERGE: "MDC", Kind.UNMERGE: "MAC"}  # HL7 table 0180
address = cache(Address.of)


def control_id(key: str) -> str:
    """MSH-10 and MFE-2: 20 characters, 80 bits, the same for the same idempotency key."""
    return hashlib.sha256(key.encode()).hexdigest()[:20]


def event(message: Message) -> str:
    """MFE-1: a record the target has no code of its own for is added, else updated."""
    if message.kind == Kind.UPSERT and not own_codes(message):
        return "MAD"
    return EVENTS[Kind(message.kind)]


def body(message: Message, values: Values) -> list[Segment]:
    """MFI, MFE, the record's own segments and ZCV."""
    layout = LAYOUTS[message.domain]
    names = _names(message.payload["attributes"])
    return [
        _segment("MFI", {1: layout.file, 2: "CONCORD", 3: "UPD", 6: "AL"}),
        _segment("MFE", {1: event(message), 2: control_id(message.key), 4: message.record, 5: layout.key_type}),
        *_record(layout, message.record, values, names),
        *(s for group in layout.groups for s in _children(group, values.get(group.field) or (), names)),
        _versions(message),
    ]


def _segment(name: str, fields: Mapping[int, str]) -> Segment:
    return Segment(name, {number: [[text]] for number, text in fields.items()})


def _versions(message: Message) -> Segment:
    fields = {1: message.record, 2: str(message.version), 3: str(message.generation), 4: message.kind}
    segment = _segment("ZCV", fields)
    if merged_into := message.payload.get("merged_into"):
        segment.put(5, 1, merged_into)
    for n, code in enumerate(own_codes(message)):
        segment.put(6, 1, code["code"], n)
        segment.put(6, 2, code.get("uom") or "", n)
    return segment


class Segments(dict[str, Segment]):
    """Segments by name, in the order in which they were first written to."""

    def __missing__(self, name: str) -> Segment:
        self[name] = Segment(name)
        return self[name]


def _record(layout: Layout, record: str, values: Values, names: Mapping[str, str]) -> list[Segment]:
    segments = Segments()
    texts = {"id": record, "location_type": str(values.get("location_type") or "NA")}
    _fix(segments, layout.fixed, texts)
    for place in layout.places:
        _put(segments, place, values.get(place.field), names)
        at = address(place.at)
        segments[at.segment].null(at.field)
    absent = {name for name, needed in layout.when if values.get(needed) is None}
    return [s for name, s in segments.items() if name not in absent]


def _children(group: Group, rows: Iterable[Values], names: Mapping[str, str]) -> Iterable[Segment]:
    for n, row in enumerate(rows, start=1):
        segments = Segments()
        _fix(segments, group.fixed, {"n": str(n)})
        for place in group.places:
            _put(segments, place, row.get(place.field), names)
        yield from segments.values()


def _fix(segments: Segments, fixed: Sequence[tuple[str, str]], texts: Mapping[str, str]) -> None:
    for where, text in fixed:
        _at(segments, where, text.format_map(texts))


def _put(segments: Segments, place: Place, value: Any, names: Mapping[str, str]) -> None:
    at = address(place.at)
    segment = segments[at.segment]
    if value is None:
        return
    for n, one in enumerate(value if place.repeats else (value,)):
        segment.put(at.field, at.component, place.codec.write(one), n)
    if place.system:
        segment.put(at.field, at.component + 2, place.system)
    if place.name_at and names.get(value):
        _at(segments, place.name_at, names[value])


def _at(segments: Segments, where: str, text: str) -> None:
    at = address(where)
    segments[at.segment].put(at.field, at.component, text)


def _names(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Public id -> name of every record that the payload refers to."""
    found: dict[str, str] = {}
    for value in attributes.values():
        if isinstance(value, dict) and value.get("id"):
            found[value["id"]] = value.get("name") or ""
        elif isinstance(value, list):
            for row in value:
                found |= _names(row) if isinstance(row, dict) else {}
    return found


def records(domain: str, segments: Sequence[Segment]) -> list[TargetRecord]:
    """The records of an MFR answer, one for each MFE."""
    groups: list[list[Segment]] = []
    for segment in segments:
        if segment.name == "MFE":
            groups.append([])
        if groups:
            groups[-1].append(segment)
    return [_read(domain, group) for group in groups]


def _read(domain: str, segments: Sequence[Segment]) -> TargetRecord:
    layout = LAYOUTS[domain]
    single = {s.name: s for s in segments}
    values: Values = {p.field: _value(p, single) for p in layout.places}
    for group in layout.groups:
        values[group.field] = [{p.field: _value(p, row) for p in group.places} for row in _rows(group, segments)]
    mfe, zcv = single["MFE"], single["ZCV"]
    active = mfe.get(1) not in ("MDC", "MDL")
    return TargetRecord(zcv.get(1), int(zcv.get(2)), int(zcv.get(3)), active, comparable(domain, values))


def _rows(group: Group, segments: Sequence[Segment]) -> list[dict[str, Segment]]:
    """The group's segments, a new row at each of its first one."""
    names = list(dict.fromkeys(address(where).segment for where, _ in group.fixed))
    rows: list[dict[str, Segment]] = []
    for segment in segments:
        if segment.name == names[0]:
            rows.append({})
        if segment.name in names and rows:
            rows[-1][segment.name] = segment
    return rows


def _value(place: Place, segments: Mapping[str, Segment]) -> Any:
    at = address(place.at)
    segment = segments.get(at.segment)
    if segment is None:
        return None
    if place.repeats:
        return [place.codec.read(text) for text in segment.all(at.field)]
    text = segment.get(at.field, at.component)
    return place.codec.read(text) if text else None
