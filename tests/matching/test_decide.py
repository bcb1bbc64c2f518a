from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import Policy, Ranked, decide
from matching.calibration import Calibration
from matching.decide import Chance, Costs, verdict

# Without rivals: 97 % at 6.5 bits, 5 % at −9.8.
POLICY = replace(Policy.default("item"), calibration=Calibration(base=0.0, score=0.5, lead=0.05, claimed=0.1))


def test_a_certain_candidate_without_rival_is_linked() -> None:
    assert decide([Ranked("a", 12.0), Ranked("b", 1.0)], POLICY).outcome == "link"


@pytest.mark.parametrize(
    ("ranked", "outcome"),
    [
        ([], "new"),
        ([Ranked("a", -12.0)], "new"),
        ([Ranked("a", 5.0)], "review"),
        ([Ranked("a", 40.0), Ranked("b", 38.0)], "review"),
        ([Ranked("a", 20.0, ("sizes differ",))], "review"),
    ],
)
def test_doubt_goes_to_a_steward_and_nothing_alike_is_new(ranked: list[Ranked], outcome: str) -> None:
    decision = decide(ranked, POLICY)
    assert decision.outcome == outcome
    assert decision.reason


def test_two_equals_are_never_settled_by_their_keys() -> None:
    for pair in (["a", "b"], ["b", "a"]):
        assert decide([Ranked(key, 12.0) for key in pair], POLICY).outcome == "review"


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(-20, 20)), unique_by=lambda r: r[0], max_size=6), st.randoms())
def test_the_order_of_candidates_does_not_matter(rows: list[tuple[int, float]], random: object) -> None:
    ranked = [Ranked(key, score) for key, score in rows]
    shuffled = list(ranked)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = decide(ranked, POLICY), decide(shuffled, POLICY)
    assert (one.outcome, one.lead, one.reason) == (other.outcome, other.lead, other.reason)


def test_thresholds_follow_from_what_mistakes_cost() -> None:
    assert (Costs(false_link=20).auto, Costs(missed_link=20).review) == (0.95, 0.05)
    assert POLICY.chance(POLICY.sure_score).right == pytest.approx(POLICY.costs.auto)
    implants = replace(POLICY, costs=Costs(false_link=500))
    assert implants.sure_score > POLICY.sure_score + 5


@given(st.floats(2.0, 1e6), st.floats(2.0, 1e6), st.floats(0, 1))
def test_what_is_done_is_what_costs_least(false_link: float, missed_link: float, right: float) -> None:
    costs = Costs(false_link, missed_link)
    done = verdict((Ranked("a", 10.0),), Chance(right, right), 20.0, costs).outcome
    expected = {"link": (1 - right) * false_link, "new": right * missed_link, "review": 1.0}
    assert expected[done] <= min(expected.values()) * (1 + 1e-9) + 1e-9


def test_mistakes_that_cost_no_more_than_a_review_are_refused() -> None:
    for costs in ({"false_link": 1.0}, {"missed_link": 0.0}):
        with pytest.raises(ValueError, match="more than the review"):
            Costs(**costs)


def test_an_implant_needs_more_certainty_than_a_glove() -> None:
    score = (POLICY.sure_score + POLICY.sure_score_of(True)) / 2
    assert decide([Ranked("a", score)], POLICY).outcome == "link"
    asked = decide([Ranked("a", score)], POLICY, critical=True)
    assert asked.outcome == "review"
    assert asked.reason.endswith("% certain, 99.5% are wanted")
    assert decide([Ranked("a", POLICY.sure_score_of(True) + 0.1)], POLICY, critical=True).outcome == "link"


def test_an_implant_is_asked_about_where_a_glove_is_left_alone() -> None:
    chance = (POLICY.costs.review + POLICY.costs_of(True).review) / 2
    outcomes = [
        verdict((Ranked("a", -9.0),), Chance(chance, chance), 16.0, POLICY.costs_of(critical)).outcome
        for critical in (False, True)
    ]
    assert outcomes == ["new", "review"]


def test_critical_records_are_never_decided_on_less_than_others() -> None:
    dear = replace(POLICY, costs=Costs(false_link=1000.0, missed_link=10.0))
    assert dear.costs_of(True) == Costs(false_link=1000.0, missed_link=40.0)
    assert dear.sure_score_of(True) == dear.sure_score


def test_the_chances_of_rivals_never_add_up_to_more_than_one() -> None:
    assert sum(POLICY.probabilities([30.0, 29.0, 29.0, 10.0])) <= 1.0
    assert POLICY.probabilities([30.0, 10.0])[0] > 0.99
