"""Between canonical values (JSON) and the typed rows of a golden record."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import models

from mdm.canonical import DOMAINS, Domain, Field, Kind
from mdm.models import ATTRIBUTES, GoldenAttributes, PackagingLevel, SupplierAddress, SupplierPart
from mdm.models.among import Numbers
from mdm.scalars import decimal_text
from mdm.survivorship import in_order

UNSTATED: tuple[Any, ...] = (None, "", [])  # what columns hold where nothing is stated


@dataclass(frozen=True)
class ChildTable:
    """A child table of a domain: the canonical name, its model and the column that points to the parent."""

    name: str
    model: type[models.Model]
    parent: str
    spec: Field


def _table(domain: Domain, name: str, model: type[models.Model], parent: str) -> ChildTable:
    return ChildTable(name, model, parent, domain.by_name[name])


CHILD_TABLES: dict[str, tuple[ChildTable, ...]] = {
    "item": (
        _table(DOMAINS["item"], "packaging", PackagingLevel, "item_id"),
        _table(DOMAINS["item"], "supplier_parts", SupplierPart, "item_id"),
    ),
    "supplier": (_table(DOMAINS["supplier"], "addresses", SupplierAddress, "supplier_id"),),
    "location": (),
    "cost_center": (),
}


def column(spec: Field) -> str:
    return f"{spec.name}_id" if spec.kind is Kind.REFERENCE else spec.name


def to_column(spec: Field, value: Any) -> Any:
    """A canonical value as its column holds it: text columns hold "" when not stated, others NULL."""
    if value in (None, ""):
        return _unstated(spec)
    if spec.kind is Kind.DATE:
        return dt.date.fromisoformat(value)
    if spec.kind is Kind.DECIMAL:
        return Decimal(value)
    return value


def _unstated(spec: Field) -> Any:
    if spec.kind is Kind.LIST:
        return []
    nullable = (Kind.BOOLEAN, Kind.DATE, Kind.DECIMAL, Kind.INTEGER, Kind.REFERENCE)
    return None if spec.kind in nullable else ""


def from_column(spec: Field, value: Any) -> Any:
    """The canonical value of a column; None when not stated."""
    if value in UNSTATED:
        return None
    if spec.kind is Kind.DATE:
        return value.isoformat()
    if spec.kind is Kind.DECIMAL:
        return decimal_text(value)
    return value


def canonical(spec: Field, value: Any) -> Any:
    """A value as it will be read back from its column, so that equal values compare equal."""
    if value in (None, "", []):
        return None
    if spec.kind is Kind.CHILDREN:
        return [{child.name: canonical(child, row.get(child.name)) for child in spec.children} for row in value]
    return decimal_text(Decimal(str(value))) if spec.kind is Kind.DECIMAL else value


def columns_of(specs: Mapping[str, Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """What is stated, by column; what isn't is a new row's default. ``specs`` by name."""
    stated = ((specs[name], value) for name, value in values.items() if value is not None and value != "")
    return {column(spec): to_column(spec, value) for spec, value in stated if spec.kind is not Kind.CHILDREN}


def fill(row: GoldenAttributes | models.Model, specs: Iterable[Field], values: Mapping[str, Any]) -> None:
    for spec in specs:
        if spec.kind is not Kind.CHILDREN:
            setattr(row, column(spec), to_column(spec, values.get(spec.name)))


def read(row: models.Model, specs: Iterable[Field]) -> dict[str, Any]:
    return {
        spec.name: from_column(spec, getattr(row, column(spec))) for spec in specs if spec.kind is not Kind.CHILDREN
    }


def _read_all(
    model: type[models.Model], key: str, golden_ids: Sequence[int], specs: Iterable[Field]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(golden id, canonical values) of rows, in the model's order; no model is made of any, which takes longest."""
    plain = [spec for spec in specs if spec.kind is not Kind.CHILDREN]
    names = [spec.name for spec in plain]
    formed = [spec for spec in plain if spec.kind in (Kind.DATE, Kind.DECIMAL)]
    rows = model._default_manager.filter(**{f"{key}__among": Numbers(golden_ids)}).values_list(key, *map(column, plain))
    for pk, *cells in rows:
        values = {name: None if cell in UNSTATED else cell for name, cell in zip(names, cells, strict=True)}
        for spec in formed:
            values[spec.name] = from_column(spec, values[spec.name])
        yield pk, values


def load_values(domain: str, golden_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The current canonical values of golden records, references as golden ids. One query per table."""
    specs = DOMAINS[domain].fields
    found = dict(_read_all(ATTRIBUTES[domain], "pk", golden_ids, specs))
    for table in CHILD_TABLES[domain]:
        for values in found.values():
            values[table.name] = None
        children: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for pk, row in _read_all(table.model, table.parent, golden_ids, table.spec.children):
            children[pk].append(row)
        for pk, rows in children.items():
            found[pk][table.name] = in_order(table.spec, rows)
    return found
