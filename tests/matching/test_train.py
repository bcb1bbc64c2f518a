from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import Policy, Statistics, recipe_for
from matching.records import Std, probability
from matching.train import ENOUGH, Costs, Trained, fit, scaled, speaks_against, split, thresholds

RECIPE = recipe_for("item")
POLICY = RECIPE.policy
MAKERS = ("Halden Medical", "Corvane Surgical", "Tessel Orthopedics", "Brightwater Devices", "Ashcroft Plastics")
NOUNS = ("catheter", "stapler", "retractor", "cannula", "forceps", "drain", "trocar", "suture", "bandage", "syringe")
KINDS = ("silicone", "curved", "endoscopic", "pediatric", "fenestrated", "coated", "reusable", "straight")


def items(rng: np.random.Generator, count: int) -> list[dict[str, str]]:
    return [
        {
            "description": f"{rng.choice(NOUNS)} {rng.choice(KINDS)} {rng.choice(KINDS)} {rng.integers(2, 30)} mm",
            "manufacturer": str(rng.choice(MAKERS)),
            "catalogue_number": f"{rng.choice(list('ABCD'))}{rng.integers(100, 400)}",
        }
        for _ in range(count)
    ]


def pairs_near_the_boundary(count: int, seed: int = 5) -> tuple[Statistics, list[tuple[Std, Std]]]:
    """Pairs of made-up items: variants of one another, as reviews are."""
    rng = np.random.default_rng(seed)
    stds, pairs = [], []
    for item in items(rng, count):
        other = dict(item)
        for name, fresh in items(rng, 1)[0].items():
            if rng.random() < 0.4:
                other[name] = fresh
            elif rng.random() < 0.3:
                other.pop(name)
        pair = RECIPE.standardise(item), RECIPE.standardise(other)
        stds += pair
        pairs.append(pair)
    return Statistics.collect(RECIPE, stds), pairs


STATISTICS, PAIRS = pairs_near_the_boundary(1500)


def labels(truth: Policy, seed: int = 11, offset: float = 0.0) -> list[bool]:
    """Drawn with the chance that a policy, were it right, gives each pair."""
    rng = np.random.default_rng(seed)
    scores = [c.score + offset for c in RECIPE.compare_all(PAIRS, STATISTICS, truth)]
    return [bool(rng.random() < probability(score)) for score in scores]


def with_field(policy: Policy, field: str, speaks_for: float, against: float) -> Policy:
    return replace(policy, weights=scaled(policy.weights, {field: (speaks_for, against)}))


def train(policy: Policy, same: list[bool], count: int | None = None) -> Trained:
    return fit(RECIPE, STATISTICS, policy, PAIRS[:count], same[:count])


# ------------------------------------------------------------------------------------------------------------- weights


def test_a_field_that_weighs_too_much_is_weighed_less_and_the_loss_falls() -> None:
    off = with_field(with_field(POLICY, "code", 2.0, 2.0), "words", 0.6, 0.6)
    found = train(off, labels(POLICY))
    assert found.factors["code"][0] < 0.85
    assert found.factors["words"][0] > 1.0
    assert found.loss_after < found.loss_before * 0.95
    assert found.enough
    assert not found.notes


def test_the_loss_of_the_new_policy_itself_is_lower_too() -> None:
    off = with_field(POLICY, "code", 2.0, 2.0)
    same = labels(POLICY)
    found = train(off, same)
    scores = np.array([c.score for c in RECIPE.compare_all(PAIRS, STATISTICS, found.policy)]) + found.offset
    loss = np.mean(np.logaddexp2(0.0, np.where(same, -scores, scores)))
    assert loss == pytest.approx(found.loss_after, abs=0.02)


def test_a_calibrated_policy_stays_as_it_is() -> None:
    found = train(POLICY, labels(POLICY))
    assert all(0.8 < factor < 1.25 for pair in found.factors.values() for factor in pair)
    assert abs(found.offset) < 0.5


