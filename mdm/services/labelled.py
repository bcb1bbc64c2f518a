"""How good rules are on labelled pairs: those that people called the same or not, against what they would link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matching import Policy, Scores
from matching.agreement import Bools
from matching.evaluate import Quality
from matching.train import ENOUGH
from mdm import candidates as pool
from mdm.engine import Engine
from mdm.services import scoring
from mdm.services.labels import labels


@dataclass(frozen=True, slots=True)
class Measure:
    """Links that rules would make by themselves, against the labels. ``silent``: pairs called the same that they would
    not even ask about.
    """

    quality: Quality
    silent: int

    def to_json(self) -> dict[str, Any]:
        return {**self.quality.to_json(), "silent": self.silent}


@dataclass(frozen=True, slots=True)
class Group:
    """Some labelled pairs, and how good the rules in force and the proposed ones are on them."""

    same: int
    different: int
    before: Measure
    after: Measure

    @property
    def enough(self) -> bool:
        """Whether there are labels of each kind enough to say anything."""
        return min(self.same, self.different) >= ENOUGH

    def to_json(self) -> dict[str, Any]:
        sides = {"before": self.before.to_json(), "after": self.after.to_json()}
        return {"same": self.same, "different": self.different, **sides}


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rules in force and proposed, on all labelled pairs and on those that have a critical record.

    A pair is linked as far as its two records alone decide that. People were mostly asked about what was in doubt, so
    these pairs are harder than most; what both rules make of the same pairs can be compared all the same.
    """

    every: Group
    critical: Group

    def to_json(self) -> dict[str, Any]:
        return {
            "wanted": ENOUGH,
            "enough": self.every.enough,
            "every": self.every.to_json(),
            "critical": self.critical.to_json(),
        }


def labelled(engine: Engine, proposed: Policy) -> Labelled:
    """Measure the rules in force and proposed ones on the labels of the engine's domain. Reads only."""
    said = labels(engine.domain)
    pairs, same = list(said), np.fromiter(said.values(), dtype=np.bool_, count=len(said))
    critical = scoring.either_critical(engine.domain, pairs)
    policies = (engine.policy, proposed)
    scored = scoring.score_pairs(engine, pairs, pool.rows(sorted({pk for p in pairs for pk in p})), *policies)
    sides = [
        (same, _linked(policy, scores, critical), scores.bits >= policy.review_bits)
        for policy, scores in zip(policies, scored, strict=True)
    ]
    return Labelled(_group(sides, np.ones_like(same)), _group(sides, critical))


def _linked(policy: Policy, scores: Scores, critical: Bools) -> Bools:
    sure = np.where(critical, policy.sure_score_of(True), policy.sure_score)
    linked: Bools = (scores.bits >= sure) & ~scores.vetoed
    return linked


def _group(sides: Sequence[tuple[Bools, Bools, Bools]], chosen: Bools) -> Group:
    same = sides[0][0][chosen]
    before, after = (_measure(*(column[chosen] for column in side)) for side in sides)
    return Group(int(same.sum()), int((~same).sum()), before, after)


def _measure(same: Bools, linked: Bools, asked: Bools) -> Measure:
    right, wrong, missed = same & linked, ~same & linked, same & ~linked
    return Measure(Quality(int(right.sum()), int(wrong.sum()), int(missed.sum())), int((missed & ~asked).sum()))
