"""From scores to probabilities, learned from the data at hand without labels.

The certainty that a left record's best candidate is right (bits: log2 of the odds) follows from its score, from its
lead over the other candidates and from what other left records make of it. How much from each is learned by EM: the
best candidates are a mixture of right and wrong ones, and what wrong ones look like is known. Where a record's best
candidate is right, the runner-up is what its best candidate would have been had its partner not been there.
Pulled towards what the domain's recipe brings, so few records change little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .columns import Floats
from .competition import NOTHING

LIMIT = 30.0  # bits beyond which a score, a lead or a claim tells nothing new
INERTIA = 20.0  # records that the recipe's own calibration counts for
ROUNDS, NEAR = 80, 1e-4
_FEWEST = 0.01  # records without a partner, of all
_LN2 = float(np.log(2.0))

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Probability that a candidate is right: that its record has a partner at all (bits: base + score × … + lead × … −
    claimed × …), and that the partner is none of the rivals (1 / (1 + 2^−lead)).
    """

    base: float = -1.7
    score: float = 0.33
    lead: float = 0.07
    claimed: float = 0.1

    def partnered(self, score: Floats, lead: Floats, claimed: Floats) -> Floats:
        """Probability that the record of each best candidate has a partner. Arguments in bits, as of ``Standing``."""
        return _probability(_features(score, lead, claimed) @ self._weights)

    def right(self, score: Floats, lead: Floats, claimed: Floats) -> Floats:
        """Probability that each candidate is that partner."""
        return self.partnered(score, lead, claimed) * _none_of_the_rivals(lead)

    def chances(self, score: float, lead: float, claimed: float) -> tuple[float, float]:
        """``partnered`` and ``right`` of one candidate, without the cost of arrays."""
        bits = self.base + self.score * _within(score, -LIMIT) + self.lead * _within(lead, -LIMIT)
        partnered = 1.0 / (1.0 + 2.0 ** -_within(bits - self.claimed * _within(claimed, 0.0), -60.0, 60.0))
        return partnered, partnered / (1.0 + 2.0 ** -_within(lead, -50.0, 50.0))

    def score_for(self, probability: float) -> float:
        """The score at which a candidate without a rival is right with this probability."""
        odds = np.log2(probability / (1.0 - probability)) - self.base
        far = float((odds - self.lead * LIMIT) / self.score)  # where the lead is at its limit
        return far if far >= LIMIT + NOTHING else float((odds + self.lead * NOTHING) / (self.score + self.lead))

    def through(self, score: float, probability: float) -> Calibration:
        """This calibration, shifted so that a candidate of ``score`` without a rival is right with ``probability``."""
        odds = float(np.log2(probability / (1.0 - probability)))
        return replace(self, base=odds - self.score * score - self.lead * min(LIMIT, score - NOTHING))

    def towards(self, other: Calibration, share: float) -> Calibration:
        """Between this (a share of 0) and the other (1)."""
        return Calibration._of((1.0 - share) * self._weights + share * other._weights)

    @property
    def _weights(self) -> Floats:
        return np.array([self.base, self.score, self.lead, self.claimed])

    @classmethod
    def _of(cls, weights: Floats) -> Calibration:
        return cls(*(round(float(w), 4) for w in weights))

    def to_json(self) -> dict[str, float]:
        """The four numbers by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, float]) -> Calibration:
        """What ``to_json`` gave; numbers that are not named are the defaults."""
        return cls(**{name: float(value) for name, value in data.items()})


@dataclass(frozen=True)
class Chosen:
    """The best candidates of some records, or their runners-up: one number per record in each array, in bits."""

    score: Floats
    lead: Floats
    claimed: Floats


def learn(
    best: Chosen, second: Chosen, has_second: NDArray[np.bool_], start: Calibration, *, rivalry: bool = True
) -> Calibration:
    """The calibration under which best candidates and runners-up of these records are most likely.

    Args:
        best: the best candidate of every left record that has any.
        second: the runner-up as it would stand without the best (only where ``has_second``).
        rivalry: leads and claims are known; without them, how many records have no partner is taken from scores alone.
    """
    found, wrong = (_features(c.score, c.lead, c.claimed) for c in (best, second))
    first = _none_of_the_rivals(best.lead)
    weights = start._weights
    partnered = _probability(found @ weights)
    known = np.concatenate([np.ones(len(found)), np.zeros(len(found) + len(wrong))])
    design = np.concatenate([found, found, wrong])
    for _ in range(ROUNDS):
        right = partnered * first
        mass = np.concatenate([right, 1.0 - partnered, right * has_second])
        weights = _fit(design, known, mass, weights, start._weights)
        most = _unpartnered(best.score, second.score, right * has_second)
        alone = np.clip((1.0 - partnered).mean(), _FEWEST, most) if rivalry else most
        shift = np.log2(mass[len(found) :].sum() / (alone * len(found)))
        before, partnered = partnered, _probability(found @ weights + shift)
        if np.abs(before - partnered).max() < NEAR:
            break
    weights = weights.copy()
    weights[0] += shift  # runners-up were added to the wrong ones; there are fewer in truth
    return Calibration._of(weights)


def _unpartnered(best: Floats, second: Floats, mass: Floats) -> float:
    """At most this share of records has no partner: so many best candidates score low, if those of records without a
    partner score as runners-up of others do (Storey 2002, on the lower half of those).
    """
    order = np.argsort(second, kind="stable")
    below = np.cumsum(mass[order])
    if not len(second) or below[-1] <= 0.0:
        return 1.0
    middle = second[order][np.searchsorted(below, below[-1] / 2)]
    low = float(mass[second <= middle].sum() / below[-1])
    return float(np.clip(((best <= middle).mean() + 0.5 / len(best)) / low, 2 * _FEWEST, 1.0))


def _features(score: Floats, lead: Floats, claimed: Floats) -> Matrix:
    clipped = [np.clip(score, -LIMIT, LIMIT), np.clip(lead, -LIMIT, LIMIT), -np.clip(claimed, 0.0, LIMIT)]
    return np.stack([np.ones(len(score)), *clipped], axis=1)


def _none_of_the_rivals(lead: Floats) -> Floats:
    """The share of the best among all that resemble the record: a half beside one that is as good."""
    share: Floats = 1.0 / (1.0 + np.exp2(-np.clip(lead, -50.0, 50.0)))
    return share


def _within(bits: float, least: float, most: float = LIMIT) -> float:
    return min(max(bits, least), most)


def _probability(bits: Floats) -> Floats:
    odds: Floats = 1.0 / (1.0 + np.exp2(-np.clip(bits, -60.0, 60.0)))
    return odds


_STIFF = np.array([0.02, 1.0, 1.0, 1.0])  # the base may move most freely: shares of matches differ most


def _fit(design: Matrix, known: Floats, mass: Floats, weights: Floats, start: Floats) -> Floats:
    """A few Newton steps of a logistic regression in bits, held back towards ``start``."""
    stiff = INERTIA * _STIFF * np.array([1.0, 100.0, 100.0, 100.0])  # one step of ten bits is one unit
    for _ in range(3):
        expected = _probability(design @ weights)
        slope = _LN2 * design.T @ (mass * (known - expected)) - _LN2**2 * stiff * (weights - start)
        spread = mass * expected * (1.0 - expected) + 1e-9
        curve = _LN2**2 * ((design * spread[:, None]).T @ design + np.diag(stiff))
        weights = weights + np.clip(np.linalg.solve(curve, slope), -3.0, 3.0)
    return weights
