"""What is learned without labels, against a truth that the learner never sees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.calibration import Calibration, Chosen, learn

START = Calibration()


def mixture(share: float, size: int = 4_000, seed: int = 1) -> tuple[Chosen, Chosen, np.ndarray]:
    """Best candidates and runners-up of records of which ``share`` have a partner; and which these are.

    Everybody resembles three strangers; who has a partner, the partner too.
    """
    dice = np.random.default_rng(seed)
    partnered = dice.random(size) < share
    partner = np.where(partnered, dice.normal(16.0, 5.0, size), -99.0)
    found = np.sort(np.vstack([dice.normal(-6.0, 4.0, (3, size)), partner]), axis=0)[::-1]
    none = np.zeros(size)
    return Chosen(found[0], found[0] - found[1], none), Chosen(found[1], found[1] - found[2], none), partnered


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_probabilities_are_as_often_right_as_they_say(share: float) -> None:
    best, second, partnered = mixture(share)
    learned = learn(best, second, np.ones(len(partnered), dtype=np.bool_), START)
    told = learned.partnered(best.score, best.lead, best.claimed)
    assert told.mean() == pytest.approx(share, abs=0.06)
    sure = told > 0.97
    assert sure.mean() > share / 2
    assert partnered[sure].mean() > 0.97
    assert partnered[told < 0.1].mean() < 0.12


def test_without_labels_it_tells_apart_better_than_it_started() -> None:
    best, second, partnered = mixture(0.6)
    learned = learn(best, second, np.ones(len(partnered), dtype=np.bool_), START)

    def loss(calibration: Calibration) -> float:
        told = np.clip(calibration.partnered(best.score, best.lead, best.claimed), 1e-9, 1 - 1e-9)
        return float(-np.mean(np.where(partnered, np.log2(told), np.log2(1 - told))))

    assert loss(learned) < loss(START) / 1.5


def test_a_handful_of_records_changes_the_slopes_little() -> None:
    best, second, partnered = mixture(0.7, size=8)
    learned = learn(best, second, np.ones(len(partnered), dtype=np.bool_), START)
    assert learned.score == pytest.approx(START.score, abs=0.1)
    assert learned.lead == pytest.approx(START.lead, abs=0.1)


def test_a_better_score_or_lead_is_never_less_certain() -> None:
    score, lead, none = np.linspace(-40, 40, 81), np.linspace(-10, 40, 81), np.zeros(81)
    assert (np.diff(START.right(score, np.full(81, 10.0), none)) >= 0).all()
    assert (np.diff(START.right(np.full(81, 10.0), lead, none)) >= 0).all()


@given(st.floats(-20, 40), st.floats(0.5, 0.999))
def test_a_calibration_through_a_point_has_its_threshold_there(score: float, probability: float) -> None:
    shifted = START.through(score, probability)
    assert shifted.score_for(probability) == pytest.approx(score, abs=1e-6)


@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(0, 60))
def test_one_candidate_is_judged_as_many_are(score: float, lead: float, claimed: float) -> None:
    arrays = np.array([score]), np.array([lead]), np.array([claimed])
    partnered, right = START.chances(score, lead, claimed)
    assert partnered == pytest.approx(START.partnered(*arrays)[0], rel=1e-9)
    assert right == pytest.approx(START.right(*arrays)[0], rel=1e-9)


def test_it_survives_json() -> None:
    learned = Calibration(1.25, 0.4, 0.3, 0.2)
    assert Calibration.from_json(learned.to_json()) == learned
