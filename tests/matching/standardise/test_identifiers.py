import pytest

from matching.standardise.identifiers import device_identifier, gtin, has_check_digit, hibc, registered


@pytest.mark.parametrize(
    "value",
    [
        "00844505010184", "844505010184", "0844505010184", "(01)00844505010184(17)251231", "0100844505010184",
        "(17)251231(01)00844505010184", "]d201008445050101841725123110A1", "GTIN: 00844505010184",
        "UDI-DI (01)00844505010184",
    ],
)  # fmt: skip
def test_a_gtin_has_fourteen_digits_wherever_it_stands(value: str) -> None:
    assert gtin(value) == "00844505010184"


@pytest.mark.parametrize("value", ["", "N/A", "00000000000000", "12345", "ABC"])
def test_what_has_no_form_of_a_gtin_is_none(value: str) -> None:
    assert gtin(value) == ""


@pytest.mark.parametrize(
    "value", ["+A99912345C", "+A99912345", "*+A99912345C*", "+A99912345/$$52001510X3", "UDI: +A99912345/$$52001510X3"]
)
def test_a_hibc_is_known_by_labeller_and_product(value: str) -> None:
    assert hibc(value) == device_identifier(value) == "A9991234"


@pytest.mark.parametrize("value", ["12345", "+1 602 555 1234", "A99912345C", "", None])
def test_what_has_no_form_of_a_hibc_is_none(value: object) -> None:
    assert hibc(value) == ""


def test_a_check_digit_follows_from_the_others() -> None:
    assert has_check_digit("00844505010184")
    assert not has_check_digit("00844505010148")


def test_a_device_identifier_of_any_agency_has_one_form() -> None:
    assert device_identifier("(01)00844505010184(10)LOT") == "00844505010184"
    assert device_identifier("M-123/x") == "M123X"


def test_a_lost_leading_zero_is_restored() -> None:
    assert registered("12-345678", 9) == "012345678"
    assert registered("123-45-6789", 9) == "123456789"
