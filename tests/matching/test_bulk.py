from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from matching import decide, recipe_for
from matching.bulk import link
from matching.decide import Costs, Ranked
from matching.duplicates import Deduplicated, dedupe
from matching.evaluate import quality

RECIPE = recipe_for("item")
KINDS = [("Foley catheter", "Medix"), ("Suction catheter", "Ortana"), ("Feeding tube", "Velva")]
GOLDEN = [
    {
        "description": f"{kind} {size} Fr {volume} mL",
        "manufacturer": maker,
        "catalogue_number": f"{maker[:2].upper()}-{number}{size}{volume:02}",
    }
    for number, (kind, maker) in enumerate(KINDS)
    for size in (8, 10, 12, 14, 16, 18)
    for volume in (5, 10, 30)
]
ERP = [
    {
        "description": f"{v['description'].upper().replace('CATHETER', 'CATH')} STRL",
        "manufacturer": f"{v['manufacturer'].upper()} INC",
        "catalogue_number": v["catalogue_number"].replace("-", ""),
    }
    for v in GOLDEN
]


def test_a_whole_table_links_to_the_right_rows() -> None:
    found = link(RECIPE, ERP, GOLDEN)
    result = quality(found.links, [(i, i) for i in range(len(ERP))])
    assert result.precision == 1.0
    assert result.recall > 0.9


def test_rows_that_are_new_are_not_linked_to_their_siblings() -> None:
    kept = [i for i in range(len(GOLDEN)) if i % 3]
    found = link(RECIPE, ERP, [GOLDEN[i] for i in kept])
    assert all(kept[right] == left for left, right in found.links)


def test_bulk_decides_as_one_by_one() -> None:
    found = link(RECIPE, ERP[:12], GOLDEN)
    stds = [RECIPE.standardise(v) for v in GOLDEN]
    for row, values in enumerate(ERP[:12]):
        candidates = found.right[found.left == row].tolist()
        judged = RECIPE.judge(
            RECIPE.standardise(values), [stds[i] for i in candidates], found.statistics, RECIPE.policy
        )
        ranked = [
            Ranked(i, s, ("vetoed",) if v else ())
            for i, s, v in zip(candidates, judged.bits.tolist(), judged.vetoed.tolist(), strict=True)
        ]
        alone = decide(ranked, found.policy)
        assert alone.outcome == found.decisions[row].outcome
        assert alone.ranked[0] == found.decisions[row].ranked[0]
        assert sorted(judged.bits.tolist()) == sorted(found.bits[found.left == row].tolist())


def test_an_implant_needs_more_certainty_than_a_glove_in_a_whole_table() -> None:
    gloves = [v if row % 3 else {"description": v["description"]} for row, v in enumerate(ERP)]
    implants = [values | {"implant": True} for values in gloves]
    policy = replace(RECIPE.policy, critical=Costs(false_link=1e4))  # this table leaves little doubt
    plain, found = link(RECIPE, gloves, GOLDEN, policy=policy), link(RECIPE, implants, GOLDEN, policy=policy)
    assert (found.bits.tolist(), found.policy) == (plain.bits.tolist(), plain.policy)
    enough = found.policy.costs_of(True).auto
    between = [row for row, d in enumerate(plain.decisions) if d.outcome == "link" and d.probability < enough]
    assert 0 < len(between) < len(plain.links)
    assert {found.decisions[row].outcome for row in between} == {"review"}
    assert set(found.links) == {(left, right) for left, right in plain.links if left not in between}
    mixed = link(RECIPE, [implants[i] if i in between[:1] else v for i, v in enumerate(gloves)], GOLDEN, policy=policy)
    assert set(mixed.links) == {pair for pair in plain.links if pair[0] != between[0]}
    theirs = dict(plain.links)[between[0]]  # a system that doesn't say that it is an implant joins one no sooner
    known = [values | {"implant": True} if row == theirs else values for row, values in enumerate(GOLDEN)]
    assert between[0] not in dict(link(RECIPE, gloves, known, policy=policy).links)


def test_the_order_of_rows_does_not_matter() -> None:
    order = list(range(len(GOLDEN)))
    random.Random(1).shuffle(order)
    straight = {(left, right) for left, right in link(RECIPE, ERP, GOLDEN).links}
    shuffled = {(left, order[right]) for left, right in link(RECIPE, ERP, [GOLDEN[i] for i in order]).links}
    assert straight == shuffled


def test_one_to_one_gives_a_right_row_to_one_left_row_at_most() -> None:
    twice = [*ERP, ERP[0] | {"description": "FOLEY CATH"}]
    links = link(RECIPE, twice, GOLDEN, clean=True).links
    assert len({right for _, right in links}) == len(links)


