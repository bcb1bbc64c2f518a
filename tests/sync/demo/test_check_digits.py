"""Judged by python-stdnum, which knows the rules independently."""

from __future__ import annotations

import pytest
from stdnum import ean, lei, luhn
from stdnum.us import ein

from sync.demo import check_digits

NUMBERS = [0, 1, 9, 10, 123, 4_711, 99_999]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_identifier_has_a_valid_check_digit(number: int) -> None:
    assert ean.is_valid(check_digits.gln(number))
    assert lei.is_valid(check_digits.lei(number))
    assert luhn.is_valid("80840" + check_digits.npi(number))
    assert ein.is_valid(check_digits.ein(number))
    assert len(check_digits.duns(number)) == 9


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("indicator", [0, 1, 2])
def test_gtins_of_all_levels_are_valid_and_share_their_stem(number: int, indicator: int) -> None:
    each, level = check_digits.gtin14(0, 1_234, number), check_digits.gtin14(indicator, 1_234, number)
    assert ean.is_valid(level)
    assert len(level) == 14
    assert level[1:13] == each[1:13]


def test_gtins_and_glns_lie_where_only_demonstrations_do() -> None:
    assert check_digits.gtin14(0, 1, 1)[1:4] == "952"
    assert check_digits.gln(1).startswith("952")
