"""What scores mean among the duplicates of one table, and which pairs a steward sees."""

from __future__ import annotations

import numpy as np
import pytest

from matching import Policy
from matching.duplicates import PAIRS, SAMPLE, _open_pairs, _sampled, calibrated, cluster
from matching.recipe import Scores

RANDOM = np.random.default_rng(5)


def table(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows in pairs: half of them the same thing (some 20 bits), each beside a stranger (some -5)."""
    rows = np.arange(0, size, 2)
    same = RANDOM.normal(20, 3, len(rows) // 2)
    strangers = RANDOM.normal(-5, 3, len(rows))
    left = np.concatenate([rows[: len(same)], rows])
    right = np.concatenate([rows[: len(same)] + 1, (rows + 2) % size])
    return left, right, np.concatenate([same, strangers]).round(3)


def learned(left: np.ndarray, right: np.ndarray, bits: np.ndarray, vetoed: np.ndarray, size: int) -> Policy:
    policy = Policy("item", -2.0, calibration=PAIRS)
    scored = Scores(bits, vetoed)
    group = cluster(size, left, right, scored, PAIRS.score_for(0.9))
    twice = Scores(np.concatenate([bits, bits]), np.concatenate([vetoed, vetoed]))
    return calibrated(np.concatenate([left, right]), np.concatenate([right, left]), twice, group, policy)


def test_siblings_that_a_veto_keeps_apart_do_not_raise_the_bar() -> None:
    left, right, bits = table(2_000)
    plain = learned(left, right, bits, np.zeros(len(left), np.bool_), 2_000)
    rows = np.arange(2_000)
    beside = np.concatenate([left, rows]), np.concatenate([right, (rows + 3) % 2_000])
    vetoed = np.arange(len(beside[0])) >= len(left)
    with_siblings = learned(*beside, np.concatenate([bits, np.full(2_000, 25.0)]), vetoed, 2_000)
    assert 0 < plain.sure_score < 15
    assert abs(with_siblings.sure_score - plain.sure_score) < 3


def test_a_sample_says_what_the_whole_table_says(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right, bits = table(12_000)
    whole = learned(left, right, bits, np.zeros(len(left), np.bool_), 12_000)
    monkeypatch.setattr("matching.duplicates.SAMPLE", 3_000)
    sampled = learned(left, right, bits, np.zeros(len(left), np.bool_), 12_000)
    assert abs(sampled.sure_score - whole.sure_score) < 1.5


def test_a_sample_does_not_depend_on_where_records_stand() -> None:
    best, second = RANDOM.normal(size=3 * SAMPLE), RANDOM.normal(size=3 * SAMPLE)
    order = RANDOM.permutation(len(best))
    straight, shuffled = _sampled(best, second), _sampled(best[order], second[order])
    assert len(straight[0]) == SAMPLE
    np.testing.assert_array_equal(straight, shuffled)


def test_equals_are_shown_together_or_not_at_all() -> None:
    left, right = np.zeros(7, dtype=np.int64), np.arange(1, 8)
    policy = Policy("item", -2.0, calibration=PAIRS)
    group, never = np.arange(8), np.zeros(7, np.bool_)
    bits = np.array([5.0, 5.0, 4.0, 4.0, 3.0, 3.0, 2.0])
    shown = _open_pairs(left, right, Scores(bits, never), group, policy, never)
    assert sorted(shown) == [(0, n) for n in range(1, 7)]
