"""Canonical values in and out of their columns: nothing lost, nothing changed, nothing without a place."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from django.db import models
from django.utils import timezone

from mdm.canonical import DOMAINS, Field, Kind
from mdm.changes import Change
from mdm.models import ATTRIBUTES, GoldenRecord, User
from mdm.rows import CHILD_TABLES, canonical, column, from_column, load_values, to_column
from mdm.services.storage import new_goldens, write, write_attributes
from mdm.survivorship import in_order
from mdm.values import IDENTIFIER_LENGTH, TEXT_LENGTH

OWN = {"golden_id", "item_id", "supplier_id", "id", "position", "size_attributes"}  # columns that are not canonical
EVERY = [(name, spec) for name, domain in DOMAINS.items() for spec in domain.fields]


def columns(model: type[models.Model]) -> set[str]:
    return {f.attname for f in model._meta.concrete_fields}


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_canonical_field_has_a_column_and_every_column_a_field(domain: str) -> None:
    plain = {column(f) for f in DOMAINS[domain].fields if f.kind is not Kind.CHILDREN}
    assert plain == columns(ATTRIBUTES[domain]) - OWN
    tables = {table.name: table for table in CHILD_TABLES[domain]}
    assert set(tables) == {f.name for f in DOMAINS[domain].fields if f.kind is Kind.CHILDREN}
    for table in tables.values():
        stated = {column(child) for child in table.spec.children}
        assert stated == columns(table.model) - (OWN - stated)


@pytest.mark.parametrize(("domain", "spec"), EVERY, ids=lambda v: v if isinstance(v, str) else v.name)
def test_a_column_holds_whatever_the_parser_lets_through(domain: str, spec: Field) -> None:
    model: Any = ATTRIBUTES[domain]
    for child in spec.children or (spec,):
        if spec.children:
            model = next(t.model for t in CHILD_TABLES[domain] if t.name == spec.name)
        field = model._meta.get_field(child.name)
        if child.kind in (Kind.TEXT, Kind.CODE):
            assert field.max_length >= (child.max_length or TEXT_LENGTH)
        elif child.kind is Kind.IDENTIFIER:
            assert field.max_length >= IDENTIFIER_LENGTH
        elif child.kind is Kind.CHOICE:
            assert {value for value, _ in field.choices} == {value for value, _ in child.choices}
            assert field.max_length >= max(len(value) for value, _ in child.choices)
        elif child.kind is Kind.DECIMAL:
            assert (field.max_digits, field.decimal_places) == (14, 4)


def example(spec: Field, dice: random.Random, references: list[int]) -> Any:
    match spec.kind:
        case Kind.BOOLEAN:
            return dice.choice([True, False])
        case Kind.DATE:
            return (dt.date(2026, 1, 1) + dt.timedelta(days=dice.randrange(1000))).isoformat()
        case Kind.DECIMAL:
            return dice.choice(["12.50", "0.0375", "0.00", "9999999999.9999", "100.00"])
        case Kind.INTEGER:
            return dice.choice([1, 12, 2**31 - 1])
        case Kind.CHOICE:
            return dice.choice([value for value, _ in spec.choices])
        case Kind.REFERENCE:
            return dice.choice(references)
        case Kind.LIST:
            return ["Acme", 'Acme "West", {Inc.}', "NULL"]
        case _:
            return dice.choice(["X", "naïve — \\N\ttab", "Ω" * min(spec.max_length or 9, 30), "0"])[
                : spec.max_length or 30
            ]


def children(spec: Field, dice: random.Random, references: list[int]) -> list[dict[str, Any]]:
    found = {}
    for key in ("EA", "BX", "CA") if spec.name == "packaging" else range(3):
        row = {c.name: None if dice.random() < 0.3 else example(c, dice, references) for c in spec.children}
        row[spec.child_key] = example(_key(spec), dice, references) if isinstance(key, int) else key
        found[row[spec.child_key]] = row
    return in_order(spec, found.values())


def _key(spec: Field) -> Field:
    return next(c for c in spec.children if c.name == spec.child_key)


@pytest.mark.django_db
@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("seed", range(4))
def test_values_come_back_as_they_were_written(domain: str, seed: int) -> None:
    dice = random.Random(seed)
    change = Change.begin(User.objects.system(), "test")
    kinds = {f.domain for f in DOMAINS[domain].fields if f.domain} | {
        c.domain for f in DOMAINS[domain].fields for c in f.children if c.domain
    }
    others = {name: new_goldens(name, 12, change) for name in kinds}
    made = new_goldens(domain, 1, change)
    for rows in [*others.values(), made]:
        write(change, rows, created={g.pk for g in rows})

    def fill(spec: Field) -> Any:
        ids = {c.name: [g.pk for g in others[c.domain]] for c in (spec, *spec.children) if c.domain}
        references = next(iter(ids.values()), [])
        return children(spec, dice, references) if spec.children else example(spec, dice, references)

    golden = made[0].pk
    created = {golden}
    for _ in range(3):  # written, then changed twice
        values = {f.name: None if dice.random() < 0.2 else fill(f) for f in DOMAINS[domain].fields}
        values |= {"parent": None} if "parent" in values else {}
        values = {f.name: canonical(f, values[f.name]) for f in DOMAINS[domain].fields}
        write_attributes(change, domain, {golden: values}, {}, created=created)
        assert load_values(domain, [golden])[golden] == values
        created = set()
    assert GoldenRecord.history.filter(id=golden).count() == 1


@pytest.mark.parametrize(("domain", "spec"), EVERY, ids=lambda v: v if isinstance(v, str) else v.name)
def test_what_is_not_stated_comes_back_as_not_stated(domain: str, spec: Field) -> None:
    for child in spec.children or (spec,):
        for nothing in (None, ""):
            assert from_column(child, to_column(child, nothing)) is None


def test_equal_amounts_are_written_alike() -> None:
    price = next(c for c in DOMAINS["item"].by_name["supplier_parts"].children if c.name == "price")
    written = [canonical(price, text) for text in ("12.5", "12.50", "12.5000", "0.0375", "100", "0", "1E+2")]
    assert written == ["12.50", "12.50", "12.50", "0.0375", "100.00", "0.00", "100.00"]


def test_a_date_is_read_as_iso() -> None:
    spec = DOMAINS["location"].by_name["active_from"]
    today = timezone.localdate()
    assert from_column(spec, to_column(spec, today.isoformat())) == today.isoformat()
