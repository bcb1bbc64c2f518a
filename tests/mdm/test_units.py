"""What hospital systems call their units, and what Concord makes of it."""

from __future__ import annotations

import pytest

from mdm.units import HOLDS, SPELLINGS, UNITS, Uom, nearby, normalise_uom


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *(("EA", "EA"), ("each", "EA"), ("E.A.", "EA"), ("H87", "EA"), ("C62", "EA"), ("pcs", "EA")),
        *(("BX", "BX"), ("Box", "BX"), (" boxes ", "BX"), ("XBX", "BX")),
        *(("CS", "CA"), ("CA", "CA"), ("CASE", "CA"), ("PK", "PK"), ("PAC", "PK"), ("Package", "PK")),
        *(("RL", "RL"), ("CT", "CT"), ("Carton", "CT"), ("BG", "BG"), ("TB", "TB"), ("VI", "VI"), ("PR", "PR")),
        *(("KT", "KT"), ("KIT", "KT"), ("ST", "ST"), ("GL", "GA"), ("CC", "ML"), ("BTL", "BO")),
    ],
)
def test_each_system_s_spelling_names_one_unit(text: str, code: str) -> None:
    unit = normalise_uom(text)
    assert unit is not None
    assert unit.code == code


@pytest.mark.parametrize(
    "text", ["B10", "BX10", "BX/10", "BX 10", "10/BX", "10 BX", "Box of 10", "BOX(10)", "10 EA/BX", "box of 10 ea"]
)
def test_a_box_of_ten_is_read_in_each_of_its_spellings(text: str) -> None:
    assert normalise_uom(text) == Uom("BX", 10)


@pytest.mark.parametrize(("text", "unit"), [("C12", Uom("CA", 12)), ("P6", Uom("PK", 6)), ("TP", Uom("PK", 10))])
def test_codes_that_say_unit_and_quantity_at_once(text: str, unit: Uom) -> None:
    assert normalise_uom(text) == unit


def test_a_dozen_is_twelve_without_saying_so() -> None:
    assert normalise_uom("Doz") == Uom("DZ", 12)
    assert HOLDS["GS"] == 144


@pytest.mark.parametrize("text", ["", "BXX", "1000", "0/BX", "Q7", "EA/BX", "box of many"])
def test_what_is_no_unit_is_none_never_a_guess(text: str) -> None:
    assert normalise_uom(text) is None


def test_an_unknown_unit_names_the_known_ones_nearby() -> None:
    assert "BX (Box)" in nearby("BXX")
    assert "CT (Carton)" in nearby("cartn")


def test_every_code_names_itself_and_fits_the_field() -> None:
    assert all(SPELLINGS[code] == code and len(code) <= 3 for code in UNITS)


def test_no_spelling_means_two_units() -> None:
    said = [word for code, (name, others) in UNITS.items() for word in {code, name.upper(), *others.split()}]
    assert sorted(said) == sorted(set(said))
