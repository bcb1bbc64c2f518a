from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import Policy, Ranked, decide

POLICY = replace(Policy.default("item"), auto_bits=5.0, review_bits=-2.0, margin_bits=3.0)


def test_a_certain_candidate_without_rival_is_linked() -> None:
    assert decide([Ranked("a", 9.0), Ranked("b", 1.0)], POLICY).outcome == "link"


@pytest.mark.parametrize(
    ("ranked", "outcome"),
    [
        ([], "new"),
        ([Ranked("a", -2.5)], "new"),
        ([Ranked("a", 4.9)], "review"),
        ([Ranked("a", 9.0), Ranked("b", 7.0)], "review"),
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
    assert (one.outcome, one.margin, one.reason) == (other.outcome, other.margin, other.reason)
