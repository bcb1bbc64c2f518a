"""Suppliers, locations and cost centers as rows of a CSV file. A rendered record is its header and its row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mdm.canonical import DOMAINS, Field, Kind
from sync.adapters.base import InvalidForTarget, Message, TargetRecord, Values, own_codes
from sync.adapters.base import Kind as Change
from sync.adapters.values import comparable

from .mapping import COLUMNS, CONTROL_COLUMNS


def render(message: Message, values: Values) -> bytes:
    flat = _flat(message.domain, values)
    columns = COLUMNS[message.domain]
    row = {**_about(message), **{columns[path]: text for path, text in flat.items()}}
    return write([*CONTROL_COLUMNS, *columns.values()], [row])


def write(header: list[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def read_rows(data: bytes) -> list[dict[str, str]]:
    """Rows by column name. Raises ValueError when it is not UTF-8 or not CSV."""
    csv.field_size_limit(1_000_000)
    try:
        return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    except csv.Error as error:
        raise ValueError(f"not CSV: {error}") from error


def _about(message: Message) -> dict[str, str]:
    return {
        "key": message.key,
        "id": message.record,
        "version": str(message.version),
        "generation": str(message.generation),
        "action": message.kind,
        "active": "N" if message.kind in (Change.RETIRE, Change.MERGE) else "Y",
        "replaced_by": message.payload.get("merged_into") or "",
        "codes": json.dumps([code["code"] for code in own_codes(message)], ensure_ascii=False),
    }


def _flat(domain: str, values: Values) -> dict[str, str]:
    flat: dict[str, str] = {}
    for field in DOMAINS[domain].fields:
        value = values[field.name]
        if field.kind is Kind.CHILDREN:
            flat |= _children(field, value or ())
        elif field.kind is Kind.LIST:
            flat[field.name] = json.dumps(value, ensure_ascii=False) if value else ""
        else:
            flat[field.name] = "" if value is None else str(value)
    return flat


def _children(field: Field, rows: Iterable[Values]) -> dict[str, str]:
    """``addresses.ordering.city``; there is one set of columns for each purpose."""
    flat: dict[str, str] = {}
    seen: set[str] = set()
    purposes = _purposes(field)
    for row in rows:
        key = row[field.child_key]
        if key not in purposes or key in seen:
            raise InvalidForTarget(
                [f"{field.name}: one for each of {', '.join(purposes)}, not a second or other {key}"]
            )
        seen.add(key)
        flat |= {f"{field.name}.{key}.{c.name}": row[c.name] or "" for c in field.children if c.name != field.child_key}
    return flat


def _purposes(field: Field) -> list[str]:
    key = next(c for c in field.children if c.name == field.child_key)
    return [value for value, _ in key.choices]


def read(domain: str, rows: Iterable[Mapping[str, str]]) -> Iterator[TargetRecord]:
    for row in rows:
        values = _values(domain, {path: row.get(column, "") for path, column in COLUMNS[domain].items()})
        versions = int(row["version"]), int(row["generation"])
        yield TargetRecord(row["id"], *versions, row["active"] == "Y", comparable(domain, values))


def _values(domain: str, flat: Mapping[str, str]) -> Values:
    values: Values = {}
    for field in DOMAINS[domain].fields:
        if field.kind is Kind.CHILDREN:
            values[field.name] = [row for use in _purposes(field) if (row := _child(field, use, flat))]
        elif field.kind is Kind.LIST:
            values[field.name] = json.loads(flat[field.name] or "null")
        else:
            values[field.name] = flat[field.name]
    return values


def _child(field: Field, use: str, flat: Mapping[str, str]) -> dict[str, Any]:
    cells = {c.name: flat.get(f"{field.name}.{use}.{c.name}", "") for c in field.children}
    return {**cells, field.child_key: use} if any(cells.values()) else {}
