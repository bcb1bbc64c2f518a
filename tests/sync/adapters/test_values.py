"""The form in which sent and read values are compared."""

from __future__ import annotations

import pytest

from mdm.canonical import DOMAINS, Kind
from mdm.fhir.mapping import PLACES
from sync.adapters.fhir_r4 import mapping as fhir
from sync.adapters.hl7v2_mllp import mapping as hl7
from sync.adapters.rest_json import mapping as rest
from sync.adapters.values import comparable
from sync.adapters.x12_sftp import mapping as x12
from tests.sync.adapters import factory


def test_empty_and_absent_are_the_same() -> None:
    empty = comparable("item", {"description": "", "packaging": [], "brand": None})

    assert empty == comparable("item", {})
    assert set(empty) == {f.name for f in DOMAINS["item"].fields}


def test_a_reference_is_its_id_so_that_a_renamed_record_is_no_difference() -> None:
    old, new = ({"preferred_supplier": {"id": "MDM-SU-000001", "name": name}} for name in ("Old", "New"))

    assert comparable("item", old) == comparable("item", new)


def test_the_order_of_children_makes_no_difference() -> None:
    parts = factory.ATTRIBUTES["item"]["supplier_parts"]

    assert comparable("item", {"supplier_parts": parts}) == comparable("item", {"supplier_parts": parts[::-1]})


def test_the_order_of_the_packaging_ladder_is_part_of_its_meaning() -> None:
    levels = factory.ATTRIBUTES["item"]["packaging"]

    assert comparable("item", {"packaging": levels})["packaging"] == levels
    assert comparable("item", {"packaging": levels[::-1]}) != comparable("item", {"packaging": levels})


def test_false_is_not_empty() -> None:
    assert comparable("item", {"implant": False})["implant"] is False


def paths(domain: str) -> set[str]:
    """Every canonical path of a domain, children's fields included."""
    found = set()
    for field in DOMAINS[domain].fields:
        found |= {f"{field.name}.{c.name}" for c in field.children} if field.kind is Kind.CHILDREN else {field.name}
    return found


def carried_by_hl7(domain: str) -> set[str]:
    layout = hl7.LAYOUTS[domain]
    return {p.field for p in layout.places} | {f"{g.field}.{p.field}" for g in layout.groups for p in g.places}


def carried_by_rest(domain: str) -> set[str]:
    found = set()
    for name, place in rest.TABLES[domain].items():
        found |= {name} if isinstance(place, str) else {f"{name}.{child}" for child in place[1]}
    return found


def carried_by_fhir(domain: str) -> set[str]:
    placed = {name for place in PLACES[domain] for name in place.fields}
    return {path for path in paths(domain) if path.partition(".")[0] in placed}


def carried_by_x12(domain: str) -> set[str]:
    if domain != "item":
        purposeless = {p if p.count(".") == 0 else "addresses." + p.split(".")[2] for p in x12.COLUMNS[domain]}
        return purposeless | ({"addresses.purpose"} if domain == "supplier" else set())
    groups = {"": x12.ITEM + x12.PREFERRED, "supplier_parts.": x12.SUPPLIER_PART, "packaging.": x12.PACKAGING}
    marks = {f"{prefix}{e[1:-1]}" for prefix, ts in groups.items() for t in ts for e in t.split("*") if e[:1] == "{"}
    return marks & paths("item")


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize(
    ("carried", "left_out"),
    [
        (carried_by_hl7, hl7.NOT_CARRIED),
        (carried_by_rest, rest.NOT_CARRIED),
        (carried_by_x12, x12.NOT_CARRIED),
        (carried_by_fhir, fhir.NOT_CARRIED),
    ],
    ids=["hl7v2_mllp", "rest_json", "x12_sftp", "fhir_r4"],
)
def test_every_canonical_field_is_mapped_or_left_out_with_a_reason(carried, left_out, domain) -> None:
    assert carried(domain) | {p for p in left_out if left_out[p]} >= paths(domain)
