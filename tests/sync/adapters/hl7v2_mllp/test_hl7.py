"""Segments as text and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.adapters.hl7v2_mllp.hl7 import NULL, Segment, decode, decode_message, escape, unescape

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(text)
def test_any_text_survives_escaping_and_leaves_no_delimiter(value: str) -> None:
    escaped = escape(value)

    assert unescape(escaped) == value
    assert not set(escaped) & set("|^~&\r\n\x0b\x1c")


@given(st.lists(st.lists(text, min_size=1, max_size=3), min_size=1, max_size=3))
def test_repetitions_and_components_survive(repetitions: list[list[str]]) -> None:
    line = Segment("ZZZ", {3: repetitions}).encode()

    assert decode(line).fields == {3: repetitions}


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("a|b^c&d~e\\f", "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f"),
        ("two\r\nlines", "two\\X0D\\\\X0A\\lines"),
        ("°é", "°é"),
    ],
)
def test_escapes_are_those_of_the_standard(value: str, escaped: str) -> None:
    assert escape(value) == escaped


def test_longer_hex_escapes_of_others_are_read() -> None:
    assert unescape("a\\X0D0A\\b") == "a\r\nb"


def test_an_unknown_escape_is_left_as_it_is() -> None:
    assert unescape("\\H\\bold\\N\\") == "\\H\\bold\\N\\"


def test_a_null_field_is_written_as_the_standard_says_and_read_as_nothing() -> None:
    segment = Segment("ITM")
    segment.null(2)

    assert segment.encode() == f"ITM||{NULL}"
    assert decode(segment.encode()).get(2) == ""


def test_the_text_of_two_quotes_is_not_null() -> None:
    segment = Segment("ITM", {2: [[NULL]]})

    assert decode(segment.encode()).get(2) == NULL


def test_fields_of_msh_have_the_standards_numbers() -> None:
    msh = decode("MSH|^~\\&|EHR|HOSP|||20260101||ACK|17|P|2.6")

    assert (msh.get(1), msh.get(2), msh.get(3), msh.get(10)) == ("|", "^~\\&", "EHR", "17")


@pytest.mark.parametrize("payload", [b"", b"PID|1\r", b"\xff\xfe"])
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"no MSH|utf-8"):
        decode_message(payload)
