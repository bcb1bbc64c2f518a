"""Competition: what a pair's score is worth beside its rivals.

A record of the left table is one thing, so the right records that resemble it compete for it; and unless the left
source repeats itself, the left records that resemble one right record compete for that. Both are weighed at once by
passing messages between the two sides (max-product's softer kin, as for matchings in a bipartite graph; Bayati, Shah
and Sharma 2008): what a right record is worth to others is taken off before a left record chooses, and the other way
round, until nothing moves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .columns import Floats, Ints

KAPPA = 0.5  # evidence in bits overlaps: half of a difference in score counts between rivals
NOTHING = -25.0  # bits: a rival weaker than this is none
ROUNDS = 10
_FAR = 300.0  # exponents are kept within ± this


@dataclass(frozen=True)
class Standing:
    """How each pair stands among its rivals, in bits.

    ``adjusted``: its score less what others make of its right record; ``lead``: how far that is ahead of the left
    record's other candidates together; ``claimed``: what others make of its right record, 0 or more.
    """

    adjusted: Floats
    lead: Floats
    claimed: Floats


class _Side:
    """Pairs grouped by the record of one side; sums over the other pairs of the same record."""

    def __init__(self, rows: Ints) -> None:
        self.rows = rows
        self.size = int(rows.max()) + 1 if len(rows) else 0

    def rivals(self, bits: Floats) -> Floats:
        """Per pair, all others of its record together, above ``NOTHING``: bits, 0 or more."""
        mass = np.exp2(np.clip(KAPPA * bits, -_FAR, _FAR))
        others = np.maximum(np.bincount(self.rows, mass, self.size)[self.rows] - mass, 0.0)
        together: Floats = np.log2(others + 2.0 ** (KAPPA * NOTHING)) / KAPPA - NOTHING
        return together


def compete(left: Ints, right: Ints, bits: Floats, *, sharing: float) -> Standing:
    """Weigh the pairs (``left[i]``, ``right[i]``) against each other.

    Args:
        sharing: bits that a second left record of one right record costs; infinite where the left source is clean.
    """
    rows, columns = _Side(left), _Side(right)
    claimed = np.zeros(len(bits))
    for step in range(ROUNDS):
        crowd = np.minimum(columns.rivals(bits - rows.rivals(bits - claimed)), sharing)
        claimed = crowd if step == 0 else (claimed + crowd) / 2  # damped, or it may swing
    adjusted = bits - claimed
    return Standing(adjusted, lead_within(left, adjusted), claimed)


def lead_within(rows: Ints, bits: Floats) -> Floats:
    """How far each pair is ahead of the other pairs of its row together (minus infinity: a pair that is none)."""
    lead: Floats = bits - _Side(rows).rivals(bits) - NOTHING
    return lead


def lead_over(score: float, rivals: Iterable[float]) -> float:
    """How far, in bits, a score is ahead of its rivals together; of nobody, it is ahead of ``NOTHING``."""
    together = sum(2.0 ** min(max(KAPPA * (rival - score), -_FAR), _FAR) for rival in (*rivals, NOTHING))
    return -math.log2(together) / KAPPA


def sharing_cost(right: Ints) -> float:
    """Bits that a second left record of one right record costs. ``right``: the right record of each certain pair."""
    claims = np.bincount(right) if len(right) else np.zeros(1, dtype=np.int64)
    taken, shared = int((claims > 0).sum()), int((claims > 1).sum())
    return float(np.log2((taken + 2) / (shared + 1)) / KAPPA)
