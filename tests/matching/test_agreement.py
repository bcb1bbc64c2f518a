"""Tokens compared place by place say what sets say, however long the lists and however many the pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import agreement
from matching.agreement import Column, Relation, blocks, entries, firsts
from matching.columns import Tables, Vocabulary

lists = st.lists(st.lists(st.integers(0, 30), unique=True, max_size=20), min_size=1, max_size=6)


def column(tokens: list[list[int]]) -> Column:
    offsets = np.cumsum([0, *map(len, tokens)])
    return Column(offsets, np.array([token for row in tokens for token in row], dtype=np.int64))


def every_pair(left: list[list[int]], right: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    rows = [(i, j) for i in range(len(left)) for j in range(len(right))]
    one, two = np.array(rows).T
    return one, two


@pytest.fixture(params=["few", "many", "little memory"])
def crowd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "few":
        monkeypatch.setattr(agreement, "_FEW", 0)
    if request.param == "little memory":
        monkeypatch.setattr(agreement, "_CELLS", 8)


@pytest.mark.usefixtures("crowd")
def test_every_pair_that_states_something_comes_once_with_what_both_have() -> None:
    @given(lists, lists)
    def check(left: list[list[int]], right: list[list[int]]) -> None:
        one, two = every_pair(left, right)
        seen = []
        for block in blocks(column(left), column(right), one, two):
            for place, pair in enumerate(block.at.tolist()):
                mine, theirs = left[one[pair]], right[two[pair]]
                assert block.mine[: len(mine), place].tolist() == mine
                assert block.hit[: len(mine), place].tolist() == [token in theirs for token in mine]
                assert block.their_hit[: len(theirs), place].tolist() == [token in mine for token in theirs]
                assert not block.hit[len(mine) :, place].any()
                seen.append(pair)
        assert sorted(seen) == [k for k in range(len(one)) if left[one[k]] and right[two[k]]]

    check()


@pytest.mark.usefixtures("crowd")
def test_a_pair_is_weighed_alike_in_any_company() -> None:
    """Bulk is on-line: sums are taken in the same order beside a thousand others."""
    random = np.random.default_rng(3)
    records = [{"w": [f"t{t}" for t in random.choice(40, size, replace=False)]} for size in (1, 2, 3, 5, 9, 17)]
    weigh = lambda _, tokens: np.array([0.1 + 1 / (3 + int(t[1:])) for t in tokens])  # noqa: E731
    tables = Tables.of(records, records, {"w": "word"}, weigh, -10.0)
    one, two = every_pair([[]] * 6, [[]] * 6)
    together = tables.pairs(one, two).overlap("w")
    for k in range(len(one)):
        alone = tables.pairs(one[k : k + 1], two[k : k + 1]).overlap("w")
        for name in ("shared", "less", "more", "literal", "stated"):
            assert getattr(alone, name)[0] == getattr(together, name)[k], name


def test_what_stands_in_the_context_is_not_missed() -> None:
    left, right = [{"w": ["stent", "acme"], "c": []}], [{"w": ["stent"], "c": ["acme"]}]
    tables = Tables.of(left, right, {"w": "word", "c": "word"}, lambda _, t: np.ones(len(t)), -10.0)
    zero = np.zeros(1, dtype=np.int64)
    found = tables.pairs(zero, zero).overlap("w", context="c")
    assert (found.shared[0], found.less[0], found.more[0]) == (1.5, 0.0, 0.0)


def test_values_of_one_axis_count_once() -> None:
    left = [{"v": ["size:s", "size:m", "side:left"]}]
    tables = Tables.of(left, left, {"v": "variant"}, lambda _, t: np.ones(len(t)), -10.0)
    zero = np.zeros(1, dtype=np.int64)
    assert tables.pairs(zero, zero).count_shared("v")[0] == 3
    assert tables.pairs(zero, zero).count_shared("v", prefix=":")[0] == 2


def test_numbers_of_a_vocabulary_follow_the_order_of_arrival() -> None:
    vocabulary = Vocabulary()
    assert vocabulary.intern(["b", "a", "b"]).tolist() == [0, 1, 0]
    assert vocabulary.intern(["c", "a"]).tolist() == [2, 1]
    assert vocabulary.tokens == ["b", "a", "c"]


@given(st.lists(st.integers(-5, 5)))
def test_runs_begin_where_numbers_change(numbers: list[int]) -> None:
    ordered = np.sort(np.array(numbers, dtype=np.int64))
    assert ordered[firsts(ordered)].tolist() == sorted(set(numbers))


def test_entries_of_rows_that_come_again_come_again() -> None:
    positions, numbers = entries(np.array([0, 2, 2, 3]), np.array([2, 0, 1, 0]))
    assert positions.tolist() == [0, 1, 1, 3, 3]
    assert numbers.tolist() == [2, 0, 1, 0, 1]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), unique=True), lists)
def test_what_resembles_is_found_among_the_tokens_at_hand(pairs: list[tuple[int, int]], rows: list[list[int]]) -> None:
    left, right = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    relation = Relation.build(31, left, right, (left + 1) / 20)
    tokens = np.arange(10)
    others = np.array([[row[0] if row else -2, row[-1] if row else -2] for row in rows] * 10)[:10].T
    place, candidate, similarity = relation.find(tokens[: others.shape[1]], others)
    wanted = {(t, int(o)) for t in range(others.shape[1]) for o in others[:, t] if (t, int(o)) in pairs}
    assert {(int(tokens[p]), int(c)) for p, c in zip(place, candidate, strict=True)} == wanted
    np.testing.assert_array_equal(similarity, (place + 1) / 20)
