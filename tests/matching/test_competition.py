from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.competition import NOTHING, compete, lead_over, sharing_cost


def arrays(*pairs: tuple[int, int, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    left, right, bits = zip(*pairs, strict=True)
    return np.array(left), np.array(right), np.array(bits, dtype=np.float64)


def test_of_nobody_a_score_is_ahead_of_nothing() -> None:
    assert lead_over(10.0, []) == pytest.approx(10.0 - NOTHING)
    standing = compete(*arrays((0, 0, 10.0)), sharing=np.inf)
    assert standing.lead[0] == pytest.approx(10.0 - NOTHING)
    assert standing.claimed[0] == 0.0


def test_two_equals_have_no_lead() -> None:
    assert lead_over(10.0, [10.0]) == pytest.approx(0.0, abs=1e-3)


def test_many_rivals_weigh_more_than_one() -> None:
    assert lead_over(10.0, [4.0] * 5) < lead_over(10.0, [4.0])


def test_the_weaker_of_two_records_makes_way_and_turns_to_its_next_candidate() -> None:
    left, right, bits = arrays((0, 0, 20.0), (1, 0, 12.0), (1, 1, 6.0))
    standing = compete(left, right, bits, sharing=np.inf)
    assert standing.claimed[0] == pytest.approx(12.0 - 6.0, abs=1.0)  # what it is worth to the other
    assert standing.claimed[1] > 10.0
    assert standing.adjusted[2] > standing.adjusted[1]


def test_where_sources_repeat_themselves_a_shared_record_costs_little() -> None:
    pairs = arrays((0, 0, 20.0), (1, 0, 12.0), (1, 1, 6.0))
    standing = compete(*pairs, sharing=2.0)
    assert standing.claimed.max() <= 2.0
    assert standing.adjusted[1] > standing.adjusted[2]


def test_sharing_costs_more_the_rarer_it_is() -> None:
    clean, repeated = np.arange(1000), np.repeat(np.arange(500), 2)
    assert sharing_cost(clean) > 15
    assert sharing_cost(repeated) == pytest.approx(0.0, abs=0.1)
    assert sharing_cost(np.empty(0, dtype=np.int64)) > 0


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.floats(-20, 30)), min_size=1, max_size=20,
                unique_by=lambda p: p[:2]), st.randoms())  # fmt: skip
def test_the_order_of_pairs_does_not_matter(pairs: list[tuple[int, int, float]], random: object) -> None:
    order = list(range(len(pairs)))
    random.shuffle(order)  # type: ignore[attr-defined]
    one = compete(*arrays(*pairs), sharing=5.0)
    other = compete(*arrays(*(pairs[i] for i in order)), sharing=5.0)
    np.testing.assert_allclose(one.lead[order], other.lead, atol=1e-6)
    np.testing.assert_allclose(one.claimed[order], other.claimed, atol=1e-6)
