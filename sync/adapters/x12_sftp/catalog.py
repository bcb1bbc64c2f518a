"""Items as LIN loops of an 832: written and read by the templates of the mapping."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from mdm.canonical import ITEM as CANONICAL
from mdm.canonical import Field, Kind
from sync.adapters.base import InvalidForTarget, Message, TargetRecord, Values, own_codes
from sync.adapters.base import Kind as Change
from sync.adapters.values import at, comparable, texts

from . import mapping, templates
from .x12 import Segment, encode, fitting

MAINTENANCE = {  # data element 875
    Change.UPSERT: "001", Change.RETIRE: "024", Change.MERGE: "024", Change.UNMERGE: "025",
}  # fmt: skip
ADDITION, CANCELLATION = "021", "024"
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
FIELDS = {f.name: f for f in CANONICAL.fields}
PARTS = {f.name: f for f in FIELDS["supplier_parts"].children}
LEVELS = {f.name: f for f in FIELDS["packaging"].children}


def render(message: Message, values: Values) -> bytes:
    """The LIN loop of one item, with the delimiters that its values allow."""
    segments = list(_loop(message, values))
    if problems := [*_lengths(values), *_controls(values, segments)]:
        raise InvalidForTarget(problems)
    return encode(segments, fitting(segments)).encode()


def _lengths(values: Values) -> Iterator[str]:
    """Codes of X12's own lists (units: element 355, currencies: element 100) have one length only."""
    for path, length in mapping.EXACT.items():
        for text in at(values, path):
            if len(text) != length:
                yield f"{path} must have {length} characters, not {len(text)}: map it to an X12 code"
    if any(level["quantity"] == 0 for level in values["packaging"] or ()):
        yield "packaging.quantity is 0: a level holds at least one of the next lower"


def _controls(values: Values, segments: Sequence[Segment]) -> list[str]:
    if not CONTROLS.search("".join(chain.from_iterable(segments))):
        return []
    found = dict.fromkeys(path for path, text in texts("item", values) if CONTROLS.search(text))
    return [f"{path} contains a control character, which X12 cannot carry: remove it" for path in found]


def _loop(message: Message, values: Values) -> Iterator[Segment]:
    head = list(templates.write(mapping.ITEM, {**_texts(FIELDS, values), **_about(message)}))
    head[2:2] = [["REF", "IX", code["code"]] for code in own_codes(message)[1:]]  # LIN SK has the first one
    yield from head
    for row in values["supplier_parts"] or ():
        yield from templates.write(mapping.SUPPLIER_PART, _texts(PARTS, row))
    if values["preferred_supplier"]:
        yield from templates.write(mapping.PREFERRED, _texts(FIELDS, values))
    for n, row in enumerate(values["packaging"] or (), start=1):
        level = _texts(LEVELS, row)
        yield from templates.write(mapping.PACKAGING, {"quantity": "0", **level, "n": str(n)})


def _about(message: Message) -> dict[str, str]:
    codes = own_codes(message)
    maintenance = MAINTENANCE[Change(message.kind)]
    if message.kind == Change.UPSERT and not codes:
        maintenance = ADDITION
    return {
        "id": message.record,
        "key": message.key,
        "version": str(message.version),
        "generation": str(message.generation),
        "code": codes[0]["code"] if codes else "",
        "maintenance": maintenance,
        "replaced_by": message.payload.get("merged_into") or "",
    }


def _texts(fields: Mapping[str, Field], values: Mapping[str, Any]) -> dict[str, str]:
    """The values that are stated, as X12 writes them."""
    stated = ((name, fields[name].kind, value) for name, value in values.items() if value is not None)
    return {name: _text(kind, value) for name, kind, value in stated if kind is not Kind.CHILDREN}


def _text(kind: Kind, value: Any) -> str:
    if kind is Kind.BOOLEAN:
        return "Y" if value else "N"
    return str(value).replace("-", "") if kind is Kind.DATE else str(value)


def _value(field: Field, text: str) -> Any:
    if not text:
        return None
    match field.kind:
        case Kind.BOOLEAN:
            return text == "Y"
        case Kind.DATE:
            return f"{text[:4]}-{text[4:6]}-{text[6:8]}"
        case Kind.INTEGER:
            return int(text) or None
    return text


def keys(segments: Iterable[Segment]) -> list[str]:
    """The idempotency keys of a file's records."""
    return [s[2] for s in segments if s[:2] == ["REF", "TN"]]


def read(segments: Iterable[Segment]) -> Iterator[TargetRecord]:
    """The items of a catalogue, in comparable values."""
    for loop in _loops(segments, "LIN"):
        head = _until(loop, ("CTP", "N1", "SLN"))
        found = templates.read(mapping.ITEM + mapping.PREFERRED, [*head, *(s for s in loop if s[0] == "N1")])
        values: Values = {name: _value(f, found.get(name, "")) for name, f in FIELDS.items()}
        values["supplier_parts"] = [_row(mapping.SUPPLIER_PART, PARTS, s) for s in _loops(loop, "CTP", "N1", "SLN")]
        values["packaging"] = [_row(mapping.PACKAGING, LEVELS, s) for s in _loops(loop, "SLN")]
        active = found.get("maintenance") != CANCELLATION
        versions = int(found["version"]), int(found["generation"])
        yield TargetRecord(found["id"], *versions, active, comparable("item", values))


def _row(wanted: tuple[str, ...], fields: Mapping[str, Field], segments: Sequence[Segment]) -> Values:
    found = templates.read(wanted, segments)
    return {name: _value(f, found.get(name, "")) for name, f in fields.items()}


def _loops(segments: Iterable[Segment], start: str, *ends: str) -> list[list[Segment]]:
    """Runs of segments that begin with ``start`` and end before the next one, any of ``ends``, or CTT."""
    loops: list[list[Segment]] = []
    inside = False
    for segment in segments:
        if segment[0] == start:
            loops.append([])
            inside = True
        elif segment[0] in (*ends, "CTT"):
            inside = False
        if inside:
            loops[-1].append(segment)
    return loops


def _until(loop: Sequence[Segment], ends: Sequence[str]) -> list[Segment]:
    stop = next((n for n, s in enumerate(loop) if s[0] in ends), len(loop))
    return list(loop[:stop])
