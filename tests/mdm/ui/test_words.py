"""How values read on screen."""

from __future__ import annotations

import pytest

from mdm import permissions
from mdm.canonical import DOMAINS
from mdm.exceptions import Forbidden
from mdm.models import AuditEntry
from mdm.ui import words
from mdm.ui.readers import children
from mdm.ui.refusals import said

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


@pytest.mark.parametrize(
    ("after", "text"),
    [
        ({"kind": "feed_problem"}, "kind Feed problem"),
        ({"domain": "cost_center", "review_hours": 48}, "domain Cost center, review hours 48"),
        ({"attribute": "item.udi_di"}, "attribute Item: UDI-DI"),
        ({"file": "items.csv", "version": "item.nothing"}, "file items.csv, version item.nothing"),
    ],
)
def test_what_an_action_led_to_is_told_without_the_names_of_programs(after, text):
    assert words.consequence(AuditEntry(after=after)) == text


@pytest.mark.parametrize(
    ("kind", "text"), [("attributenote", "attribute note"), ("feedrun", "import"), ("gtin", "GTIN"), ("x_y", "x y")]
)
def test_what_an_action_was_about_is_told_as_people_call_it(kind, text):
    assert words.kind_name(kind) == text


@pytest.mark.parametrize("permission", permissions.DESCRIPTIONS)
def test_who_lacks_a_permission_is_told_what_it_is_for(permission):
    text = said(Forbidden(permission))
    assert permissions.DESCRIPTIONS[permission][1:] in text
    assert "_" not in text
