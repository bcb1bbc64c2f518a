"""How values read on screen."""

from __future__ import annotations

import pytest

from mdm.canonical import DOMAINS
from mdm.ui import words
from mdm.ui.readers import children

ITEM = DOMAINS["item"].by_name


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("description", "Gown", "Gown"),
        ("implant", False, "No"),
        ("latex", "free", "Latex-free"),
        ("latex", None, "Not stated"),
        ("preferred_supplier", {"id": "MDM-SU-000001", "name": "Halden"}, "Halden"),
    ],
)
def test_a_value_reads_as_a_person_would_say_it(name, value, text):
    assert words.display(ITEM[name], value) == text


def test_no_is_something_stated():
    assert words.display(ITEM["sterile"], False) != words.EMPTY


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.924, "92.4%"), (0.99999, ">99.9%"), (1.0, "100%"), (0.0001, "<0.1%"), (0.5, "50%"), (None, "∅")],
)
def test_a_probability_is_never_rounded_to_a_certainty(share, text):
    assert words.percent(share) == text


def test_bits_carry_a_true_minus():
    assert words.bits(-1.44) == "−1.4"
    assert words.bits(9.6) == "+9.6"


def test_a_packaging_level_names_the_unit_it_holds():
    ladder = [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 10, "gtin": "10614141093165"}]
    assert children.texts(ITEM["packaging"], ladder) == [("EA", "base"), ("BX", "10 EA · 10614141093165")]


def test_a_supplier_part_reads_as_an_offer():
    part = {"supplier": "Halden", "number": "H-1", "price": "12.50", "currency": "USD", "uom": "BX", "contract": "C7"}
    assert children.texts(ITEM["supplier_parts"], [part]) == [("Halden", "H-1 · 12.50 USD per BX · C7")]
