"""A Tryton record as a plain tree: its fields by name, references by a natural key, rows inside rows.

A ``Model`` says which fields are kept in step. From it follow the fields to read, the tree of what was read, and the
commands that turn what is held into what is wanted. Rows are told apart by a key; rows whose key is None, or that come
second with a key, were made by somebody else and are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Tree = dict[str, Any]
Resolve = Callable[["Ref", Any], "int | None"]


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference by the value of ``key`` at ``model``; by public id where ``domain`` is given."""

    model: str
    key: str = "code"
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    scalars: tuple[str, ...] = ()
    refs: Mapping[str, Ref] = field(default_factory=dict)
    rows: Mapping[str, Rows] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rows:
    model: Model
    key: Callable[[Tree], Any]
    deactivated: bool = False  # rows that are no longer wanted: documents refer to them, so they stay, inactive


def fields(model: Model, prefix: str = "") -> Iterator[str]:
    """What to read: ``name``, ``addresses.city``, ``addresses.country.code``."""
    yield from (prefix + name for name in model.scalars)
    for name, ref in model.refs.items():
        yield prefix + name
        if not ref.domain:
            yield f"{prefix}{name}.{ref.key}"
    for name, rows in model.rows.items():
        yield from fields(rows.model, f"{prefix}{name}.")


def tree(model: Model, row: Mapping[str, Any], named: Callable[[str, int], str | None]) -> Tree:
    """What was read, with ``id``. ``named`` gives the public id of a record of a domain, None for somebody else's."""
    out: Tree = {"id": row["id"], **{name: _scalar(row.get(name)) for name in model.scalars}}
    for name, ref in model.refs.items():
        if ref.domain:
            out[name] = named(ref.domain, row[name]) if row.get(name) else None
        else:
            out[name] = (row.get(f"{name}.") or {}).get(ref.key)
    for name, rows in model.rows.items():
        out[name] = _first_of_each(rows, [tree(rows.model, child, named) for child in row.get(f"{name}.") or ()])
    return out


def _first_of_each(rows: Rows, found: list[Tree]) -> list[Tree]:
    kept: dict[Any, Tree] = {}
    for row in sorted(found, key=lambda row: int(row["id"])):
        if (key := rows.key(row)) is not None:
            kept.setdefault(key, row)
    return list(kept.values())


def _scalar(value: Any) -> Any:
    if isinstance(value, Mapping) and "decimal" in value:
        return decimal(value["decimal"])
    return None if value == "" else value


def decimal(text: str) -> dict[str, str]:
    """A number as the protocol writes it, without zeros at its end."""
    return {"__class__": "Decimal", "decimal": format(Decimal(text).normalize(), "f")}


def commands(model: Model, wanted: Mapping[str, Any], held: Tree | None, resolve: Resolve) -> dict[str, Any]:
    """The values of a ``create`` (nothing held) or of a ``write`` of what differs."""
    out: dict[str, Any] = {}
    for name in model.scalars:
        if name in wanted and (held is None or wanted[name] != held[name]):
            out[name] = wanted[name]
    for name, ref in model.refs.items():
        if name in wanted and (held is None or wanted[name] != held[name]):
            out[name] = resolve(ref, wanted[name])
    for name, rows in model.rows.items():
        if steps := _row_commands(rows, wanted.get(name, ()), held[name] if held else [], resolve):
            out[name] = steps
    return out


def _row_commands(rows: Rows, wanted: Any, held: list[Tree], resolve: Resolve) -> list[Any]:
    there = {rows.key(row): row for row in held}
    steps: list[Any] = []
    for row in wanted:
        before = there.pop(rows.key(row), None)
        values = commands(rows.model, row, before, resolve)
        if before is None:
            steps.append(["create", [values]])
        elif values:
            steps.append(["write", [before["id"]], values])
    if gone := [row["id"] for row in there.values() if row.get("active", True)]:
        steps.append(["write", gone, {"active": False}] if rows.deactivated else ["delete", gone])
    return steps


def references(model: Model, wanted: Mapping[str, Any]) -> Iterator[tuple[Ref, Any]]:
    """Every reference of a tree that has to be resolved before it is written."""
    yield from ((ref, wanted[name]) for name, ref in model.refs.items() if wanted.get(name) is not None)
    for name, rows in model.rows.items():
        for row in wanted.get(name, ()):
            yield from references(rows.model, row)
