"""Figures from few decisions, honest about how few: shares, and how far two people agree beyond chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .evaluate import wilson

ENOUGH = 30  # decisions below which a figure is shown as not yet reliable


@dataclass(frozen=True)
class Share:
    """``part`` of ``whole`` decisions, with Wilson's interval at 95 %.

    ``factor``: what a share of all has to be multiplied by, where the decisions were sampled from a part of all.
    """

    part: int
    whole: int
    factor: float = 1.0

    @property
    def estimate(self) -> float | None:
        """The share, times ``factor``; None without decisions."""
        return self.factor * self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        """(low, high) at 95 %, times ``factor``."""
        low, high = wilson(self.part, self.whole)
        return self.factor * low, self.factor * high

    @property
    def enough(self) -> bool:
        """Whether there are decisions enough to rely on it."""
        return self.whole >= ENOUGH

    def to_json(self) -> dict[str, Any]:
        """Counts and what follows from them, rounded to four decimals."""
        return {
            "part": self.part,
            "whole": self.whole,
            "estimate": None if self.estimate is None else round(self.estimate, 4),
            "interval": [round(x, 4) for x in self.interval],
            "enough": self.enough,
        }


@dataclass(frozen=True)
class Agreement:
    """Counts of yes and no answers: of the first, then of the second."""

    yes_yes: int
    yes_no: int
    no_yes: int
    no_no: int

    @classmethod
    def of(cls, answers: Iterable[tuple[bool, bool]]) -> Agreement:
        """From (first's answer, second's answer) of each question."""
        given = list(answers)
        return cls(*(given.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))))

    @property
    def total(self) -> int:
        """How many questions were answered twice."""
        return self.yes_yes + self.yes_no + self.no_yes + self.no_no

    @property
    def agreed(self) -> int:
        """How many of them alike."""
        return self.yes_yes + self.no_no

    @property
    def by_chance(self) -> float:
        """The agreement to expect of two who say yes as often as these, whatever they are asked."""
        first, second = self.yes_yes + self.yes_no, self.yes_yes + self.no_yes
        return (first * second + (self.total - first) * (self.total - second)) / self.total**2

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa (1960): 1 is perfect, 0 chance; None where chance alone would agree on everything."""
        if not self.total or self.by_chance == 1.0:
            return None
        return (self.agreed / self.total - self.by_chance) / (1.0 - self.by_chance)

    @property
    def kappa_interval(self) -> tuple[float, float] | None:
        """At 95 %, by Cohen's standard error."""
        if self.kappa is None:
            return None
        raw = self.agreed / self.total
        half = 1.96 * math.sqrt(raw * (1.0 - raw) / self.total) / (1.0 - self.by_chance)
        return max(-1.0, self.kappa - half), min(1.0, self.kappa + half)

    def to_json(self) -> dict[str, Any]:
        """Counts and what follows from them, rounded to four decimals."""
        interval = self.kappa_interval
        return {
            "questions": self.total,
            "agreed": self.agreed,
            "agreement": round(self.agreed / self.total, 4) if self.total else None,
            "agreement_interval": [round(x, 4) for x in wilson(self.agreed, self.total)],
            "kappa": None if self.kappa is None else round(self.kappa, 4),
            "kappa_interval": None if interval is None else [round(x, 4) for x in interval],
        }
