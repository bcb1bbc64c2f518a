"""Learning from labelled pairs: new weights, and what the scores then mean.

The model is the engine's own: a field's bits, split into what speaks for and what speaks against sameness, each times a
factor. A logistic regression finds the factors, held towards 1 so that few labels change little; the weights of the
policy are then multiplied by them. So a trained score is still the sum of the evidence that a steward is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .calibration import Calibration
from .columns import Floats
from .decide import Costs
from .model import Policy, Statistics
from .recipe import Recipe
from .records import Comparison, Std

ENOUGH = 30  # labels of each kind below which nothing can be said
FOLDS = 5  # of the cross-validation
FIRMNESS = 100.0  # precision of the belief that a factor is 1: some 15 labels that contradict 10 bits move it by 1
STEADINESS = 4.0  # likewise for the offset, per squared bit
LEAST, MOST = 0.25, 3.0  # a factor outside says that a comparator is wrong, which no training mends
_LN2 = math.log(2.0)

Pairs = Sequence[tuple[Std, Std]]


@dataclass(frozen=True)
class Trained:
    """A policy learned from labels, and how good it is.

    ``factors``: field → (for, against), what its weights were multiplied by. ``offset``: bits by which the new scores
    are still too low, which the policy's calibration makes up for.
    ``loss_before``, ``loss_after``: log loss in bits per pair of the old policy, and of pairs that training didn't see.
    """

    policy: Policy
    factors: Mapping[str, tuple[float, float]]
    offset: float
    same: int
    different: int
    loss_before: float
    loss_after: float
    notes: tuple[str, ...]

    @property
    def enough(self) -> bool:
        """Whether there are labels of each kind enough to say anything."""
        return min(self.same, self.different) >= ENOUGH

    def to_json(self) -> dict[str, Any]:
        """Everything but the policy."""
        return {
            "factors": {field: list(pair) for field, pair in self.factors.items()},
            "offset": self.offset,
            "labels": {"same": self.same, "different": self.different},
            "log_loss": {"before": round(self.loss_before, 4), "after": round(self.loss_after, 4)},
            "notes": list(self.notes),
        }


def fit(
    recipe: Recipe,
    statistics: Statistics,
    policy: Policy,
    pairs: Pairs,
    same: Sequence[bool],
    costs: Costs | None = None,
) -> Trained:
    """Learn from labelled pairs.

    Args:
        same: the label of each pair.
        costs: what mistakes cost from now on; by default as in ``policy``.

    Pairs may be chosen by their score, as reviews are: that changes how many there are of a score, not how many of them
    are the same.
    """
    truth = np.asarray(same, dtype=np.float64)
    positive = int(truth.sum())
    fields = [comparator.field for comparator in recipe.comparators]
    parts = split(recipe, statistics, policy, pairs)
    found = _solve(parts, statistics.prior, truth)
    scales, offset = np.round(found[:-1], 4), round(float(found[-1]), 3)
    factors = {f: (float(scales[i]), float(scales[i + len(fields)])) for i, f in enumerate(fields)}
    trained = replace(
        policy,
        weights=scaled(policy.weights, factors),
        calibration=_calibrated(policy.calibration, offset, min(positive, len(truth) - positive)),
        costs=costs or policy.costs,
    )
    before = _loss(statistics.prior + parts.sum(axis=1), truth)
    after = _cross_validated(parts, statistics.prior, truth)
    return Trained(
        policy=trained,
        factors=factors,
        offset=offset,
        same=positive,
        different=len(truth) - positive,
        loss_before=before,
        loss_after=after,
        notes=_notes(positive, len(truth) - positive, before, after),
    )


def _calibrated(calibration: Calibration, offset: float, labels: int) -> Calibration:
    """What trained scores mean: with the offset they are log-odds, of which leads and claims tell their old share.
    Taken half-way where there are just enough labels of the rarer kind, so that few change little.
    """
    trained = replace(calibration, score=1.0 - calibration.lead).through(-offset, 0.5)
    return calibration.towards(trained, labels / (labels + ENOUGH))


def _notes(same: int, different: int, before: float, after: float) -> tuple[str, ...]:
    notes = []
    if min(same, different) < ENOUGH:
        notes.append(
            f"{same} pairs that are the same and {different} that are not are too few to say anything: "
            f"{ENOUGH} of each are wanted"
        )
    if after >= before:
        notes.append("on pairs that it has not seen, it is no better than the rules in force")
    return tuple(notes)


def speaks_against(name: str, value: float) -> bool:
    """Whether a weight is of what speaks against sameness: negative bits, or a share of what one side alone has."""
    return value < 0 or name.rpartition(".")[2] in ("miss", "extra")


def scaled(weights: Mapping[str, float], factors: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Weights times the factor (for, against) of their field; those of other fields as they are."""

    def scale(name: str, value: float) -> float:
        speaks_for, against = factors.get(name.rpartition(".")[0], (1.0, 1.0))
        return round(value * (against if speaks_against(name, value) else speaks_for), 6)

    return {name: scale(name, value) for name, value in weights.items()}


