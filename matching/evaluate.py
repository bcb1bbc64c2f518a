"""How good decisions are, against a truth: precision, recall, F1, with intervals."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

Pair = tuple[Hashable, Hashable]


@dataclass(frozen=True)
class Quality:
    """Counts and what follows from them; the intervals are Wilson's at 95 %."""

    true_positive: int
    false_positive: int
    false_negative: int

    @property
    def precision(self) -> float:
        """The share of what was found that is true, 0 to 1."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """The share of what is true that was found, 0 to 1."""
        return _share(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _share(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """At 95 %, by name. F1 is no proportion, but 2 F / (1 + F) of one: of the share of right ones in all that was
        found or is true (F*; Hand, Christen and Kirielle 2021), whose interval is carried over.
        """
        right, wrong, missed = self.true_positive, self.false_positive, self.false_negative
        low, high = wilson(right, right + wrong + missed)
        return {
            "precision": wilson(right, right + wrong),
            "recall": wilson(right, right + missed),
            "f1": (2 * low / (1 + low), 2 * high / (1 + high)),
        }

    def to_json(self) -> dict[str, Any]:
        """Everything, rounded to four decimals."""
        values = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return {
            **asdict(self),
            **{name: round(value, 4) for name, value in values.items()},
            **{f"{name}_interval": [round(x, 4) for x in pair] for name, pair in self.intervals.items()},
        }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a proportion (Wilson 1927); (0, 1) without trials."""
    if not trials:
        return 0.0, 1.0
    p, square = successes / trials, z * z
    middle = (p + square / (2 * trials)) / (1 + square / trials)
    half = z / (1 + square / trials) * math.sqrt(p * (1 - p) / trials + square / (4 * trials * trials))
    return max(0.0, middle - half), min(1.0, middle + half)


def quality(predicted: Iterable[Pair], truth: Iterable[Pair], ignore: Iterable[Pair] = ()) -> Quality:
    """Predicted pairs against true ones. Pairs to ``ignore`` count neither for nor against."""
    dropped = set(ignore)
    found, wanted = set(predicted) - dropped, set(truth) - dropped
    return Quality(len(found & wanted), len(found - wanted), len(wanted - found))
