from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matching import Policy, Statistics, recipe_for
from matching.decide import Costs
from matching.records import Std, probability
from matching.train import ENOUGH, Trained, fit, scaled, speaks_against, split

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


# ---------------------------------------------------------------------------------------------------- what scores mean


def test_stated_costs_are_those_of_the_new_policy_and_others_stay() -> None:
    found = fit(RECIPE, STATISTICS, POLICY, PAIRS, labels(POLICY), Costs(false_link=1000.0, missed_link=5.0))
    assert found.policy.costs == Costs(false_link=1000.0, missed_link=5.0)
    same = train(POLICY, labels(POLICY)).policy
    assert (same.costs, same.critical, found.policy.critical) == (POLICY.costs, POLICY.critical, POLICY.critical)
    assert found.policy.sure_score > same.sure_score + 4


@pytest.mark.parametrize("offset", [-3.0, 3.0])
def test_scores_that_are_off_throughout_shift_what_they_mean(offset: float) -> None:
    plain, found = train(POLICY, labels(POLICY)), train(POLICY, labels(POLICY, offset=offset))
    assert abs(found.offset) > 0.5
    assert found.offset * offset > 0
    shift = found.offset - plain.offset
    assert found.policy.sure_score == pytest.approx(plain.policy.sure_score - shift, abs=0.15)


def test_after_many_labels_the_sure_score_is_the_one_whose_odds_mistakes_ask_for() -> None:
    policy = train(POLICY, labels(POLICY)).policy
    assert probability(policy.sure_score) == pytest.approx(policy.costs.auto, abs=0.01)


def test_the_fewer_labels_of_the_rarer_kind_the_nearer_scores_mean_what_they_did() -> None:
    same = labels(POLICY)
    found = [train(POLICY, same, count=count).policy.sure_score - POLICY.sure_score for count in (8, 30, 200, 1500)]
    assert found == sorted(found)
    assert 0.0 <= found[0] < 0.5
    assert train(POLICY, [True] * 40, count=40).policy.calibration == POLICY.calibration
