"""Weights learned without labels: what the data show is learned, what they don't stays as the recipe believes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import recipe_for
from matching.domains import NAMES
from matching.em import ENOUGH, LEAST, MOST, Learned, _rising, learn_tables, spread
from matching.train import scaled

RECIPE = recipe_for("item")
MAKERS = ("Halden Medical", "Corvane Surgical", "Tessel Orthopedics", "Brightwater Devices", "Ashcroft Plastics")
NOUNS = ("catheter", "stapler", "retractor", "cannula", "forceps", "drain", "trocar", "suture", "bandage", "syringe")
KINDS = ("silicone", "curved", "endoscopic", "pediatric", "fenestrated", "coated", "reusable", "straight", "angled")


def tables(
    count: int = 700, *, other_code: float = 0.0, seed: int = 3
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A catalogue, and the same items as a clerk writes them; ``other_code``: the share with another code."""
    rng = np.random.default_rng(seed)
    right, left = [], []
    for n in range(count):
        noun, one, two = rng.choice(NOUNS), *rng.choice(KINDS, 2, replace=False)
        code, maker = f"{rng.choice(list('ABCD'))}{n:04}-{rng.integers(10, 99)}", str(rng.choice(MAKERS))
        size = rng.integers(2, 60)
        right.append({"description": f"{noun} {one} {two} {size} mm", "manufacturer": maker, "catalogue_number": code})
        if rng.random() < other_code:
            code = f"Z{rng.integers(10_000, 99_999)}"
        left.append(
            {
                "description": f"{noun.upper()} {two} {one} {size}MM",
                "manufacturer": maker.upper(),
                "catalogue_number": code.replace("-", ""),
            }
        )
    return left, right


def level(found: Learned, field: str, name: str) -> Any:
    return next(e for e in found.estimates if (e.field, e.level) == (field, name))


def test_a_difference_that_partners_often_have_is_weighed_less() -> None:
    clean, messy = (learn_tables(RECIPE, *tables(other_code=share)) for share in (0.0, 0.3))
    assert level(messy, "code", "different").m > 0.1 > level(clean, "code", "different").m
    assert messy.factors["code"][1] == LEAST < clean.factors["code"][1]
    assert messy.policy.weights["code.different"] == pytest.approx(RECIPE.policy.weights["code.different"] * LEAST)


def test_weights_that_were_too_small_are_mended() -> None:
    weak = replace(RECIPE.policy, weights=scaled(RECIPE.policy.weights, {"sizes": (1.0, 0.1), "code": (1.0, 0.2)}))
    found = learn_tables(RECIPE, *tables(), policy=weak)
    assert found.factors["code"][1] > 1.2
    assert found.factors["sizes"][1] > 1.2


def test_what_a_key_is_made_of_is_not_counted_as_agreement() -> None:
    """All pairs share a code that has no other key in common: nothing is learned of codes from them."""
    left, right = tables()
    for n, (a, b) in enumerate(zip(left, right, strict=True)):
        a["description"], b["description"] = f"alpha{n:04}", f"omega{n:04}"
    found = learn_tables(RECIPE, left, right)
    assert level(found, "code", "same").pairs == 0
    assert found.factors["code"] == (1.0, 1.0)


def test_factors_are_bounded_levels_rise_and_shares_are_shares() -> None:
    found = learn_tables(RECIPE, *tables(other_code=0.2))
    assert found.enough
    assert all(LEAST <= factor <= MOST for pair in found.factors.values() for factor in pair)
    for field in found.factors:
        bits = [e.bits[1] for e in found.estimates if e.field == field]
        assert bits == sorted(bits)
    assert all(0.0 <= share <= 1.0 for e in found.estimates for share in (e.m, e.u, e.assumed))
    assert found.to_json()["matched"] > ENOUGH


def test_few_records_teach_nothing_and_say_so() -> None:
    found = learn_tables(RECIPE, *tables(20))
    assert (found.policy, found.enough, found.rounds) == (RECIPE.policy, False, 0)
    assert "too few" in found.notes[0]


@pytest.mark.parametrize("domain", NAMES)
def test_empty_tables_teach_nothing(domain: str) -> None:
    recipe = recipe_for(domain)
    for left, right in (([], []), ([{}], [{}]), ([{}, {}], None)):
        assert learn_tables(recipe, left, right).policy == recipe.policy


def test_duplicates_of_one_table_teach_without_comparing_a_record_with_itself() -> None:
    left, right = tables(400)
    found = learn_tables(RECIPE, [*left, *right])
    assert found.enough
    assert found.matched <= found.records


def test_the_same_tables_teach_the_same() -> None:
    assert learn_tables(RECIPE, *tables(300)) == learn_tables(RECIPE, *tables(300))


@pytest.mark.parametrize("domain", NAMES)
def test_every_key_says_which_fields_it_is_made_of(domain: str) -> None:
    recipe = recipe_for(domain)
    said = {
        "item": {"description": "ABC12 foley 16fr 5ml 4817-016", "catalogue_number": "A-100", "gtin": "00844505010184"},
        "supplier": {"name": "Acme Medical", "duns": "123456789", "phone": "602-344-5011", "website": "acme.com",
                     "addresses": [{"line1": "1 Main St", "city": "Mesa", "postcode": "85201"}]},
        "location": {"name": "4 West Tele", "parent_name": "Mercy Hospital", "gln": "0614141000012",
                     "line1": "1 Main St", "city": "Mesa", "postcode": "85201", "phone": "602-344-5011"},
        "cost_center": {"code": "014-7040-000", "name": "Emergency Dept 2", "legal_entity": "Harrow Falls Medical",
                        "department": "Nursing Care", "gl_segment": "88"},
    }[domain]  # fmt: skip
    kinds = {key.partition(":")[0] for key in recipe.keys(recipe.standardise(said))}
    assert kinds <= recipe.tied.keys()
    assert {field for fields in recipe.tied.values() for field in fields} <= {c.field for c in recipe.comparators}


@given(st.lists(st.floats(-20, 20), min_size=3, max_size=3), st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_pooled_levels_rise_and_keep_their_mean(bits: list[float], weight: list[float]) -> None:
    found = _rising(np.array(bits), np.array(weight))
    assert (np.diff(found) >= -1e-9).all()
    assert found @ np.array(weight) == pytest.approx(np.array(bits) @ np.array(weight), abs=1e-6)


def test_a_sample_is_spread_evenly() -> None:
    assert spread(0) == []
    assert spread(3) == [0, 1, 2]
    rows = spread(30_001)
    assert (len(rows), rows[0], rows[-1]) == (3_000, 0, 30_000)
