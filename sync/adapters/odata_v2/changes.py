"""From what is wanted and what is held to the requests of one changeset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .batch import Request
from .mapping import Entity, Layout, Rows
from .reading import Held, escaped, key_path


def create(layout: Layout, body: Mapping[str, Any]) -> Request:
    """One deep insert: ``A_Supplier`` and the like can't be made alone."""
    return Request("POST", layout.entity_set, {layout.key: body["number"], **body["entity"], **body["first"]})


def update(layout: Layout, body: Mapping[str, Any], held: Held) -> list[Request]:
    """The head first, with the ETag that was read; then the children that differ."""
    wanted: Entity = body["entity"]
    navs = {rows.nav for rows in layout.rows}
    head = {name: value for name, value in wanted.items() if name not in navs and value != held.entity.get(name)}
    path = key_path(layout, body["number"])
    requests = [Request("PATCH", path, head, {"If-Match": held.etag or "*"})]
    for rows in layout.rows:
        requests += _children(layout, rows, body["number"], wanted.get(rows.nav, []), held.entity.get(rows.nav, []))
    return requests


def _children(
    layout: Layout, rows: Rows, number: str, wanted: Sequence[Entity], held: Sequence[Entity]
) -> Iterator[Request]:
    there = {kind: row for row in held if (kind := rows.kind(row))}
    for row in wanted:
        before = there.pop(rows.kind(row) or "", None)
        if before is None:
            yield Request("POST", rows.entity_set, {layout.key: number, **row})
        elif changed := {name: row[name] for name in rows.values if row[name] != (before.get(name) or "")}:
            yield Request("PATCH", _path(layout, rows, number, before), changed, {"If-Match": "*"})
    for row in there.values():
        yield Request("DELETE", _path(layout, rows, number, row), headers={"If-Match": "*"})


def _path(layout: Layout, rows: Rows, number: str, row: Entity) -> str:
    keys = {layout.key: number, **{name: row[name] for name in rows.keys}}
    return f"{rows.entity_set}({','.join(f'{name}={escaped(value)}' for name, value in keys.items())})"
