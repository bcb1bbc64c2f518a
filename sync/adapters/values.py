"""Golden payloads in the one form that a message sent and a record read back can be compared in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from mdm.canonical import DOMAINS, Field, Kind

from .base import InvalidForTarget, Message, Values

EMPTY: tuple[Any, ...] = (None, "", [])
LADDERS = {"packaging"}  # lists whose order says something: a level holds so many of the one before it
Limits = Mapping[str, int]  # "description" or "supplier_parts.number" -> characters


def comparable(domain: str, attributes: Mapping[str, Any]) -> Values:
    """Every canonical field of the domain; empty is None, a reference is its public id, children are sorted
    unless their order means something.

    References lose their name: a supplier that is renamed must not make every item that names it differ.
    """
    values = {name: None if (value := attributes.get(name)) in EMPTY else value for name in DOMAINS[domain].by_name}
    for field in _structured(domain):
        values[field.name] = _value(field, values[field.name])
    return values


@cache
def _structured(domain: str) -> list[Field]:
    """Fields whose values are more than they are in the payload: references and children."""
    return [f for f in DOMAINS[domain].fields if f.kind in (Kind.REFERENCE, Kind.CHILDREN)]


def _value(field: Field, value: Any) -> Any:
    if value in EMPTY:
        return None
    if field.kind is Kind.REFERENCE:
        return value["id"] if isinstance(value, dict) else value
    if field.kind is Kind.CHILDREN:
        rows = [{c.name: _value(c, row.get(c.name)) for c in field.children} for row in value]
        return rows if field.name in LADDERS else sorted(rows, key=lambda row: [str(cell) for cell in row.values()])
    return value


def at(values: Mapping[str, Any], path: str) -> list[str]:
    """The texts at ``description`` or, of every child, at ``packaging.uom``."""
    name, _, child = path.partition(".")
    found = [row.get(child) for row in values.get(name) or ()] if child else [values.get(name)]
    return [text for text in found if isinstance(text, str)]


def texts(domain: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, text) of every text in comparable values: ``("packaging.uom", "BX")``."""
    for field in DOMAINS[domain].fields:
        yield from _texts(field, field.name, values.get(field.name))


def _texts(field: Field, path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif field.kind is Kind.LIST:
        yield from ((path, text) for text in value or ())
    elif field.kind is Kind.CHILDREN:
        for row in value or ():
            for child in field.children:
                yield from _texts(child, f"{path}.{child.name}", row.get(child.name))


def limit_problems(values: Mapping[str, Any], limits: Limits) -> list[str]:
    """One sentence for each text that is longer than this target's field."""
    return [
        f"{path} has {len(text)} characters and this target holds {limits[path]}: shorten it with a steward's value"
        for path in limits
        for text in at(values, path)
        if len(text) > limits[path]
    ]


def checked(message: Message, limits: Limits) -> Values:
    """The message's comparable values. Raises InvalidForTarget with every value that is too long."""
    values = comparable(message.domain, message.payload["attributes"])
    if problems := limit_problems(values, limits):
        raise InvalidForTarget(problems)
    return values
