"""From unit to unit, exactly or not at all."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdm.conversion import Ladder, NoFactor, agree, factor
from mdm.unit_schemes import MEASURES, UNECE, read, ucum
from mdm.units import UNITS, Uom, normalise_uom

PACKAGES = ("EA", "BX", "CA", "PL", "PK", "CT")


def ladder(*levels: tuple[str, int | None], base: str = "EA") -> Ladder:
    return Ladder.of([{"uom": uom, "quantity": quantity} for uom, quantity in levels], base)


CATHETERS = ladder(("EA", 1), ("BX", 12), ("CA", 4))
ladders = st.lists(st.integers(1, 500), min_size=2, max_size=len(PACKAGES) - 1).map(
    lambda sizes: ladder(("EA", 1), *zip(PACKAGES[1:], sizes, strict=False))
)


@pytest.mark.parametrize(
    ("source", "target", "wanted"),
    [
        ("BX", "EA", 12), ("EA", "BX", Fraction(1, 12)), ("CA", "EA", 48), ("CA", "BX", 4),
        ("BX", "CA", Fraction(1, 4)), ("EA", "EA", 1), ("B12", "EA", 12), ("DZ", "BX", 1), ("HU", "EA", 100),
        ("case", "each", 48), ("XCS", "H87", 48),
    ],
)  # fmt: skip
def test_the_packaging_ladder_gives_the_factor(source, target, wanted):
    assert factor(CATHETERS, normalise_uom(source), normalise_uom(target)) == wanted


@pytest.mark.parametrize(
    ("levels", "source", "target", "reason"),
    [
        ([("EA", 1), ("BX", None), ("CA", 4)], "CA", "EA", "is not stated"),
        ([("EA", 1), ("BX", 12)], "PL", "EA", "no packaging level"),
        ([("EA", 1), ("BX", 12)], "B10", "EA", "disagree"),
        ([("EA", 10), ("BX", 12)], "BX", "EA", "said to hold 10"),
        ([("BX", 12), ("EA", 1), ("CA", 4)], "CA", "EA", "not the lowest"),
        ([], "BX", "EA", "no packaging level"),
        ([("EA", 1), ("BX", 10), ("CA", 4)], "P6", "EA", "no packaging level"),
    ],
)
def test_where_a_step_is_unknown_or_levels_disagree_there_is_a_reason_instead(levels, source, target, reason):
    with pytest.raises(NoFactor, match=reason):
        factor(ladder(*levels), normalise_uom(source), normalise_uom(target))


def test_a_step_that_is_unknown_does_not_hinder_the_others():
    above = ladder(("EA", 1), ("BX", 12), ("CA", None), ("PL", 40))
    assert factor(above, Uom("BX"), Uom("EA")) == 12
    with pytest.raises(NoFactor):
        factor(above, Uom("PL"), Uom("CA"))


def test_a_ladder_is_read_from_above_as_from_below_and_with_its_base_left_out():
    assert ladder(("CA", 4), ("BX", 12), ("EA", 1)) == CATHETERS
    assert ladder(("BX", 12), ("CA", 4)) == CATHETERS
    assert ladder(("CA", 4), ("BX", 12), ("EA", 1), base="") == CATHETERS


def test_a_lone_unit_of_ten_holds_ten_of_the_base_unit():
    assert factor(ladder(), Uom("BX", 10), Uom("EA")) == 10


@given(ladders)
def test_there_and_back_is_one_and_a_way_round_is_as_long_as_the_way_across(any_ladder):
    units = [Uom(code) for code in any_ladder.holds]
    for one, two, three in permutations(units, 3):
        there = factor(any_ladder, one, two)
        assert there * factor(any_ladder, two, one) == 1
        assert there * factor(any_ladder, two, three) == factor(any_ladder, one, three)


@given(st.permutations(sorted(MEASURES)))
def test_measures_convert_by_definition_and_never_across_dimensions(codes):
    for one, two, three in permutations(codes[:5], 3):
        if len({MEASURES[code][1] for code in (one, two, three)}) == 1:
            across = factor(Ladder({}), Uom(one), Uom(three))
            assert factor(Ladder({}), Uom(one), Uom(two)) * factor(Ladder({}), Uom(two), Uom(three)) == across
        elif MEASURES[one][1] != MEASURES[two][1]:
            with pytest.raises(NoFactor, match="measures"):
                factor(Ladder({}), Uom(one), Uom(two))


def test_an_inch_is_two_point_five_four_centimetres_exactly():
    assert factor(Ladder({}), read("[in_i]"), read("cm")) == Fraction(254, 100)
    assert factor(Ladder({}), read("L"), read("mL")) == 1000


def test_two_ladders_disagree_only_about_what_both_state():
    assert "disagree" in agree(CATHETERS, ladder(("EA", 1), ("BX", 10)), Uom("BX"))
    assert agree(CATHETERS, ladder(("EA", 1), ("PK", 10)), Uom("PK")) == ""
    assert agree(CATHETERS, ladder(("VI", 1), ("BX", 10), base="VI"), Uom("BX")) == ""


def test_a_system_s_own_words_go_before_everybody_s():
    assert read("KAR", {"KAR": "CA"}) == Uom("CA")
    assert read("ct", {"CT": "EA"}) == Uom("EA")
    assert read("K12", {"K12": "BX/12"}) == Uom("BX", 12)
    assert read("KAR") is None


@pytest.mark.parametrize("code", sorted(UNECE))
def test_the_codes_of_unece_and_ucum_are_read_as_they_are_written(code):
    assert read(UNECE[code]) is not None, UNECE[code]
    assert read(UNECE[code]).code == code
    assert read(ucum(code)).code == code


def test_every_scheme_names_units_that_concord_knows():
    assert set(UNECE) | set(MEASURES) <= set(UNITS)
