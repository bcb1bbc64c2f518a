"""Items as 832: what is written, what is refused, what is read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync.adapters.base import InvalidForTarget, Kind
from sync.adapters.values import comparable
from sync.adapters.x12_sftp import catalog
from sync.adapters.x12_sftp.x12 import CONTROL, USUAL, Envelope, decode, split
from tests.sync.adapters import factory


def render(**attributes: object) -> bytes:
    message = factory.message(**attributes)
    return catalog.render(message, comparable("item", message.payload["attributes"]))


def segments(body: bytes) -> list[list[str]]:
    delimiters = USUAL if body[3:4] == b"*" else CONTROL
    return split(body.decode(), delimiters.element, delimiters.segment)


def test_an_item_is_written_as_the_standard_has_it() -> None:
    found = segments(render())

    assert found[0] == "LIN**IN*MDM-IT-000001***UK*00801741012345*MG*0165SI16*HC*A4338".split("*")
    assert ["G53", "021"] in found
    assert ["REF", "V0", "1", "0"] in found
    assert ["PID", "F", "", "", "", "Catheter Foley 16FR 5CC"] in found
    assert ["PID", "S", "", "ZZ", "STERILE", "", "", "", "Y"] in found
    assert ["PID", "S", "", "ZZ", "IMPLANT", "", "", "", "N"] in found
    assert ["CTP", "", "CON", "120.50", "1", "BX"] in found
    assert ["DTM", "092", "20260101"] in found
    assert ["SLN", "2", "", "I", "10", "BX"] in found


def test_a_value_that_is_not_stated_leaves_no_segment() -> None:
    found = {(s[0], s[4]) for s in segments(render(implant=None, brand=None)) if len(s) > 4}

    assert ("PID", "IMPLANT") not in found
    assert ("PID", "BRAND") not in found


def test_a_long_description_is_continued_not_cut() -> None:
    text = "x" * 80 + "y" * 80 + "z"
    pieces = [s[5] for s in segments(render(description=text)) if s[:2] == ["PID", "F"]]

    assert [len(piece) for piece in pieces] == [80, 80, 1]
    assert "".join(pieces) == text


def test_usual_delimiters_are_used_unless_a_value_contains_one() -> None:
    assert render()[3:4] == b"*"
    assert {render(description=f"a{char}b")[3:4] for char in "*~>^"} == {b"\x1d"}


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"base_uom": "EAC"}, "base_uom must have 2 characters, not 3: map it to an X12 code"),
        ({"description": "a\x1cb"}, "description contains a control character, which X12 cannot carry: remove it"),
        ({"packaging": [{"uom": "EA", "quantity": 0}]}, "packaging.quantity is 0"),
        (
            {"supplier_parts": [{"supplier": factory.SUPPLIER_REF, "currency": "US"}]},
            "supplier_parts.currency must have 3",
        ),
    ],
)
def test_what_x12_cannot_carry_is_refused_with_the_remedy(attributes: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidForTarget, match=problem):
        render(**attributes)


def test_all_problems_of_a_record_are_told_at_once() -> None:
    with pytest.raises(InvalidForTarget) as caught:
        render(base_uom="EAC", brand="\x01")

    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("kind", "codes", "maintenance"),
    [
        (Kind.UPSERT, (), "021"),
        (Kind.UPSERT, ("SC1",), "001"),
        (Kind.RETIRE, ("SC1",), "024"),
        (Kind.MERGE, (), "024"),
        (Kind.UNMERGE, (), "025"),
    ],
)
def test_the_kind_of_change_is_the_maintenance_code(kind: Kind, codes: tuple[str, ...], maintenance: str) -> None:
    message = factory.message(kind=kind, codes=codes)
    body = catalog.render(message, comparable("item", message.payload["attributes"]))

    assert ["G53", maintenance] in segments(body)


def test_rendering_is_a_function_of_the_message() -> None:
    assert render() == render()


def test_an_envelope_counts_its_segments_and_repeats_its_control_number() -> None:
    bodies = [render().decode(), render(number=2).decode()]
    count = sum(body.count("~") for body in bodies)
    envelope = Envelope("CONCORD", "SUPPLY", "P", 4711, datetime(2026, 3, 1, 9, 5, tzinfo=UTC))

    text = envelope.wrap(bodies, USUAL, count, 2)
    found = {s[0]: s for s in decode(text)}

    assert len(text.split("~")[0]) == 105
    assert found["ISA"][13] == found["IEA"][2] == "000004711"
    assert found["GS"][6] == found["GE"][2] == "4711"
    assert int(found["SE"][1]) == count + 5
    assert found["CTT"][1] == "2"


def test_what_is_no_interchange_is_refused() -> None:
    with pytest.raises(ValueError, match="no ISA"):
        decode("<html>")
