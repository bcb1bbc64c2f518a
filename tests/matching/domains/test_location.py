from __future__ import annotations

from typing import Any

import pytest

from matching import Comparison, Statistics, recipe_for

RECIPE = recipe_for("location")
SITE = {
    "line1": "2601 East Roosevelt Street",
    "city": "Phoenix",
    "state": "AZ",
    "postcode": "85008",
    "phone": "602-344-5011",
}


def compare(a: dict[str, Any], b: dict[str, Any]) -> Comparison:
    return RECIPE.compare(RECIPE.standardise(a), RECIPE.standardise(b), Statistics(), RECIPE.policy)


def test_a_renamed_hospital_with_its_address_and_phone_is_still_the_same() -> None:
    found = compare({"name": "Maricopa Medical Center", **SITE}, {"name": "Valleywise Health", **SITE})
    assert found.score > RECIPE.policy.sure_score
    assert not found.vetoes


def test_one_unit_in_two_spellings_is_one_unit() -> None:
    unit = {"location_type": "unit", "parent_name": "Saint Jude Hospital", **SITE}
    found = compare({"name": "4W Telemetry", **unit}, {"name": "4 West Tele", **unit})
    assert found.score > RECIPE.policy.sure_score
    assert not found.vetoes


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("ICU 2", "ICU 3"),
        ("Room A121", "Room A122"),
        ("4 North", "5 North"),
        ("Bed A", "Bed B"),
        ("4 North", "4 South"),
    ],
)
def test_numbers_and_directions_tell_units_of_one_site_apart(a: str, b: str) -> None:
    assert compare({"name": a, **SITE}, {"name": b, **SITE}).vetoes


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Cardiac ICU", "Surgical ICU"),
        ("Adult ICU", "Pediatric ICU"),
        ("Clean Utility Room 4", "Soiled Utility Room 4"),
        ("Exam Room 4", "Procedure Room 4"),
        ("Operating Room 4", "Recovery Room 4"),
        ("4 West Telemetry Unit", "4 West Oncology Unit"),
    ],
)
def test_what_is_inside_one_site_is_told_apart_by_its_name(a: str, b: str) -> None:
    found = compare({"name": a, **SITE}, {"name": b, **SITE})
    assert found.vetoes[0].startswith("each name has words of its own")


@pytest.mark.parametrize(
    "inside",
    [{"location_type": "unit"}, {"parent_name": "Saint Jude Hospital"}, {"location_type": "room", "parent_name": "ED"}],
)
def test_a_type_or_what_it_is_part_of_says_that_a_place_is_inside_a_site(inside: dict[str, str]) -> None:
    assert compare({"name": "Oncology", **inside, **SITE}, {"name": "Telemetry", **inside, **SITE}).vetoes


@pytest.mark.parametrize("kind", ["facility", "health_system"])
def test_a_hospital_of_a_group_may_take_another_name(kind: str) -> None:
    inside = {"location_type": kind, "parent_name": "Valleywise Health System"}
    found = compare({"name": "Maricopa Medical Unit", **inside, **SITE}, {"name": "Valleywise", **inside, **SITE})
    assert not found.vetoes


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("OPER RM 4", "Operating Room 4"),
        ("Nuclear Med", "Nuclear Medicine"),
        ("FAM MED CL", "Family Medicine Clinic"),
        ("Cancer Ctr", "Oncology Center"),
        ("Anesthesiology", "Anesthesia"),
        ("ICU Stockroom", "ICU Storeroom"),
        ("Clean Utility", "Utility Room"),
    ],
)
def test_short_forms_and_other_words_for_it_are_no_other_name(a: str, b: str) -> None:
    unit = {"location_type": "unit", **SITE}
    assert not compare({"name": a, **unit}, {"name": b, **unit}).vetoes


def test_a_site_named_by_initials_is_that_site() -> None:
    found = compare({"name": "Room A122 - Harrow Falls Medical Center"}, {"name": "HFMC Rm A122"})
    assert not found.vetoes
    assert all(e.bits >= 0 for e in found.evidence if e.field not in ("prior",))


def test_a_room_is_no_building() -> None:
    found = compare({"name": "Oncology", "location_type": "room"}, {"name": "Oncology", "location_type": "building"})
    assert found.vetoes == ("types differ",)


def test_twins_share_a_key() -> None:
    for a, b in [
        ({"name": "St Joseph Hospital", "city": "Phoenix"}, {"name": "Saint Joseph Hosp", "city": "PHOENIX"}),
        ({"name": "A", **SITE}, {"name": "B", **SITE, "phone": ""}),
        ({"name": "HFMC Rm A122", "city": "Harrow"}, {"name": "Harrow Falls Room A122", "city": "Harrow"}),
    ]:
        assert set(RECIPE.keys(RECIPE.standardise(a))) & set(RECIPE.keys(RECIPE.standardise(b)))


def test_a_floor_is_not_its_building() -> None:
    site = {"line1": "5839 N Foundry St", "city": "Quarrywick", "state": "WA", "postcode": "98670"}
    building = {"name": "Medical Office Building 2", "parent_name": "Quarrywick Regional Hospital", **site}
    floor = {"name": "Medical Office Bldg 2 Floor 5", "parent_name": "Med Office Bldg 2", **site}
    assert "one is part of the other" in compare(building, floor).vetoes
    same = {"name": "MED OFFICE BLDG 2", "parent_name": "QUARRYWICK REG HOSP", **site}
    assert compare(building, same).vetoes == ()


def test_a_floor_of_a_numbered_building_is_not_the_floor_of_that_number() -> None:
    found = compare({"name": "Medical Office Building 2 Floor 2"}, {"name": "MED OFC BLDG 2 FLOOR 3"})
    assert found.vetoes == ("it is another part: 2 against 3",)
    assert not compare({"name": "Medical Office Building 2 Floor 3"}, {"name": "MOB 2, 3rd Floor"}).vetoes
