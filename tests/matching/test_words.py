"""Explanations in words: no level of any comparator is without them, and they say what the level says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import Statistics, recipe_for
from matching.compare import Comparator
from matching.domains import NAMES
from matching.records import LEVELS
from tests.matching.conftest import VALUES

COMPARATORS = [(domain, c) for domain in NAMES for c in recipe_for(domain).comparators]
named = pytest.mark.parametrize(("domain", "comparator"), COMPARATORS, ids=[f"{d}-{c.field}" for d, c in COMPARATORS])
_TWO = ("16mm", "17mm")


@named
@pytest.mark.parametrize("level", range(len(LEVELS)))
@pytest.mark.parametrize("veto", [False, True])
def test_no_level_is_without_words(domain: str, comparator: Comparator, level: int, veto: bool) -> None:
    columns = recipe_for(domain).spaces
    one, other = ({column: [value if "sizes" in column else f"x:{value}"] for column in columns} for value in _TWO)
    for a, b in ((one, other), (one, one), (one, {}), ({}, other)):
        assert comparator.note(level, veto, a, b).strip()
        assert comparator.note(level, veto, b, a).strip()


@pytest.mark.parametrize("domain", NAMES)
@settings(max_examples=60)
@given(st.data())
def test_whatever_is_compared_every_field_is_worded(domain: str, data: st.DataObject) -> None:
    recipe = recipe_for(domain)
    a, b = (recipe.standardise(data.draw(VALUES[domain])) for _ in range(2))
    found = recipe.compare(a, b, Statistics(), recipe.policy)
    assert all(e.note.strip() for e in found.evidence)
    assert all(veto.strip() for veto in found.vetoes)


def note(domain: str, field: str, a: dict[str, Any], b: dict[str, Any]) -> str:
    recipe = recipe_for(domain)
    found = recipe.compare(recipe.standardise(a), recipe.standardise(b), Statistics(), recipe.policy)
    return next(e.note for e in found.evidence if e.field == field)


def test_addresses_for_two_purposes_are_not_said_to_be_missing() -> None:
    ordering, remit = (
        {"name": "Acme", "addresses": [{"purpose": purpose, "line1": line, "city": "Mesa"}]}
        for purpose, line in (("ordering", "1 Main St"), ("remit_to", "PO Box 7"))
    )
    assert note("supplier", "street", ordering, remit) == "stated for different purposes"
    assert note("supplier", "street", ordering, {"name": "Acme"}) == "not stated on one side"


def test_gtins_of_two_levels_are_not_said_to_be_of_one() -> None:
    each = {"gtin": "00844505010184"}
    box = {"packaging": [{"uom": "BX", "quantity": 10, "gtin": "10614141999993"}]}
    assert note("item", "gtins", each, box) == "of different packaging levels, and of different stems"
    assert note("item", "gtins", each, {"gtin": "00614141999996"}) == "GTINs of one packaging level differ"


def test_a_place_inside_another_is_told_from_one_beside_it() -> None:
    floor = {"name": "4 West", "parent_name": "North Tower"}
    assert (
        note("location", "within", floor, {"name": "North Tower", "parent_name": "Mercy"}) == "one is part of the other"
    )
    assert (
        note("location", "within", floor, {"name": "5 West", "parent_name": "North Tower"}) == "neither is in the other"
    )
