from __future__ import annotations

import pytest

from matching.measures import Agreement, Share


def test_kappa_is_agreement_beyond_chance() -> None:
    """The worked example of Cohen's kappa that textbooks give: 20, 5, 10, 15 of 50."""
    found = Agreement(20, 5, 10, 15)
    assert found.agreed / found.total == pytest.approx(0.70)
    assert found.by_chance == pytest.approx(0.50)
    assert found.kappa == pytest.approx(0.40)


def test_perfect_agreement_is_one_and_opposites_are_below_nothing() -> None:
    assert Agreement.of([(True, True), (False, False)]).kappa == 1.0
    opposite = Agreement.of([(True, False), (False, True)] * 5)
    assert opposite.kappa == -1.0
    assert opposite.kappa_interval == (-1.0, -1.0)


def test_where_everybody_says_the_same_kappa_says_nothing() -> None:
    always = Agreement.of([(True, True)] * 9)
    assert (always.kappa, always.kappa_interval) == (None, None)
    assert always.to_json()["agreement"] == 1.0


def test_more_questions_narrow_the_interval() -> None:
    few, many = Agreement(8, 2, 2, 8), Agreement(80, 20, 20, 80)
    assert few.kappa == pytest.approx(many.kappa or 0)
    (low, high), (lower, upper) = few.kappa_interval or (0, 0), many.kappa_interval or (0, 0)
    assert low < lower < upper < high


def test_no_questions_give_no_numbers() -> None:
    assert Agreement.of([]).to_json() == {
        "questions": 0, "agreed": 0, "agreement": None, "agreement_interval": [0.0, 1.0], "kappa": None,
        "kappa_interval": None,
    }  # fmt: skip


def test_a_share_of_few_decisions_is_not_yet_reliable() -> None:
    few, many = Share(9, 10), Share(90, 100)
    assert (few.enough, many.enough) == (False, True)
    assert few.interval[0] < many.interval[0] < 0.9 < many.interval[1] < few.interval[1]
    assert Share(0, 0).to_json() == {"part": 0, "whole": 0, "estimate": None, "interval": [0.0, 1.0], "enough": False}


def test_a_share_of_a_part_counts_for_that_part() -> None:
    sampled = Share(95, 100, factor=0.9)
    assert sampled.estimate == pytest.approx(0.855)
    assert sampled.interval[1] <= 0.9
