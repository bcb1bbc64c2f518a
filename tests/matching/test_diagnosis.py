"""What each kind of key finds, counted on a table small enough to count by hand."""

from __future__ import annotations

from matching import recipe_for
from matching.diagnosis import COMMON, Kind, by_kind

RECIPE = recipe_for("item")
LEFT = [
    {"catalogue_number": "AB-1001"},
    {"catalogue_number": "AB-1002", "gtin": "00800700260250"},
    {"description": "quixotic zeppelin"},
]
RIGHT = [
    {"catalogue_number": "AB1001"},
    {"catalogue_number": "AB9999", "gtin": "00800700260250"},
    {"description": "ZEPPELIN QUIXOTIC"},
    {"description": "zeppelin quixotic blue"},
]


def kinds(*args: object, **options: int) -> dict[str, Kind]:
    return {kind.name: kind for kind in by_kind(RECIPE, *args, **options)}  # type: ignore[arg-type]


def test_each_kind_says_what_it_makes_and_what_it_finds() -> None:
    found = kinds(LEFT, RIGHT, {(0, 0), (1, 1), (2, 2)})
    assert (found["code"].pairs, found["code"].found) == (1, 1)
    assert found["gtin"] == Kind("gtin", keys=1, common=0, pairs=1, found=1, alone=1)
    assert (found["words"].pairs, found["words"].found, found["words"].alone) == (2, 1, 1)
    assert found["code"].alone == 0  # the stem is the same


def test_a_key_that_too_many_share_finds_nobody() -> None:
    found = kinds(LEFT, RIGHT, {(2, 2)}, cap=1)
    assert found["words"].common == 1
    assert (found["words"].pairs, found["words"].found) == (0, 0)


def test_two_keys_that_are_each_too_common_are_a_kind_of_their_own() -> None:
    rows = [{"catalogue_number": f"{n}77x", "description": "zeppelin quixotic umbrella"} for n in range(2)]
    many = [*rows, *({"description": f"zeppelin quixotic {word}"} for word in ("marzipan", "bassoon"))]
    many += [{"description": f"zeppelin umbrella {word}"} for word in ("trombone", "gazebo")]
    found = kinds(many, many, {(0, 1)}, cap=3)
    assert found[COMMON].found == 1


def test_pairs_of_one_table_are_counted_once() -> None:
    rows = [LEFT[0], RIGHT[0], LEFT[0]]
    found = kinds(rows, rows, {(0, 1), (1, 2)})
    assert (found["code"].pairs, found["code"].found) == (3, 2)


def test_without_truth_or_records_nothing_is_found() -> None:
    assert kinds(LEFT, RIGHT, ())["code"].found == 0
    assert kinds([], [], ()) == {COMMON: Kind(COMMON, 0, 0, 0, 0, 0)}
