from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.cluster import resolve

edges = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7), st.sampled_from([1.0, 2.0, 3.0])).filter(lambda e: e[0] != e[1]),
    max_size=14,
)
pairs = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda p: p[0] != p[1]), max_size=4)


def test_edges_join_transitively() -> None:
    assert resolve([("a", "b", 2.0), ("b", "c", 1.0)]).groups == {frozenset("abc")}


def test_a_rejected_pair_is_not_joined_through_a_third_record() -> None:
    found = resolve([("a", "b", 2.0), ("b", "c", 1.0)], conflicts=[("c", "a")])
    assert found.groups == {frozenset("ab"), frozenset("c")}
    assert found.refused == [("b", "c", 1.0)]


def test_two_records_of_one_clean_source_never_share_a_cluster() -> None:
    found = resolve([("e1", "x", 2.0), ("x", "e2", 1.0)], sources={"e1": "erp", "e2": "erp"})
    assert found.of["e1"] != found.of["e2"]


def test_equal_competitors_are_both_refused() -> None:
    found = resolve([("e1", "x", 2.0), ("x", "e2", 2.0)], sources={"e1": "erp", "e2": "erp"})
    assert all(len(group) == 1 for group in found.groups)


@given(edges, pairs, st.randoms())
def test_the_order_of_edges_does_not_matter(
    given_edges: list[tuple[int, int, float]], conflicts: list[tuple[int, int]], random: object
) -> None:
    shuffled = [(b, a, s) for a, b, s in given_edges]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert resolve(given_edges, conflicts).groups == resolve(shuffled, conflicts).groups


@given(edges, pairs)
def test_no_cluster_holds_a_conflict(
    given_edges: list[tuple[int, int, float]], conflicts: list[tuple[int, int]]
) -> None:
    found = resolve(given_edges, conflicts)
    assert not any({a, b} <= group for group in found.groups for a, b in conflicts)


CHAIN = [("a", "b", 5.0), ("b", "c", 3.0), ("c", "d", 4.0)]


@pytest.mark.parametrize(
    ("rule", "groups"),
    [
        ({}, {"abcd"}),
        ({"conflicts": [("a", "d")]}, {"ab", "cd"}),  # between the ends: where the chain is weakest
        ({"conflicts": [("a", "c")]}, {"ab", "cd"}),
        ({"conflicts": [("b", "d")]}, {"ab", "cd"}),
        ({"conflicts": [("a", "b")]}, {"a", "bcd"}),  # its own edge is the only path, however strong
        ({"conflicts": [("a", "d"), ("c", "d")]}, {"abc", "d"}),
        ({"sources": {"a": "erp", "d": "erp"}}, {"ab", "cd"}),  # two codes of one clean source
        ({"sources": {"a": "erp", "b": "erp", "d": "ehr"}}, {"a", "bcd"}),
    ],
)
def test_a_chain_that_holds_a_conflict_falls_apart_at_its_weakest_edge(rule: dict[str, Any], groups: set[str]) -> None:
    found = resolve(CHAIN, **rule)
    assert {"".join(sorted(group)) for group in found.groups} == groups


def test_a_ring_with_a_conflict_keeps_its_stronger_half() -> None:
    ring = [("a", "b", 9.0), ("b", "c", 2.0), ("c", "d", 8.0), ("d", "a", 3.0)]
    assert resolve(ring, [("a", "c")]).groups == {frozenset("ab"), frozenset("cd")}
    assert resolve(ring, [("b", "d")]).groups == {frozenset("ab"), frozenset("cd")}


def test_equals_beside_competitors_are_joined_all_the_same() -> None:
    twins = [(a, b, 7.0) for a, b in combinations("abcxy", 2) if {a, b} != {"x", "y"}]
    found = resolve(twins, [("x", "y")])
    assert found.groups == {frozenset("abc"), frozenset("x"), frozenset("y")}
    assert {frozenset(edge[:2]) for edge in found.refused} == {frozenset((a, b)) for a in "abc" for b in "xy"}


distinct = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda p: p[0] != p[1]), max_size=14, unique_by=frozenset
).map(lambda rows: [(a, b, float(rank)) for rank, (a, b) in enumerate(rows)])


@given(distinct, pairs)
def test_whatever_is_refused_is_the_weakest_edge_between_two_that_conflict(
    given_edges: list[tuple[int, int, float]], conflicts: list[tuple[int, int]]
) -> None:
    found = resolve(given_edges, conflicts)
    for a, b, score in found.refused:
        stronger = resolve([e for e in given_edges if e[2] > score], conflicts).of
        one, other = (stronger.get(end, frozenset([end])) for end in (a, b))
        assert any((x in one and y in other) or (y in one and x in other) for x, y in conflicts)


@given(distinct)
def test_without_a_conflict_nothing_is_refused(given_edges: list[tuple[int, int, float]]) -> None:
    assert not resolve(given_edges).refused
