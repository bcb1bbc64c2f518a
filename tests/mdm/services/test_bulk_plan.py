"""Parts: what hangs together stays together, and nothing is left out or done twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdm.services import bulk_plan
from mdm.services.bulk_plan import Part, each_once, plan


def pairs(*rows: tuple[int, int, float], goldens: dict[int, int] | None = None) -> dict[str, np.ndarray]:
    gold = goldens or {}
    one, two = (np.array([row[side] for row in rows], dtype=np.int64) for side in (0, 1))
    return {
        "one": one,
        "two": two,
        "golden_one": np.array([gold.get(a, 0) for a, *_ in rows], dtype=np.int64),
        "golden_two": np.array([gold.get(b, 0) for _, b, _ in rows], dtype=np.int64),
        "bits": np.array([row[2] for row in rows], dtype=np.float64),
        "vetoed": np.zeros(len(rows), dtype=np.bool_),
    }


def parts(size: int, found: dict[str, np.ndarray], goldens: dict[int, int] | None = None) -> list[Part]:
    pending = np.arange(1, size + 1)
    gold = np.array([(goldens or {}).get(pk, 0) for pk in pending.tolist()], dtype=np.int64)
    return list(plan(pending, gold, found, sure_score=10.0))


@given(
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60), st.floats(-2, 30)), max_size=60),
    st.integers(1, 20),
)
def test_each_record_is_in_one_part_with_all_that_it_resembles(
    size: int, rows: list[tuple[int, int, float]], most: int
) -> None:
    found = each_once([pairs(*[(a, b, s) for a, b, s in rows if a != b and max(a, b) <= size])])
    before, bulk_plan.PART = bulk_plan.PART, most
    try:
        planned = parts(size, found)
    finally:
        bulk_plan.PART = before
    assert sorted(pk for part in planned for pk in part.sources.tolist()) == list(range(1, size + 1))
    owner = {pk: number for number, part in enumerate(planned) for pk in part.sources.tolist()}
    assert all(owner[a] == owner[b] for a, b in zip(found["one"].tolist(), found["two"].tolist(), strict=True))
    told = [(a, b) for part in planned for a, b in zip(part.pairs["one"], part.pairs["two"], strict=True)]
    assert sorted(told) == sorted(zip(found["one"], found["two"], strict=True))


def test_records_that_resemble_one_golden_record_are_decided_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_plan, "PART", 1)
    gold = {101: 7, 102: 7}
    planned = parts(2, pairs((1, 101, 12.0), (2, 102, 12.0), goldens=gold))
    assert [part.sources.tolist() for part in planned] == [[1, 2]]


def test_pending_records_of_one_golden_record_are_decided_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_plan, "PART", 1)
    assert [part.sources.tolist() for part in parts(3, pairs(), {1: 7, 3: 7})] == [[1, 3], [2]]


def test_too_many_that_hang_together_are_cut_where_they_do_so_weakly_and_done_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk_plan, "PART", 1)
    monkeypatch.setattr(bulk_plan, "TOO_MANY", 3)
    planned = parts(5, pairs((1, 2, 20.0), (2, 3, 4.0), (3, 4, 20.0)))
    assert [(part.sources.tolist(), part.chain) for part in planned] == [([5], None), ([1, 2], 0), ([3, 4], 0)]
    assert [sorted(zip(p.pairs["one"], p.pairs["two"], strict=True)) for p in planned[1:]] == [
        [(1, 2), (2, 3)],
        [(2, 3), (3, 4)],
    ]


def test_a_pair_found_from_both_sides_counts_once() -> None:
    found = each_once([pairs((1, 2, 9.0), goldens={2: 5}), pairs((2, 1, 9.0), (3, 2, 1.0), goldens={2: 5})])
    assert list(zip(found["one"], found["two"], found["golden_one"], found["golden_two"], strict=True)) == [
        (1, 2, 0, 5),
        (2, 3, 5, 0),
    ]