def split(recipe: Recipe, statistics: Statistics, policy: Policy, pairs: Pairs) -> Floats:
    """Bits of each pair (row): what speaks for, a column a field, then what speaks against. With the prior, a row adds
    up to the score.
    """
    muted = {name: 0.0 if speaks_against(name, value) else value for name, value in policy.weights.items()}
    whole = _by_field(recipe, recipe.compare_all(pairs, statistics, policy))
    positive = _by_field(recipe, recipe.compare_all(pairs, statistics, replace(policy, weights=muted)))
    return np.hstack([positive, whole - positive])


def _by_field(recipe: Recipe, comparisons: Sequence[Comparison]) -> Floats:
    said = [[e.bits for e in comparison.evidence if e.field != "prior"] for comparison in comparisons]
    return np.array(said, dtype=np.float64).reshape(len(said), len(recipe.comparators))


def _solve(parts: Floats, prior: float, truth: Floats) -> Floats:
    """The factors and, last, the offset: penalised maximum likelihood by Newton's method (IRLS)."""
    design = np.hstack([parts, np.ones((len(parts), 1))]) * _LN2
    centre = np.append(np.ones(parts.shape[1]), 0.0)
    hold = np.append(np.full(parts.shape[1], FIRMNESS), STEADINESS)
    found = centre.copy()
    for _ in range(50):
        chance = _chance(prior * _LN2 + design @ found)
        slope = design.T @ (chance - truth) + hold * (found - centre)
        curve = (design.T * (chance * (1.0 - chance))) @ design + np.diag(hold)
        step = np.linalg.solve(curve, slope)
        found = found - step * min(1.0, 0.5 / float(np.abs(step).max(initial=1e-12)))  # never leaps over the valley
        if float(np.abs(step).max()) < 1e-9:
            break
    found[:-1] = np.clip(found[:-1], LEAST, MOST)
    return found


def _chance(nats: Floats) -> Floats:
    chance: Floats = 1.0 / (1.0 + np.exp(-np.clip(nats, -500.0, 500.0)))
    return chance


def _loss(bits: Floats, truth: Floats) -> float:
    """Mean log loss in bits; 1 is a coin's, 0 without pairs."""
    if not len(truth):
        return 0.0
    wrong = np.where(truth > 0.5, -bits, bits)
    return float(np.mean(np.logaddexp2(0.0, wrong)))


def _cross_validated(parts: Floats, prior: float, truth: Floats) -> float:
    """Log loss of pairs scored by what was learned from the others; both kinds are spread evenly over the folds."""
    order = np.argsort(truth, kind="stable")
    fold = np.empty(len(truth), dtype=np.int64)
    fold[order] = np.arange(len(truth)) % FOLDS
    bits = np.empty(len(truth))
    for k in range(FOLDS):
        seen, unseen = fold != k, fold == k
        found = _solve(parts[seen], prior, truth[seen])
        bits[unseen] = prior + parts[unseen] @ found[:-1] + found[-1]
    return _loss(bits, truth)
