from __future__ import annotations

from typing import Any

import pytest

from matching import Comparison, Statistics, recipe_for

RECIPE = recipe_for("cost_center")
ERP = {
    "code": "30-62100",
    "name": "OPERATING ROOMS",
    "legal_entity": "SAINT ORLANE HOSPITAL",
    "department": "OPERATING ROOMS",
}


def compare(a: dict[str, Any], b: dict[str, Any]) -> Comparison:
    return RECIPE.compare(RECIPE.standardise(a), RECIPE.standardise(b), Statistics(), RECIPE.policy)


def level(comparison: Comparison, field: str) -> str:
    return next(e.level for e in comparison.evidence if e.field == field)


def test_one_department_of_one_entity_in_two_systems_is_linked() -> None:
    found = compare(ERP, {"code": "30.62100", "name": "SOH OR", "department": "Operating Rooms"})
    assert level(found, "code") == "reformatted"
    assert level(found, "initials_of_site") == "reformatted"
    assert found.score > RECIPE.policy.sure_score


def test_the_same_department_of_another_entity_is_not() -> None:
    found = compare(ERP, {"code": "20.62100", "name": "PLH Operating Rooms", "department": "Operating Rooms"})
    assert found.score < RECIPE.policy.sure_score


@pytest.mark.parametrize(
    ("a", "b"),
    [("Cardiac ICU", "Surgical ICU"), ("Physical Therapy IP", "Physical Therapy OP"), ("CT Scan", "MRI")],
)
def test_departments_of_one_entity_are_told_apart_by_their_names(a: str, b: str) -> None:
    entity = {"legal_entity": "Saint Orlane Hospital", "department": "Clinical Services"}
    found = compare({"name": a, "code": "6010", **entity}, {"name": b, "code": "30-6010-200", **entity})
    assert found.vetoes[0].startswith("each name has words of its own")


def test_a_department_with_its_whole_code_may_take_another_name() -> None:
    found = compare({**ERP, "code": "30-62100-000"}, {**ERP, "code": "30.62100", "name": "Perioperative Services"})
    assert not found.vetoes


@pytest.mark.parametrize(
    ("a", "b"), [("OPER RM", "Operating Room"), ("HUM RES", "Human Resources"), ("STER PROC", "Sterile Processing")]
)
def test_short_forms_of_two_words_are_read_together(a: str, b: str) -> None:
    assert RECIPE.standardise({"name": a})["name"] == RECIPE.standardise({"name": b})["name"]


def test_a_code_without_its_entity_is_a_part_not_another_code() -> None:
    found = compare(ERP, {"code": "62100", "name": "SOH Operating Rooms"})
    assert level(found, "code") == "empty"
    assert level(found, "segments") == "reformatted"


def test_twins_share_a_key() -> None:
    other = {"code": "62100", "name": "SOH OR"}
    assert set(RECIPE.keys(RECIPE.standardise(ERP))) & set(RECIPE.keys(RECIPE.standardise(other)))


def test_codes_that_differ_in_their_last_part_are_asked_about() -> None:
    entity = {"legal_entity": "Mill Valley Health Center"}
    found = compare({"name": "Med Surg 2 North", "code": "365.6891.000", **entity},
                    {"name": "Medical Surgical 2 North - Nights", "code": "365-6891-030", **entity})  # fmt: skip
    assert "codes differ" in found.vetoes


@pytest.mark.parametrize(
    "code", ["CC 014-7040-000", "CC: 014.7040.000", "Cost Center 014 7040 000", "cost ctr # 014-7040-000"]
)
def test_a_label_is_no_part_of_a_code(code: str) -> None:
    assert RECIPE.standardise({"code": code})["code"] == RECIPE.standardise({"code": "014-7040-000"})["code"]
    assert RECIPE.standardise({"code": "Dept 7040"})["segments"] == ["7040"]


FULL = {"code": "176-8843-040", "name": "Central Supply", "legal_entity": "Granitemont Medical Center"}


@pytest.mark.parametrize("code", ["176-8843", "176.8843.000", "1768843", "1768843000"])
def test_an_empty_part_at_the_end_of_a_code_says_nothing(code: str) -> None:
    found = compare(FULL | {"code": "176-8843-000"}, FULL | {"code": code})
    assert level(found, "code") == "reformatted"
    assert compare(FULL, FULL | {"code": "176-8843-000"}).vetoes == ("codes differ",)


def test_a_code_without_its_entity_is_no_other_code() -> None:
    found = compare(FULL, FULL | {"code": "8843-040"})
    assert level(found, "code") == "similar"
    assert not found.vetoes
    assert next(e.note for e in found.evidence if e.field == "code") == "one is the other without its first part"
    other = compare(FULL, FULL | {"code": "178-8843-040"})  # the same department of another entity
    assert other.vetoes == ("codes differ",)
    assert compare(FULL, FULL | {"code": "8843-030"}).vetoes == ("codes differ",)


def test_parts_of_zeros_are_no_evidence() -> None:
    found = compare({"code": "176-8843-000"}, {"code": "211-9020-000"})
    assert level(found, "segments") == "different"


@pytest.mark.parametrize("entity", ["GMC", "Granitemont Med Ctr", "GRANITEMONT MEDICAL CENTER"])
def test_a_legal_entity_is_known_by_its_initials_too(entity: str) -> None:
    found = compare(FULL, FULL | {"legal_entity": entity})
    assert level(found, "entity") in ("reformatted", "similar", "exact")
    assert level(found, "initials_of_site") == "reformatted"
    assert level(compare(FULL, FULL | {"legal_entity": "Redport University Hospital"}), "entity") == "different"
