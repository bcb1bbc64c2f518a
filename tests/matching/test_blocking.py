import numpy as np
import pytest

from matching import blocking
from matching.blocking import Candidates, KeyIndex, informative, limited, numbered, pairs_of, search
from matching.columns import Vocabulary


def candidates(left: list[list[str]], right: list[list[str]], **options: int) -> Candidates:
    """Keys as texts; the same list twice finds duplicates."""
    vocabulary = Vocabulary()
    mine = vocabulary.column(left)
    return search(mine, mine if left is right else vocabulary.column(right), **options)


def test_a_key_that_too_many_share_makes_no_pairs() -> None:
    left, right = [["a", "b"]], [["a"], ["a"], ["b"]]
    found = candidates(left, right, cap=1)
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == [(0, 2)]


def test_the_best_candidates_share_the_rarest_keys() -> None:
    right = [["broad1", "broad2", "broad3"]] * 9 + [["rare"]]
    found = candidates([["broad1", "broad2", "broad3", "rare"]], right, best=1)
    assert found.right.tolist() == [9]


def test_within_one_table_each_pair_comes_once() -> None:
    keys = [["a"], ["a"], ["a"]]
    found = candidates(keys, keys)
    assert sorted(zip(found.left.tolist(), found.right.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]


def test_nothing_shared_is_no_candidate() -> None:
    assert len(candidates([["a"], []], [["b"]]).left) == 0


def test_common_words_are_not_informative() -> None:
    assert informative(["system", "evos", "the"], 1) == ["evs"]


def test_keys_are_limited_and_the_surest_come_first() -> None:
    keys = limited(["code:1"], pairs_of("words", [f"w{i}" for i in range(20)]))
    assert len(keys) == 32
    assert keys[0] == "code:1"


def test_two_keys_that_are_each_too_common_find_who_shares_both() -> None:
    right = [["a", "b"], *[["a"]] * 5, *[["b"]] * 5]
    found = candidates([["a", "b"]], right, cap=3)
    assert found.right.tolist() == [0]


def test_rare_keys_lead_the_way_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "_LOOKS", 5)
    right = [["rare"], *[["broad"]] * 9]
    found = candidates([["broad", "rare"]], right, cap=20, best=20)
    assert 0 in found.right.tolist()
    assert len(candidates([["broad", "rare", "rare2"]], [*right, ["rare2"], *[["rare"]] * 5], cap=20).right) == 7


def test_a_key_with_a_digit_is_as_good_as_a_name() -> None:
    assert informative(["catheter", "xmfm1", "silicone"], 1) == ["xmfm1"]


def test_a_key_has_the_same_number_in_any_company() -> None:
    keys = ["code:1", "words:a+b", "wörter:é", "x" * 3_000, "code:2"]
    assert numbered(keys).tolist() == [int(numbered([key])[0]) for key in keys]
    assert len(set(numbered([*keys, *(f"code:{n}" for n in range(10_000))]).tolist())) == 10_003
    assert numbered([]).tolist() == []


def test_several_processes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [[f"k{n % 7}", f"w{n % 11}", f"x{n}"] for n in range(300)]
    alone = candidates(keys, keys, best=5)
    monkeypatch.setattr(blocking, "processes", lambda size, least: 2)
    monkeypatch.setattr(blocking, "_ROWS", 64)
    together = candidates(keys, keys, best=5)
    assert (alone.left.tolist(), alone.right.tolist()) == (together.left.tolist(), together.right.tolist())
    one, two = (candidates(keys[:50], [*keys], best=3) for _ in range(2))
    assert one.right.tolist() == two.right.tolist()


def test_an_index_finds_for_some_rows_what_it_finds_for_all() -> None:
    vocabulary = Vocabulary()
    column = vocabulary.column([[f"k{n % 7}", f"w{n % 11}"] for n in range(200)])
    index = KeyIndex(column)
    some = index.duplicates(np.array([150, 3]), best=4)
    assert some.left.tolist() == [150] * 4 + [3] * 4
    whole = index.duplicates(np.arange(200), best=4)
    assert some.right[:4].tolist() == whole.right[whole.left == 150].tolist()
