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
