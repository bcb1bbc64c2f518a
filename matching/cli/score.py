"""What was decided about tables, held against a truth."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bulk import Linked
from ..columns import Ints
from ..duplicates import Deduplicated
from ..evaluate import Quality
from .tables import Pair

Codes = NDArray[np.int64]  # sorted, each once
LIKELY = 0.5  # a row in review counts with its best candidate from this probability on


def row_of(key: object) -> int:
    """The row number that a candidate is named by."""
    if not isinstance(key, int):
        raise TypeError("candidates of tables are named by row numbers")
    return key


class Counted:
    """What was decided, as pairs of row numbers, each pair as one number: a million records make ten million pairs."""

    automatic: Codes
    likely: Codes  # that a steward will probably confirm
    shown: Codes  # that a steward sees
    scored: Codes
    reviewed: int
    same = False  # one table: the order of a pair says nothing

    def __init__(self, left: Sequence[str], right: Sequence[str]) -> None:
        self.rows = len(left)
        self._names = [{name: row for row, name in enumerate(ids)} for ids in ([left] if self.same else [left, right])]
        self._span = 1 << 32

    def report(self, truth: set[Pair], ignored: set[Pair], seconds: float) -> dict[str, Any]:
        """The figures of ``evaluate``: shares from 0 to 1, rounded to four places; seconds; memory in MB."""
        true, dropped = self._named(truth), self._named(ignored)
        all_ = _quality(np.union1d(self.automatic, self.likely), true, dropped)
        auto = _quality(self.automatic, true, dropped)
        reach = _quality(np.union1d(self.automatic, self.shown), true, dropped).recall
        complete = _quality(self.scored, true, dropped).recall
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

    def codes(self, pairs: Iterable[tuple[int, int]]) -> Codes:
        """Pairs of row numbers as numbers, each once, in order."""
        flat = np.fromiter((row for pair in pairs for row in pair), dtype=np.int64)
        return self.coded(flat[::2], flat[1::2])

    def coded(self, left: Ints, right: Ints) -> Codes:
        """Row numbers of both sides of pairs, likewise."""
        if self.same:
            left, right = np.minimum(left, right), np.maximum(left, right)
        return np.unique(left.astype(np.int64) * self._span + right)

    def _named(self, pairs: set[Pair]) -> Codes:
        """Pairs of ids; an id that no row has counts as a row that nobody found."""
        one, two = self._names[0], self._names[-1]
        return self.codes((one.setdefault(a, len(one)), two.setdefault(b, len(two))) for a, b in pairs)


def _quality(predicted: Codes, truth: Codes, ignored: Codes) -> Quality:
    found, wanted = (np.setdiff1d(codes, ignored, assume_unique=True) for codes in (predicted, truth))
    right = len(np.intersect1d(found, wanted, assume_unique=True))
    return Quality(right, len(found) - right, len(wanted) - right)


class OfLink(Counted):
    """What was decided about two tables."""

    def __init__(self, found: Linked, left: Sequence[str], right: Sequence[str]) -> None:
        super().__init__(left, right)
        doubtful = [(row, d) for row, d in enumerate(found.decisions) if d.outcome == "review"]
        self.automatic = self.codes(found.links)
        self.likely = self.codes((a, row_of(d.ranked[0].key)) for a, d in doubtful if d.probability >= LIKELY)
        self.shown = self.codes((a, row_of(one.key)) for a, d in doubtful for one in d.ranked)
        self.scored = self.coded(found.left, found.right)
        self.reviewed = len(doubtful)


class OfDuplicates(Counted):
    """What was decided about one table."""

    same = True

    def __init__(self, found: Deduplicated, ids: Sequence[str]) -> None:
        super().__init__(ids, ids)
        self.automatic, self.likely = self.codes(found.pairs), self.codes(found.likely)
        self.shown, self.scored = self.codes(found.reviews), self.coded(found.left, found.right)
        self.reviewed = len({row for pair in found.reviews for row in pair})
