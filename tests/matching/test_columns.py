import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.agreement import entries
from matching.columns import Tables, Vocabulary

tokens = st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=5), min_size=1, max_size=8)


def tables(left: list[list[str]], right: list[list[str]]) -> Tables:
    spaces = {"w": "word"}
    return Tables.of([{"w": t} for t in left], [{"w": t} for t in right], spaces, lambda _, t: np.ones(len(t)), -10.0)


@given(tokens)
def test_a_column_expands_to_the_tokens_it_was_built_from(lists: list[list[str]]) -> None:
    vocabulary = Vocabulary()
    column = vocabulary.column(lists)
    rows, ids = column.expand(np.arange(len(lists)))
    names = vocabulary.tokens
    assert [(int(r), names[i]) for r, i in zip(rows, ids, strict=True)] == [
        (row, token) for row, tokens_ in enumerate(lists) for token in tokens_
    ]


@given(tokens, tokens)
def test_overlap_counts_what_sets_count(left: list[list[str]], right: list[list[str]]) -> None:
    pairs = [(i, j) for i in range(len(left)) for j in range(len(right))]
    a, b = (np.array(x) for x in zip(*pairs, strict=True))
    overlap = tables(left, right).pairs(a, b).overlap("w")
    for k, (i, j) in enumerate(pairs):
        mine, theirs = set(left[i]), set(right[j])
        assert overlap.stated[k] == bool(mine and theirs)
        if not overlap.stated[k]:
            continue
        assert overlap.shared[k] == len(mine & theirs)
        assert overlap.less[k] == min(len(mine - theirs), len(theirs - mine))
        assert overlap.more[k] == max(len(mine - theirs), len(theirs - mine))


def test_tokens_that_resemble_each_other_share_their_similarity() -> None:
    t = tables([["stent"]], [["stnet"]])
    zero = np.zeros(1, dtype=np.int64)
    overlap = t.pairs(zero, zero).overlap("w", lambda a, b: [(0, 0, 0.9)])
    assert overlap.shared[0] == pytest.approx(0.9)
    assert overlap.less[0] == 0
    assert not overlap.literal[0]


def test_expanding_no_rows_gives_nothing() -> None:
    positions, numbers = entries(np.array([0, 2]), np.array([], dtype=np.int64))
    assert len(positions) == len(numbers) == 0
