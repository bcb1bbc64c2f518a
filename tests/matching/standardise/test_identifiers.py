import pytest

from matching.standardise.identifiers import device_identifier, gtin, hibc, registered


@pytest.mark.parametrize(
    "value", ["00844505010184", "844505010184", "(01)00844505010184(17)251231", "0100844505010184"]
)
def test_a_gtin_has_fourteen_digits_wherever_it_stands(value: str) -> None:
    assert gtin(value) == "00844505010184"


@pytest.mark.parametrize("value", ["", "N/A", "00000000000000", "12345", "ABC"])
def test_what_has_no_form_of_a_gtin_is_none(value: str) -> None:
    assert gtin(value) == ""


def test_a_hibc_is_known_by_labeller_and_product() -> None:
    assert hibc("+B123ABC4567X0") == hibc("+B123ABC4567X0 ") != ""
    assert hibc("12345") == ""


def test_a_device_identifier_of_any_agency_has_one_form() -> None:
    assert device_identifier("(01)00844505010184(10)LOT") == "00844505010184"
    assert device_identifier("M-123/x") == "M123X"


def test_a_lost_leading_zero_is_restored() -> None:
    assert registered("12-345678", 9) == "012345678"
    assert registered("123-45-6789", 9) == "123456789"