def test_a_trained_score_is_still_the_sum_of_the_evidence_shown() -> None:
    trained = train(with_field(POLICY, "words", 1.8, 0.5), labels(POLICY)).policy
    rows = np.arange(60)
    tables = RECIPE.tables([a for a, _ in PAIRS[:60]], [b for _, b in PAIRS[:60]], STATISTICS)
    bits = RECIPE.score_pairs(tables, rows, rows, STATISTICS, trained).bits
    for score, comparison in zip(bits, RECIPE.compare_all(PAIRS[:60], STATISTICS, trained), strict=True):
        assert comparison.score == pytest.approx(sum(e.bits for e in comparison.evidence))
        assert comparison.score == pytest.approx(score)


def test_few_labels_change_nearly_nothing_and_say_so() -> None:
    wrong = [not same for same in labels(POLICY)]
    found = train(POLICY, wrong, count=4)
    assert all(abs(factor - 1.0) < 0.25 for pair in found.factors.values() for factor in pair)
    assert not found.enough
    assert str(ENOUGH) in found.notes[0]
    assert train(POLICY, [], count=0).policy == replace(POLICY, weights=dict(POLICY.weights))


def test_labels_of_pairs_that_state_nothing_leave_the_weights_alone() -> None:
    rng = np.random.default_rng(2)
    noise = [bool(rng.random() < 0.5) for _ in range(40)]
    found = fit(RECIPE, STATISTICS, POLICY, [({}, {})] * 40, noise)
    assert found.policy.weights == POLICY.weights
    assert found.offset > 0


def test_what_speaks_for_and_against_adds_up_to_the_score() -> None:
    parts = split(RECIPE, STATISTICS, POLICY, PAIRS)
    scores = [c.score for c in RECIPE.compare_all(PAIRS, STATISTICS, POLICY)]
    prior = round(STATISTICS.prior, 3)
    assert parts.sum(axis=1) + prior == pytest.approx(np.array(scores))
    half = parts.shape[1] // 2
    assert parts[:, :half].min() >= 0
    assert parts[:, half:].max() <= 1e-9


@pytest.mark.parametrize("domain", ["item", "supplier", "location", "cost_center"])
def test_every_weight_belongs_to_a_field_that_is_trained(domain: str) -> None:
    recipe = recipe_for(domain)
    fields = {comparator.field for comparator in recipe.comparators}
    doubled = scaled(recipe.policy.weights, dict.fromkeys(fields, (2.0, 3.0)))
    for name, value in recipe.policy.weights.items():
        assert doubled[name] == pytest.approx(value * (3.0 if speaks_against(name, value) else 2.0))


# ---------------------------------------------------------------------------------------------------------- thresholds


def test_the_implied_costs_give_the_thresholds_back() -> None:
    assert thresholds(Costs.implied(POLICY)) == pytest.approx((POLICY.auto_bits, POLICY.review_bits))


@given(st.floats(1.1, 1e6), st.floats(1.1, 1e6), st.floats(-30, 30))
def test_what_is_done_is_what_costs_least(false_merge: float, missed: float, score: float) -> None:
    auto, review = thresholds(Costs(false_merge, missed, 1.0))
    assert auto >= review - 1e-9
    if min(abs(score - auto), abs(score - review)) < 1e-6:
        return
    p = probability(score)
    cost = {"link": (1 - p) * false_merge, "new": p * missed, "review": 1.0}
    done = "link" if score >= auto else "review" if score >= review else "new"
    assert cost[done] <= min(cost.values()) * (1 + 1e-6) + 1e-9


def test_a_dearer_false_merge_asks_for_more_and_criticality_has_its_own() -> None:
    costs = {"normal": Costs(50.0, 5.0), "high": Costs(5000.0, 5.0)}
    found = fit(RECIPE, STATISTICS, POLICY, PAIRS, labels(POLICY), costs)
    assert found.thresholds["high"][0] > found.thresholds["normal"][0] + 6
    assert (found.policy.auto_bits, found.policy.review_bits) == found.thresholds["normal"]


def test_a_cost_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="more than nothing"):
        thresholds(Costs(1.0, 0.0))


def test_scores_that_are_too_low_throughout_lower_the_thresholds() -> None:
    found = train(POLICY, labels(POLICY, offset=3.0))
    assert found.offset > 0.5
    assert found.policy.auto_bits == pytest.approx(POLICY.auto_bits - found.offset, abs=0.01)
    assert found.policy.review_bits == pytest.approx(POLICY.review_bits - found.offset, abs=0.01)
