"""What the columns of a table mean: roles, and the canonical values that rows have by them.

A ``roles.toml`` has a section a task, named after the folder of its files, or no sections. Roles that every kind of
record may have: name, description, brand, code, address, city, state, postcode, phone, website, email. Besides them, a
role may be any field of the domain by its canonical name, such as gtin, size or parent_name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from ..files import why
from ..recipe import Recipe
from .tables import BadInput, Table

ITEM = {"name": "description", "description": "long_description", "brand": "manufacturer", "code": "catalogue_number"}
PLACE = {"address": "line1", "city": "city", "state": "state", "postcode": "postcode"}
LISTS = frozenset(("dba_names",))  # separated by semicolons
COMMON = frozenset(("name", "description", "brand", "code", *PLACE, "phone", "website", "email"))
UNUSED = frozenset(("kind", "price", "given_name", "id"))


def read_roles(path: Path, task: str) -> dict[str, str]:
    """Role → column, of the section ``task`` or of a file without sections."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {why(error)}.") from error
    sections = [name for name, value in table.items() if isinstance(value, dict)]
    found = table.get(task, table if not sections else None)
    if found is None:
        raise BadInput(f"{path} has no section [{task}]; it has {', '.join(sections)}. Say which with --section.")
    if odd := [role for role, column in found.items() if not isinstance(column, str)]:
        raise BadInput(f'{path}: write {odd[0]} = "column"; a role is one column.')
    return {role: column for role, column in found.items() if role not in UNUSED}


class _Asked(dict[str, Any]):
    """A record that states nothing, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return default


def readable(recipe: Recipe) -> set[str]:
    """Roles that the engine makes something of in this domain."""
    asked = _Asked()
    recipe.standardise(asked)
    recipe.critical(asked)
    fields = asked.names | (set(PLACE.values()) if recipe.domain == "supplier" else set())
    return {role for role in COMMON | fields if _field(role, recipe.domain) in fields}


class Records(Sequence[dict[str, Any]]):
    """The canonical values of each row of a table, made when asked for: a million of them take much memory."""

    def __init__(self, table: Table, roles: Mapping[str, str], domain: str) -> None:
        fields = {_field(role, domain): table.column(column) for role, column in roles.items()}
        self._size = len(table)
        self._place = {name: fields.pop(name) for name in PLACE.values() if domain == "supplier" and name in fields}
        self._fields = fields

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, number: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, number: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, number: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(number, slice):
            return [self._row(n) for n in range(*number.indices(self._size))]
        return self._row(range(self._size)[number])

    def _row(self, number: int) -> dict[str, Any]:
        values: dict[str, Any] = {name: column[number] for name, column in self._fields.items()}
        for name in LISTS & values.keys():
            values[name] = [part.strip() for part in values[name].split(";") if part.strip()]
        address = {name: column[number] for name, column in self._place.items()}
        if any(address.values()):
            values["addresses"] = [{"purpose": "ordering", **address}]
        return values


def _field(role: str, domain: str) -> str:
    if domain == "item":
        return ITEM.get(role, role)
    return PLACE.get(role, role)