def test_duplicates_of_a_table_are_found_and_siblings_are_not() -> None:
    found = dedupe(RECIPE, [*GOLDEN, *ERP])
    half = len(GOLDEN)
    result = quality(found.pairs, [(i, i + half) for i in range(half)])
    assert result.precision == 1.0
    assert result.recall > 0.9


def test_empty_tables_are_no_error() -> None:
    assert link(RECIPE, [], GOLDEN).links == []
    assert link(RECIPE, ERP[:1], []).decisions[0].outcome == "new"
    assert dedupe(RECIPE, []).clusters == []


tables = st.lists(st.sampled_from([*GOLDEN[:12], *ERP[:12], {}, {"description": "Foley catheter"}]), max_size=10)
few = settings(max_examples=25)


def linked(left: list[dict[str, str]], right: list[dict[str, str]]) -> tuple[list[str], set[tuple[int, int]]]:
    found = link(RECIPE, left, right)
    return [d.outcome for d in found.decisions], set(found.links)


@few
@given(tables, tables, st.randoms(use_true_random=False))
def test_links_depend_on_what_rows_say_not_on_where_they_stand(
    left: list[dict[str, str]], right: list[dict[str, str]], random_: random.Random
) -> None:
    rows, columns = list(range(len(left))), list(range(len(right)))
    random_.shuffle(rows)
    random_.shuffle(columns)
    outcomes, links = linked(left, right)
    again, moved = linked([left[i] for i in rows], [right[j] for j in columns])
    assert again == [outcomes[i] for i in rows]
    assert {(rows[i], columns[j]) for i, j in moved} == links


@few
@given(tables, st.randoms(use_true_random=False))
def test_clusters_depend_on_what_rows_say_not_on_where_they_stand(
    rows: list[dict[str, str]], random_: random.Random
) -> None:
    order = list(range(len(rows)))
    random_.shuffle(order)
    straight, shuffled = dedupe(RECIPE, rows), dedupe(RECIPE, [rows[i] for i in order])
    assert {frozenset(order[i] for i in cluster) for cluster in shuffled.clusters} == set(straight.clusters)
    reviews = {(min(order[a], order[b]), max(order[a], order[b])) for a, b in shuffled.reviews}
    assert reviews == set(straight.reviews)


@few
@given(tables, tables)
def test_the_same_tables_again_give_the_same(left: list[dict[str, str]], right: list[dict[str, str]]) -> None:
    assert link(RECIPE, left, right).decisions == link(RECIPE, left, right).decisions
    one, other = dedupe(RECIPE, left), dedupe(RECIPE, left)
    assert (one.clusters, one.reviews) == (other.clusters, other.reviews)


@few
@given(tables)
def test_a_table_linked_to_itself_joins_no_two_things(rows: list[dict[str, str]]) -> None:
    """Idempotence: what is linked already is linked to nothing else when it comes again."""
    unique = [row for i, row in enumerate(rows) if row not in rows[:i]]
    for row, other in link(RECIPE, unique, unique).links:
        assert row == other or _one_thing(unique[row], unique[other])


def _one_thing(one: dict[str, str], other: dict[str, str]) -> bool:
    return one["catalogue_number"].replace("-", "") == other["catalogue_number"].replace("-", "")


def test_an_implant_needs_more_certainty_than_a_glove_among_the_duplicates_of_a_table() -> None:
    half = len(GOLDEN)
    bare = [v if row % 3 else {"description": v["description"]} for row, v in enumerate(ERP)]
    policy = replace(RECIPE.policy, critical=Costs(false_link=1e6, missed_link=1e3))

    def found(critical: set[int]) -> tuple[Deduplicated, set[tuple[int, int]]]:
        rows = [v | {"implant": True} if row in critical else v for row, v in enumerate([*GOLDEN, *bare])]
        result = dedupe(RECIPE, rows, policy=policy)
        return result, set(result.pairs)

    plain, joined = found(set())
    one, other = min(joined, key=lambda pair: _bits(plain, pair))
    assert plain.policy.sure_score <= _bits(plain, (one, other)) < plain.policy.sure_score_of(True)
    for critical in ({one}, {other}, {one, other}):  # one end is enough
        strict, left = found(critical)
        assert left == joined - {(one, other)}
        assert (one, other) in strict.reviews
        assert strict.policy == plain.policy
    every, kept = found(set(range(2 * half)))
    assert kept == {pair for pair in joined if _bits(plain, pair) >= plain.policy.sure_score_of(True)}
    assert len(every.reviews) >= len(plain.reviews)


def _bits(found: Deduplicated, pair: tuple[int, int]) -> float:
    pairs = zip(found.left.tolist(), found.right.tolist(), found.bits.tolist(), strict=True)
    return next(bits for a, b, bits in pairs if (a, b) == pair)
