import pytest

from matching import blocking
from matching.blocking import Candidates, informative, limited, pairs_of, search
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
