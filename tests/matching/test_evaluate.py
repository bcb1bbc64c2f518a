import pytest

from matching.evaluate import quality, wilson


def test_quality_counts_what_was_found_missed_and_wrong() -> None:
    found = quality([(1, 1), (2, 2), (3, 9)], [(1, 1), (2, 2), (4, 4)])
    assert (found.true_positive, found.false_positive, found.false_negative) == (2, 1, 1)
    assert found.precision == found.recall == found.f1 == pytest.approx(2 / 3)


def test_ignored_pairs_count_neither_way() -> None:
    found = quality([(1, 1), (2, 2)], [(1, 1), (3, 3)], ignore=[(2, 2), (3, 3)])
    assert found.precision == found.recall == 1.0


def test_nothing_found_is_no_division_by_zero() -> None:
    assert quality([], []).to_json()["f1"] == 0.0
    assert wilson(0, 0) == (0.0, 1.0)


def test_wilson_agrees_with_the_textbook() -> None:
    low, high = wilson(8, 10)
    assert low == pytest.approx(0.4902, abs=1e-4)
    assert high == pytest.approx(0.9433, abs=1e-4)
