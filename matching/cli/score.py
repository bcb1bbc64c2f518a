"""What was decided about tables, held against a truth."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from typing import Any

from ..bulk import Linked
from ..duplicates import Deduplicated
from ..evaluate import quality
from .tables import Pair

LIKELY = 0.5  # a row in review counts with its best candidate from this probability on


def row_of(key: object) -> int:
    """The row number that a candidate is named by."""
    if not isinstance(key, int):
        raise TypeError("candidates of tables are named by row numbers")
    return key


class Counted:
    """What was decided, as pairs of ids."""

    automatic: set[Pair]
    likely: set[Pair]  # that a steward will probably confirm
    shown: set[Pair]  # that a steward sees
    scored: set[Pair]
    rows: int
    reviewed: int

    def report(self, truth: set[Pair], ignored: set[Pair], seconds: float) -> dict[str, Any]:
        """The figures of ``evaluate``: shares from 0 to 1, rounded to four places; seconds; memory in MB."""
        truth, ignored = self.ordered(truth), self.ordered(ignored)
        all_, auto = quality(self.automatic | self.likely, truth, ignored), quality(self.automatic, truth, ignored)
        reach = quality(self.automatic | self.shown, truth, ignored).recall
        complete = quality(self.scored, truth, ignored).recall
        return {
            "precision": round(all_.precision, 4),
            "recall": round(all_.recall, 4),
            "f1": round(all_.f1, 4),
            "auto_precision": round(auto.precision, 4),
            "auto_recall": round(auto.recall, 4),
            "review_rate": round(self.reviewed / max(1, self.rows), 4),
            "reach": round(reach, 4),
            "pair_completeness": round(complete, 4),
            "pairs_scored": len(self.scored),
            "seconds": round(seconds, 3),
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }

    def ordered(self, pairs: set[Pair]) -> set[Pair]:
        """The pairs as they are counted: as given, or each with its smaller id first."""
        return pairs


class OfLink(Counted):
    """What was decided about two tables."""

    def __init__(self, found: Linked, left: Sequence[str], right: Sequence[str]) -> None:
        doubtful = [(row, d) for row, d in enumerate(found.decisions) if d.outcome == "review"]
        self.automatic = {(left[a], right[b]) for a, b in found.links}
        self.likely = {(left[a], right[row_of(d.ranked[0].key)]) for a, d in doubtful if d.probability >= LIKELY}
        self.shown = {(left[a], right[row_of(one.key)]) for a, d in doubtful for one in d.ranked}
        self.scored = {(left[a], right[b]) for a, b in zip(found.left.tolist(), found.right.tolist(), strict=True)}
        self.rows, self.reviewed = len(left), len(doubtful)


class OfDuplicates(Counted):
    """What was decided about one table; a pair has no order."""

    def __init__(self, found: Deduplicated, ids: Sequence[str]) -> None:
        pairs = zip(found.left.tolist(), found.right.tolist(), strict=True)
        named = [
            self.ordered({(ids[a], ids[b]) for a, b in some}) for some in (found.pairs, found.likely, found.reviews)
        ]
        self.automatic, self.likely, self.shown = named
        self.scored = self.ordered({(ids[a], ids[b]) for a, b in pairs})
        self.rows, self.reviewed = len(ids), len({row for pair in found.reviews for row in pair})

    def ordered(self, pairs: set[Pair]) -> set[Pair]:
        """The pairs, each with its smaller id first."""
        return {(min(pair), max(pair)) for pair in pairs}
