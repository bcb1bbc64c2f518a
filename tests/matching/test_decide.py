from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import Policy, Ranked, decide
from matching.calibration import Calibration
from matching.decide import Costs

# Without rivals: 95 % at 5.8 bits, 5 % at −9.8.
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
    assert POLICY.chance(POLICY.sure_score).right == pytest.approx(0.95)
    implants = replace(POLICY, costs=Costs(false_link=500))
    assert implants.sure_score > POLICY.sure_score + 5


def test_the_chances_of_rivals_never_add_up_to_more_than_one() -> None:
    assert sum(POLICY.probabilities([30.0, 29.0, 29.0, 10.0])) <= 1.0
    assert POLICY.probabilities([30.0, 10.0])[0] > 0.99
