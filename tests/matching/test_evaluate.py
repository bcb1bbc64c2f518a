import pytest

from matching.evaluate import Quality, quality, wilson


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


def test_the_interval_of_f1_holds_f1_and_narrows_with_what_was_counted() -> None:
    few, many = Quality(9, 1, 1), Quality(900, 100, 100)
    for found in (few, many):
        low, high = found.intervals["f1"]
        assert low < found.f1 < high
    assert many.intervals["f1"][0] > few.intervals["f1"][0]
    assert Quality(0, 0, 0).intervals["f1"] == (0.0, 1.0)
    assert few.to_json()["f1_interval"] == [round(x, 4) for x in few.intervals["f1"]]
