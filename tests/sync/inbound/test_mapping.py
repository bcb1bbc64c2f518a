"""Which column is which attribute: suggested with confidence, refused with the nearest alternative."""

from __future__ import annotations

import pytest

from mdm.values import why_no_path
from sync.inbound.domains import GL_ACCOUNT, domain_of
from sync.inbound.errors import BadMapping, WrongColumns
from sync.inbound.headings import HEADINGS
from sync.inbound.mapping import SURE, plan, suggest

COST_CENTER = domain_of("cost_center")


def suggested(domain: str, *columns: str) -> dict[str, str]:
    return {s.column: s.path for s in suggest(domain, columns) if s.confidence >= SURE}


def test_usual_headings_are_sure() -> None:
    columns = (
        "ITEM NUMBER",
        "Item Description",
        "Mfr Name",
        "Mfg Part Number",
        "UOM_1",
        "Qty 1",
        "Unit Price",
        "Vendor No.",
    )
    assert suggested("item", *columns) == {
        "ITEM NUMBER": "$code",
        "Item Description": "description",
        "Mfr Name": "manufacturer",
        "Mfg Part Number": "catalogue_number",
        "UOM_1": "packaging.1.uom",
        "Qty 1": "packaging.1.quantity",
        "Unit Price": "supplier_parts.1.price",
        "Vendor No.": "supplier_parts.1.supplier",
    }
    assert suggested("supplier", "Vendor ID", "Remit City", "Fed Tax ID", "D-U-N-S") == {
        "Vendor ID": "$code",
        "Remit City": "addresses.remit_to.city",
        "D-U-N-S": "duns",
    }


def test_a_misspelt_heading_is_suggested_but_not_sure() -> None:
    [found] = suggest("item", ["Manufcturer"])
    assert found.path == "manufacturer"
    assert 0.8 <= found.confidence < SURE


def test_what_looks_like_nothing_is_left_alone() -> None:
    assert [s.path for s in suggest("location", ["COUNTY", "LATITUDE", "Favourite colour"])] == ["$ignore"] * 3


def test_a_path_goes_to_the_surest_column_only() -> None:
    found = {s.column: s.path for s in suggest("cost_center", ["Nmae", "Name"])}
    assert found["Name"] == "name"
    assert found["Nmae"] != "name"


@pytest.mark.parametrize("domain", HEADINGS)
def test_every_known_heading_leads_to_a_path_that_exists(domain: str) -> None:
    assert [why for path in HEADINGS[domain] if (why := why_no_path(domain_of(domain), path))] == []


def test_headings_match_whatever_their_case_and_blanks() -> None:
    made = plan(COST_CENTER, ["CC ID", "department_name"], {"cc id": "$code", "Department Name": "name"}, {})
    assert made.cells(["7", "Surgery"]) == {"$code": "7", "name": "Surgery"}


def test_one_column_may_go_to_two_paths_and_a_constant_to_every_row() -> None:
    made = plan(COST_CENTER, ["Dept"], {"Dept": ["$code", "name"]}, {"lifecycle": "active"})
    assert made.cells(["Surgery"]) == {"$code": "Surgery", "name": "Surgery", "lifecycle": "active"}


def test_a_column_that_the_file_lacks_is_named_with_the_nearest_and_all_there_are() -> None:
    with pytest.raises(WrongColumns) as error:
        plan(COST_CENTER, ["Code", "Dept Name", "Owner"], {"Code": "$code", "Dept. Descr Name": "name"}, {})
    assert "'Dept. Descr Name' (nearest: 'Dept Name')" in error.value.message
    assert "Code, Dept Name, Owner" in error.value.message


@pytest.mark.parametrize(
    ("mapping", "word"),
    [
        ({"Code": "name"}, r"\$code"),
        ({"Code": "$code", "Name": "nmae"}, "did you mean 'name'"),
        ({"Code": "$code", "Name": "name", "Other": "name"}, "several columns go to name"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(mapping: dict[str, str], word: str) -> None:
    with pytest.raises(BadMapping, match=word):
        plan(COST_CENTER, ["Code", "Name", "Other"], mapping, {})


def test_a_chart_of_accounts_without_codes_takes_names_as_codes() -> None:
    assert plan(GL_ACCOUNT, ["Item"], {"Item": "name"}, {}).cells(["Travel"]) == {"name": "Travel", "$code": "Travel"}
