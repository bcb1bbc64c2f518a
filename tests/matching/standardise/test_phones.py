import pytest

from matching.standardise.phones import host, mail_host, phone


@pytest.mark.parametrize(
    "value", ["602-344-5011", "(602) 344 5011", "+1 602.344.5011", "6023445011 ext 12", "1-602-344-5011 x7"]
)
def test_one_number_has_one_form(value: str) -> None:
    assert phone(value) == "6023445011"


@pytest.mark.parametrize("value", ["", "N/A", "0000000000", "999-999-9999", "12345", None])
def test_no_number_is_no_phone(value: object) -> None:
    assert phone(value) == ""


def test_hosts_identify_but_public_mail_does_not() -> None:
    assert host("https://www.acme.com/contact") == host("ACME.COM") == "acme.com"
    assert host("none") == ""
    assert mail_host("orders@acme.com") == "acme.com"
    assert mail_host("acme.orders@gmail.com") == ""


@pytest.mark.parametrize("value", ["602-344-5011 #12", "602/344-5011; 602/344-5099", "602-344-5011, 602-344-5099"])
def test_neither_extension_nor_second_number_is_part_of_the_first(value: str) -> None:
    assert phone(value) == "6023445011"
