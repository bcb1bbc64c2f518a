"""What the columns of a table mean: roles, and the canonical values that rows have by them.

A ``roles.toml`` has a section a task, named after the folder of its files, or no sections. Roles that every kind of
record may have: name, description, brand, code, address, city, state, postcode, phone, website, email. Besides them, a
role may be any field of the domain by its canonical name, such as gtin, size or parent_name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .tables import BadInput, Table

ITEM = {"name": "description", "description": "long_description", "brand": "manufacturer", "code": "catalogue_number"}
PLACE = {"address": "line1", "city": "city", "state": "state", "postcode": "postcode"}
LISTS = frozenset(("dba_names",))  # separated by semicolons
UNUSED = frozenset(("kind", "price", "given_name", "id"))


def read_roles(path: Path, task: str) -> dict[str, str]:
    """Role → column, of the section ``task`` or of a file without sections."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {error}") from error
    sections = [name for name, value in table.items() if isinstance(value, dict)]
    found = table.get(task, table if not sections else None)
    if found is None:
        raise BadInput(f"{path} has no section [{task}]; it has {', '.join(sections)}. Say which with --section.")
    return {role: column for role, column in found.items() if role not in UNUSED}


def records(table: Table, roles: Mapping[str, str], domain: str) -> Iterator[dict[str, Any]]:
    """The canonical values of each row."""
    fields = {_field(role, domain): table.column(column) for role, column in roles.items()}
    place = {name: fields.pop(name) for name in PLACE.values() if domain == "supplier" and name in fields}
    for number in range(len(table)):
        values: dict[str, Any] = {name: column[number] for name, column in fields.items()}
        for name in LISTS & values.keys():
            values[name] = [part.strip() for part in values[name].split(";") if part.strip()]
        address = {name: column[number] for name, column in place.items()}
        if any(address.values()):
            values["addresses"] = [{"purpose": "ordering", **address}]
        yield values


def _field(role: str, domain: str) -> str:
    if domain == "item":
        return ITEM.get(role, role)
    return PLACE.get(role, role)
