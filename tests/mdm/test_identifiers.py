"""Public identifiers: valid ones are written one way, invalid ones are kept and say why."""

from __future__ import annotations

import pytest

from mdm.identifiers import CHECKS, check, normalise, why_invalid

VALID = [
    ("gtin", "00614141000036", "00614141000036"),
    ("gtin", "614141000036", "00614141000036"),
    ("gtin", "(01)00614141000036", "00614141000036"),
    ("gtin", "0614-1410-0003-6", "00614141000036"),
    ("udi_di", "614141000036", "00614141000036"),
    ("udi_di", "+a123bjc5d6e71g", "+A123BJC5D6E71G"),
    ("udi_di", "=A9999XYZ100T0944", "=A9999XYZ100T0944"),
    ("gln", "9501101530003", "9501101530003"),
    ("npi", "1234567893", "1234567893"),
    ("npi", "123 456 7893", "1234567893"),
    ("ein", "123456789", "12-3456789"),
    ("ein", "12-3456789", "12-3456789"),
    ("duns", "15-048-3782", "150483782"),
    ("lei", "5493 001K JTII GC8Y 1R12", "5493001KJTIIGC8Y1R12"),
]
INVALID = [
    ("gtin", "00614141000037", "check digit"),
    ("gtin", "614141000", "8, 12, 13 or 14 digits"),
    ("gtin", "A00614141000036", "digits only"),
    ("gtin", "00000000000000", "filler"),
    ("gtin", "٠٠٦١٤١٤١٠٠٠٠٣٦", "digits only"),
    ("udi_di", "+A123BJC5D6E71H", "HIBC"),
    ("udi_di", "=A1", "6 to 25"),
    ("gln", "9501101530004", "check digit"),
    ("gln", "950110153000", "13 digits"),
    ("npi", "1234567890", "check digit"),
    ("npi", "3234567893", "begins with 1 or 2"),
    ("ein", "12345678", "dropped zeros"),
    ("ein", "00-1234567", "these two digits"),
    ("duns", "999999999", "filler"),
    ("lei", "5493001KJTIIGC8Y1R13", "ISO 7064"),
]


@pytest.mark.parametrize(("scheme", "text", "written"), VALID)
def test_a_valid_identifier_is_written_one_way(scheme: str, text: str, written: str) -> None:
    assert check(scheme, text) == (written, "")


@pytest.mark.parametrize(("scheme", "text", "why"), INVALID)
def test_an_invalid_identifier_is_kept_and_says_why(scheme: str, text: str, why: str) -> None:
    kept, reason = check(scheme, text)
    assert kept == text.upper()
    assert why in reason


@pytest.mark.parametrize(("scheme", "text", "_written"), VALID)
def test_normalising_again_changes_nothing(scheme: str, text: str, _written: str) -> None:
    once = normalise(scheme, text)
    assert normalise(scheme, once) == once
    assert why_invalid(scheme, once) == ""


@pytest.mark.parametrize("scheme", CHECKS)
@pytest.mark.parametrize("text", ["", " ", "-", "+", "=", "²", "\N{SNOWMAN}", "1" * 500])
def test_no_text_makes_a_check_fail(scheme: str, text: str) -> None:
    assert why_invalid(scheme, text)
