"""Records read out of MFR answers by the mapping that MFN messages are written by, and the control id of both."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sync.adapters.base import TargetRecord, Values
from sync.adapters.values import comparable

from .hl7 import Address, Segment
from .mapping import LAYOUTS, Group, Place

address = cache(Address.of)


def control_id(key: str) -> str:
    """MSH-10 and MFE-2: 20 characters, 80 bits, the same for the same idempotency key."""
    return hashlib.sha256(key.encode()).hexdigest()[:20]


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
