"""What goes in and comes out: canonical values, standardised records, evidence, comparisons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Values = Mapping[str, Any]
"""Canonical field values of one record, as JSON; any field may be absent."""

Std = Mapping[str, Any]
"""A standardised record: column name → list of tokens. Nothing but JSON, so that it can be stored."""

Level = Literal["exact", "reformatted", "similar", "different", "empty"]
LEVELS: tuple[Level, ...] = ("empty", "different", "similar", "reformatted", "exact")
EMPTY, DIFFERENT, SIMILAR, REFORMATTED, EXACT = range(5)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one field says about two records: ``bits`` > 0 speaks for the same thing, < 0 against; 0 says nothing."""

    field: str
    label: str
    level: Level
    similarity: float
    bits: float
    note: str
    a: str = ""
    b: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two records compared. ``score`` (bits, log2 of the odds) is the sum of the evidence, the prior included."""

    score: float
    evidence: tuple[Evidence, ...]
    vetoes: tuple[str, ...] = ()


def probability(bits: float) -> float:
    """Odds in bits as a probability; safe for any size."""
    return 1.0 / (1.0 + math.pow(2.0, -max(-1000.0, min(1000.0, bits))))
