"""What holds for every domain, whatever its records say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching import Policy, Recipe, Statistics, recipe_for
from matching.blocking import LIMIT
from matching.decide import Costs
from matching.domains import NAMES

from .conftest import VALUES

few = settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])


def records(domain: str, least: int = 2) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(VALUES[domain], min_size=least, max_size=6)


def learned(recipe: Recipe, values: list[dict[str, Any]]) -> tuple[list[Any], Statistics]:
    stds = [recipe.standardise(v) for v in values]
    return stds, Statistics.collect(recipe, stds)


@pytest.mark.parametrize("domain", NAMES)
@few
@given(st.data())
def test_a_standardised_record_survives_json(domain: str, data: st.DataObject) -> None:
    recipe = recipe_for(domain)
    (values, other) = data.draw(st.tuples(VALUES[domain], VALUES[domain]))
    std, second = recipe.standardise(values), recipe.standardise(other)
    again = json.loads(json.dumps(std))
    assert again == std
    assert set(std) <= set(recipe.spaces)
    assert all(isinstance(token, str) and token for tokens in std.values() for token in tokens)
    policy, stats = recipe.policy, Statistics()
    assert recipe.compare(again, second, stats, policy) == recipe.compare(std, second, stats, policy)


@pytest.mark.parametrize("domain", NAMES)
@few
@given(st.data())
def test_comparing_is_symmetric_and_its_evidence_adds_up(domain: str, data: st.DataObject) -> None:
    recipe = recipe_for(domain)
    stds, stats = learned(recipe, data.draw(records(domain)))
    there, back = (recipe.compare(a, b, stats, recipe.policy) for a, b in (stds[:2], stds[1::-1]))
    assert there.score == back.score
    assert [(e.field, e.level, e.bits) for e in there.evidence] == [(e.field, e.level, e.bits) for e in back.evidence]
    assert len(there.vetoes) == len(back.vetoes)
    assert there.score == pytest.approx(sum(e.bits for e in there.evidence), abs=1e-9)


@pytest.mark.parametrize("domain", NAMES)
@few
@given(st.data())
def test_scores_of_many_are_the_scores_of_each(domain: str, data: st.DataObject) -> None:
    recipe = recipe_for(domain)
    stds, stats = learned(recipe, data.draw(records(domain)))
    judged = recipe.judge(stds[0], stds[1:], stats, recipe.policy)
    alone = [recipe.compare(stds[0], other, stats, recipe.policy) for other in stds[1:]]
    assert judged.bits.tolist() == [c.score for c in alone]
    assert judged.vetoed.tolist() == [bool(c.vetoes) for c in alone]
    assert recipe.scores(stds[0], stds[1:], stats, recipe.policy).tolist() == judged.bits.tolist()


@pytest.mark.parametrize("domain", NAMES)
@few
@given(st.data())
def test_pairs_of_tables_score_as_one_by_one(domain: str, data: st.DataObject) -> None:
    recipe = recipe_for(domain)
    stds, stats = learned(recipe, data.draw(records(domain, 3)))
    left, right = np.array([0, 1, 2, 2, 1]), np.array([1, 0, 2, 0, 2])
    both = recipe.score_pairs(recipe.tables(stds, stds, stats), left, right, stats, recipe.policy)
    for k in range(len(left)):
        assert both.bits[k] == recipe.compare(stds[left[k]], stds[right[k]], stats, recipe.policy).score


@pytest.mark.parametrize("domain", NAMES)
@few
@given(st.data())
def test_keys_are_few_depend_on_the_record_alone_and_ignore_the_order_of_fields(
    domain: str, data: st.DataObject
) -> None:
    recipe = recipe_for(domain)
    values = data.draw(VALUES[domain])
    keys = recipe.keys(recipe.standardise(values))
    assert len(keys) == len(set(keys)) <= LIMIT
    assert all(":" in key for key in keys)
    assert keys == recipe.keys(recipe.standardise(dict(reversed(values.items()))))


@pytest.mark.parametrize("domain", NAMES)
@few
@given(st.data())
def test_what_is_missing_never_speaks_against(domain: str, data: st.DataObject) -> None:
    recipe = recipe_for(domain)
    std, stats = recipe.standardise(data.draw(VALUES[domain])), Statistics()
    found = recipe.compare(std, {}, stats, recipe.policy)
    evidence = found.evidence
    assert not found.vetoes
    assert all(e.level == "empty" for e in evidence)
    doubts = {name.removesuffix(".lone") for name in recipe.policy.weights if name.endswith(".lone")}
    doubts |= {name.removesuffix(".extra") for name in recipe.policy.weights if name.endswith(".extra")}
    assert all(e.bits == 0 for e in evidence if e.field not in {*doubts, "prior"})


@pytest.mark.parametrize("domain", NAMES)
def test_a_value_that_one_side_lacks_costs_less_than_one_that_differs(domain: str) -> None:
    """A doubt is allowed where siblings differ by a value ("lone", "extra"); it is no difference."""
    weights = recipe_for(domain).policy.weights
    doubts = {name: bits for name, bits in weights.items() if name.endswith(".lone") or name.endswith(".extra")}
    for name, bits in doubts.items():
        field = name.rpartition(".")[0]
        against = min(weights.get(f"{field}.conflict", 0.0), weights.get(f"{field}.floor", 0.0))
        assert bits >= 0 or bits > against / 2, f"{name} is no doubt but a difference"


@pytest.mark.parametrize("domain", NAMES)
def test_placeholders_match_nothing(domain: str) -> None:
    recipe = recipe_for(domain)
    fields = (
        "description",
        "manufacturer",
        "catalogue_number",
        "gtin",
        "name",
        "phone",
        "line1",
        "city",
        "code",
        "ein",
    )
    placeholders = (
        "N/A", "MISC", "DO NOT USE", "UNKNOWN", "TBD", "DUMMY", "TEST ITEM", "See notes", "0000000000", "9999999999",
    )  # fmt: skip
    stated = recipe.standardise({"description": "Foley catheter", "name": "Mercy Hospital", "code": "014-7040"})
    for placeholder in placeholders:
        std = recipe.standardise(dict.fromkeys(fields, placeholder))
        assert std == {}
        assert recipe.keys(std) == []
        for other in (std, stated):
            found = recipe.compare(std, other, Statistics(), recipe.policy)
            assert found.score < recipe.policy.review_bits


@pytest.mark.parametrize("domain", NAMES)
def test_policies_and_statistics_survive_json(domain: str) -> None:
    recipe = recipe_for(domain)
    policy = Policy.default(domain)
    assert Policy.from_json(json.dumps(policy.to_json())) == policy
    stats = Statistics.collect(recipe, [recipe.standardise({"name": "Acme", "description": "acme plate"})])
    again = Statistics.from_json(json.dumps(stats.to_json()))
    assert (again.size, again.to_json()) == (stats.size, stats.to_json())


def test_a_stored_policy_may_name_only_what_differs() -> None:
    policy = Policy.from_json({"domain": "item", "costs": {"false_link": 100.0}, "weights": {"code.rarity": 0.5}})
    assert policy.costs == Costs(false_link=100.0, missed_link=20.0)
    assert policy.weights["code.rarity"] == 0.5
    assert policy.weights["words.cap"] == Policy.default("item").weights["words.cap"]


def test_an_unknown_domain_is_named_in_the_error() -> None:
    with pytest.raises(KeyError, match="patient"):
        recipe_for("patient")


def test_merged_statistics_count_what_both_counted() -> None:
    recipe = recipe_for("item")
    one, other = (recipe.standardise({"description": d}) for d in ("evos plate", "evos screw"))
    merged = Statistics.collect(recipe, [one]).merge(Statistics.collect(recipe, [other]))
    assert merged.to_json() == Statistics.collect(recipe, [one, other]).to_json()


def test_rare_agreement_is_worth_more_than_common_agreement() -> None:
    recipe = recipe_for("item")
    stats = Statistics.collect(recipe, [recipe.standardise({"description": f"plate {i} zyx{i}"}) for i in range(500)])
    common, rare = stats.rarity("word", ["plate", "neverseen"])
    assert rare > common + 5
