"""Who belongs together: certain links, doubts and rules, whatever the order. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import Policy
from matching.competition import lead_over
from mdm.partition import Edge, Facts, Outcome, Query, Target, partition

POLICY = Policy.default("item")
SURE, DOUBTFUL = POLICY.sure_score + 20, (POLICY.sure_score + POLICY.review_bits) / 2
MARGIN = 8.0  # bits that leave no doubt between two
Pair = tuple[int | Target, float] | tuple[int | Target, float, bool]


def golden(number: int) -> Target:
    return Target(golden=number)


def decide(
    *pairs: tuple[Any, ...],
    queries: str = "ab",
    clean: str = "",
    critical: str = "",
    facts: Facts | None = None,
    ids: dict[str, int] | None = None,
) -> dict[str, Outcome]:
    """Decide about queries named by letters. A pair is (letter, letter or golden number, score[, vetoed])."""
    ids = ids or {name: n for n, name in enumerate(queries, start=1)}
    found: dict[int, dict[Target, Edge]] = {ids[name]: {} for name in queries}
    for one, two, score, *vetoed in pairs:
        target = Target(peer=ids[two]) if isinstance(two, str) else golden(two)
        found[ids[one]][target] = Edge(score, bool(vetoed), via=0)
        if isinstance(two, str):
            found[ids[two]][Target(peer=ids[one])] = Edge(score, bool(vetoed), via=0)
    asked = [
        Query(ids[name], 7 if name in clean else ids[name] + 100, name in clean, name, name in critical)
        for name in queries
    ]
    outcomes = partition(asked, found, facts or Facts(), POLICY)
    return {name: outcomes[ids[name]] for name in queries}


def kinds(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {name: outcome.kind for name, outcome in outcomes.items()}


# ------------------------------------------------------------------------------------------------ links, doubts, new


def test_a_certain_edge_links_a_doubtful_one_asks_and_none_makes_a_record() -> None:
    outcomes = decide(("a", 1, SURE), ("b", 1, DOUBTFUL), queries="abc")
    assert kinds(outcomes) == {"a": "link", "b": "review", "c": "new"}
    assert outcomes["a"].target == golden(1)
    assert outcomes["b"].candidates[0][0] == golden(1)


def test_twins_of_one_batch_share_a_new_record() -> None:
    outcomes = decide(("a", "b", SURE))
    assert sorted(o.kind for o in outcomes.values()) == ["link", "new"]
    assert outcomes["a"].target == outcomes["b"].target


def test_a_twin_of_a_linked_record_follows_it() -> None:
    outcomes = decide(("a", 1, SURE), ("a", "b", SURE - MARGIN - 1))
    assert [o.target for o in outcomes.values()] == [golden(1), golden(1)]


def test_a_record_between_a_golden_record_and_an_unlike_peer_is_left_to_a_person() -> None:
    outcomes = decide(("a", 1, SURE), ("a", "b", SURE))
    assert kinds(outcomes) == {"a": "review", "b": "new"}


def test_a_vetoed_edge_never_links_however_high_its_score() -> None:
    assert kinds(decide(("a", 1, SURE * 3, True), queries="a")) == {"a": "review"}


def test_two_records_nearly_as_likely_are_left_to_a_person() -> None:
    near = SURE - MARGIN / 4
    outcome = decide(("a", 1, SURE), ("a", 2, near), queries="a")["a"]
    assert (outcome.kind, outcome.reason) == ("review", "another record is nearly as likely")
    assert [target for target, _ in outcome.candidates] == [golden(1), golden(2)]


def test_a_runner_up_beyond_the_margin_is_no_doubt() -> None:
    far = SURE - MARGIN - 0.1
    assert kinds(decide(("a", 1, SURE), ("a", 2, far), queries="a")) == {"a": "link"}


def test_the_doubtful_join_what_is_settled_first_and_one_of_them_starts() -> None:
    assert sorted(kinds(decide(("a", "b", DOUBTFUL))).values()) == ["new", "review"]


# -------------------------------------------------------------------------------------------------------------- rules


def test_two_of_a_clean_source_are_never_one() -> None:
    assert kinds(decide(("a", "b", SURE), clean="ab")) == {"a": "new", "b": "new"}
    outcomes = decide(("a", 1, SURE), ("b", 1, SURE - 0.01), clean="ab")
    assert sorted(kinds(outcomes).values()) == ["link", "new"]


def test_a_clean_source_that_a_record_has_already_keeps_the_next_one_out() -> None:
    facts = Facts(clean_systems={1: frozenset([7])})
    assert kinds(decide(("a", 1, SURE), queries="a", clean="a", facts=facts)) == {"a": "new"}


def test_a_rejected_pair_is_not_joined_nor_through_a_third_record() -> None:
    rejected = Facts(rejected=frozenset([(1, 2)]))
    outcomes = decide(("a", "b", SURE), ("a", "c", SURE), ("b", "c", SURE), queries="abc", facts=rejected)
    where = {name: outcome.target for name, outcome in outcomes.items()}
    assert where["a"] != where["b"]


def test_a_rejected_member_keeps_a_record_out_of_its_golden_record() -> None:
    facts = Facts(rejected=frozenset([(1, 50)]), members={1: frozenset([50])})
    outcome = decide(("a", 1, SURE), queries="a", facts=facts)["a"]
    assert (outcome.kind, outcome.candidates) == ("new", [])


def test_two_golden_records_are_never_joined_by_a_record_that_resembles_both() -> None:
    outcomes = decide(("a", 1, SURE), ("b", 2, SURE), ("a", "b", SURE))
    assert {name: o.target for name, o in outcomes.items()} == {"a": golden(1), "b": golden(2)}


def chain(**rule: Any) -> set[str]:
    """Four new records of which each resembles the next for certain, least in the middle; how they are joined."""
    ends = ("a", "d", DOUBTFUL, *([True] if rule.pop("veto", False) else []))
    far = SURE + 2 * MARGIN
    pairs = ("a", "b", far + 1), ("b", "c", SURE), ("c", "d", far), ("a", "c", DOUBTFUL), ("b", "d", DOUBTFUL)
    found: dict[Target | None, str] = {}
    for name, outcome in sorted(decide(*pairs, ends, queries="abcd", **rule).items()):
        at = outcome.target if outcome.kind != "review" else Target(peer=-ord(name))
        found[at] = found.get(at, "") + name
    return set(found.values())


def test_a_chain_that_holds_a_conflict_falls_apart_at_its_weakest_edge() -> None:
    assert chain() == {"abcd"}
    assert chain(facts=Facts(rejected=frozenset([(1, 4)]))) == {"ab", "cd"}
    assert chain(clean="ad") == {"ab", "cd"}
    assert chain(veto=True) == {"ab", "cd"}


def test_where_no_edge_of_such_a_chain_is_clearly_the_weakest_a_person_decides() -> None:
    edges = ("a", "b", SURE), ("b", "c", SURE), ("a", "c", DOUBTFUL, True)
    assert "review" in kinds(decide(*edges, queries="abc")).values()


def test_a_veto_of_a_member_keeps_a_record_out_also_through_a_third_one() -> None:
    pairs = ("a", "b", SURE + 2), ("b", "c", SURE), ("a", "c", SURE, True)
    outcomes = decide(*pairs, queries="abc")
    assert outcomes["a"].target == outcomes["b"].target
    assert outcomes["c"].kind == "review"
    assert outcomes["c"].reason in (
        "it resembles records that conflict with each other",
        "the best candidate conflicts",
    )
    through = decide(("a", 1, SURE + 2 * MARGIN), ("b", 1, SURE, True), ("a", "b", SURE), queries="ab")
    assert kinds(through) == {"a": "link", "b": "review"}


def test_a_person_may_join_what_a_veto_keeps_apart() -> None:
    outcomes = decide(("a", 1, SURE, True), queries="a", facts=Facts(same={1: 1}))
    assert outcomes["a"].target == golden(1)


def test_a_persons_word_links_without_any_score() -> None:
    assert decide(queries="a", facts=Facts(same={1: 9}))["a"].target == golden(9)


def test_edges_of_records_that_are_not_asked_about_do_not_count() -> None:
    asked = [Query(1, 1, False, "a")]
    edges = {1: {golden(1): Edge(SURE, False, 0)}, 99: {golden(2): Edge(SURE, False, 0)}}
    assert list(partition(asked, edges, Facts(), POLICY)) == [1]


# ---------------------------------------------------------------------------------------------------------- implants

BETWEEN = (POLICY.sure_score + POLICY.sure_score_of(True)) / 2


def test_an_implant_needs_more_certainty_than_a_glove() -> None:
    outcomes = decide(("a", 1, BETWEEN), ("b", 2, BETWEEN), critical="a")
    assert kinds(outcomes) == {"a": "review", "b": "link"}
    surer = POLICY.sure_score_of(True) + 0.1
    assert kinds(decide(("a", 1, surer), queries="a", critical="a")) == {"a": "link"}


def test_what_would_join_an_implant_needs_as_much() -> None:
    implant = Facts(critical=frozenset([1]))
    outcomes = decide(("a", 1, BETWEEN), ("b", 2, BETWEEN), facts=implant)
    assert kinds(outcomes) == {"a": "review", "b": "link"}
    surer = POLICY.sure_score_of(True) + 0.1
    assert kinds(decide(("a", 1, surer), queries="a", facts=implant)) == {"a": "link"}


def test_an_implants_runner_up_must_be_further_behind() -> None:
    rivals = (SURE - n / 4 for n in range(100))
    chances = ((rival, POLICY.chance(SURE, lead_over(SURE, np.array([rival]))).right) for rival in rivals)
    rival = next(rival for rival, right in chances if POLICY.costs.auto <= right < POLICY.critical.auto)
    pairs = ("a", 1, SURE), ("a", 2, rival)
    assert kinds(decide(*pairs, queries="a")) == {"a": "link"}
    outcome = decide(*pairs, queries="a", critical="a")["a"]
    assert (outcome.kind, outcome.reason) == ("review", "another record is nearly as likely")


@pytest.mark.parametrize("critical", ["a", "b", "ab"])
def test_of_two_new_records_the_stricter_decides(critical: str) -> None:
    assert sorted(kinds(decide(("a", "b", BETWEEN))).values()) == ["link", "new"]
    assert sorted(kinds(decide(("a", "b", BETWEEN), critical=critical)).values()) == ["new", "review"]
    assert sorted(kinds(decide(("a", "b", SURE), critical=critical)).values()) == ["link", "new"]


# ------------------------------------------------------------------------------------------- order and ids don't count

NAMES = "abcde"
scores = st.sampled_from([DOUBTFUL, POLICY.sure_score, BETWEEN, SURE - MARGIN / 4, SURE])
peers = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), scores, st.sampled_from([(), (True,)]))
targets = st.tuples(st.sampled_from(NAMES), st.sampled_from([1, 2]), scores, st.sampled_from([(), (True,)]))


@settings(max_examples=200)
@given(
    st.lists(peers, max_size=8),
    st.lists(targets, max_size=5),
    st.sampled_from(["", "ab", "abc"]),
    st.sampled_from(["", "b", "ac"]),
    st.sampled_from([None, ("a", "b"), ("b", "c")]),
    st.permutations(range(1, 6)),
)
def test_the_result_depends_on_content_alone(
    joined: list[Any], linked: list[Any], clean: str, critical: str, rejected: tuple[str, str] | None, order: list[int]
) -> None:
    pairs = {tuple(sorted(p[:2])): (*sorted(p[:2]), p[2], *p[3]) for p in joined if p[0] != p[1]}
    rows = [*pairs.values(), *{p[:2]: (*p[:3], *p[3]) for p in linked}.values()]

    def run(ids: dict[str, int], rows: list[Any], names: str) -> dict[str, object]:
        pair = sorted(ids[name] for name in rejected) if rejected else []
        facts = Facts(rejected=frozenset([(pair[0], pair[1])] if pair else []))
        outcomes = decide(*rows, queries=names, clean=clean, critical=critical, facts=facts, ids=ids)
        named = {number: name for name, number in ids.items()}
        return {
            name: (o.kind, o.target and (o.target.golden or named[o.target.peer]), o.reason)
            for name, o in sorted(outcomes.items())
        }

    straight = run({name: n for n, name in enumerate(NAMES, start=1)}, rows, NAMES)
    shuffled = run(dict(zip(NAMES, order, strict=True)), rows[::-1], NAMES[::-1])
    assert shuffled == straight


@settings(max_examples=150)
@given(st.lists(peers, max_size=10), st.lists(targets, max_size=6), st.sampled_from([("a", "b"), ("c", "d")]))
def test_no_outcome_breaks_a_rule(joined: list[Any], linked: list[Any], rejected: tuple[str, str]) -> None:
    rows = [(*p[:3], *p[3]) for p in [*joined, *linked] if p[0] != p[1]]
    ids = {name: n for n, name in enumerate(NAMES, start=1)}
    pair = tuple(sorted(ids[name] for name in rejected))
    outcomes = decide(*rows, queries=NAMES, clean="ae", facts=Facts(rejected=frozenset([(pair[0], pair[1])])), ids=ids)
    settled = {name: o.target for name, o in outcomes.items() if o.kind != "review"}
    for one, two in (rejected, ("a", "e")):
        assert one not in settled or two not in settled or settled[one] != settled[two]
    for outcome in outcomes.values():
        if outcome.kind == "link" and outcome.target and outcome.target.peer:
            founder = next(n for n, number in ids.items() if number == outcome.target.peer)
            assert outcomes[founder].kind == "new"
        if outcome.kind == "review":
            assert all(edge.score >= POLICY.review_bits for _, edge in outcome.candidates)
            assert outcome.candidates
