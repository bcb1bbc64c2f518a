from matching.blocking import candidates, informative, limited, pairs_of


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
