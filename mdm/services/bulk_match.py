"""A whole domain compared: what rarity and scores mean in it, and the scores of all that is pending."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from matching import Scores, Statistics
from matching.bulk import most
from matching.calibration import Calibration
from matching.columns import Tables
from matching.duplicates import PAIRS, calibrated, cluster
from mdm.arrays import Array
from mdm.engine import Engine, engine_for, has_grown, store_frequencies
from mdm.models import CodeSystem, Frequencies
from mdm.services import calibrate
from mdm.snapshot import Snapshot

SAMPLE = 10_000  # records whose candidates tell what scores mean

Ints = NDArray[np.int64]


class Matcher:
    """The records of a snapshot, ready to be compared."""

    def __init__(self, engine: Engine, snapshot: Snapshot) -> None:
        self.engine, self.snapshot = engine, snapshot

    @cached_property
    def tables(self) -> Tables:
        table, spaces, statistics = self.snapshot.table, self.engine.recipe.spaces, self.engine.statistics
        columns = {name: (table.columns[name], table.columns[name]) for name in spaces}
        return Tables(columns, self.snapshot.vocabularies, spaces, statistics.rarity, statistics.prior)

    @cached_property
    def _clean(self) -> Array:
        """Per record, its code system if that is declared free of duplicates, else 0."""
        clean = list(CodeSystem.objects.filter(deduplicated=True).values_list("pk", flat=True))
        systems = self.snapshot.facts.code_systems
        return np.where(np.isin(systems, clean), systems, 0)

    def warm(self) -> None:
        """Compute what every comparison needs, before other processes are to share it."""
        self.compare(np.arange(min(self.snapshot.table.size, 100)))

    def compare(self, rows: Ints) -> tuple[Ints, Ints, Scores]:
        """These rows with their candidates: (row, row of the candidate), scored; some pairs in both orders."""
        found = self.snapshot.index.duplicates(rows, best=most(self.snapshot.table.size))
        clean, goldens = self._clean, self.snapshot.facts.goldens
        pointless = (clean[found.left] > 0) & (clean[found.left] == clean[found.right])
        pointless |= (goldens[found.left] > 0) & (goldens[found.left] == goldens[found.right])
        left, right = found.left[~pointless], found.right[~pointless]
        engine = self.engine
        return left, right, engine.recipe.score_pairs(self.tables, left, right, engine.statistics, engine.policy)

    def pairs(self, rows: Ints) -> dict[str, Array]:
        """What is worth keeping of ``compare``: source ids ``one`` and ``two``, the golden records that they have (0 if
        none), ``bits`` and ``vetoed``.
        """
        left, right, scores = self.compare(rows)
        worth = scores.bits >= self.engine.policy.review_bits
        one, two, facts = left[worth], right[worth], self.snapshot.facts
        return {
            "one": facts.ids[one],
            "two": facts.ids[two],
            "golden_one": facts.goldens[one],
            "golden_two": facts.goldens[two],
            "bits": scores.bits[worth],
            "vetoed": scores.vetoed[worth],
        }


def learned(domain: str, snapshot: Snapshot) -> Engine:
    """The engine, with frequencies and calibration learned anew if the domain has grown since the last time."""
    if has_grown(domain, snapshot.table.size):
        recipe = engine_for(domain).recipe
        statistics = Statistics.of_table(recipe, snapshot.table, snapshot.vocabularies)
        store_frequencies(domain, statistics, snapshot.index.common)
        calibration = _learn(Matcher(engine_for(domain), snapshot))
        latest = Frequencies.objects.filter(domain=domain).order_by("-version").values("pk")[:1]
        Frequencies.objects.filter(pk__in=latest).update(calibration=calibration and calibration.to_json())
    return engine_for(domain)


def _learn(matcher: Matcher) -> Calibration | None:
    """What scores mean: against golden records where enough of the pending resemble one, else among all records."""
    facts = matcher.snapshot.facts
    waiting = np.flatnonzero(facts.pending & (facts.goldens == 0))
    left, right, scores = matcher.compare(waiting[:: max(1, len(waiting) // SAMPLE)])
    known = facts.goldens[right] > 0
    if len(np.unique(left[known])) >= calibrate.ENOUGH:
        domain = matcher.engine.domain
        return calibrate.among_goldens(domain, left[known], facts.goldens[right[known]], _some(scores, known))
    if len(np.unique(left)) >= calibrate.ENOUGH:
        return _among_all(matcher, left, right, scores)
    return None


def _some(scores: Scores, which: NDArray[np.bool_]) -> Scores:
    return Scores(scores.bits[which], scores.vetoed[which])


def _among_all(matcher: Matcher, left: Ints, right: Ints, scores: Scores) -> Calibration:
    """Any record may be the same as several others: pairs are clustered as in a table of its own."""
    rows, place = np.unique(np.concatenate([left, right]), return_inverse=True)
    one, two = np.split(place, 2)
    policy = replace(matcher.engine.policy, calibration=PAIRS)
    group = cluster(len(rows), one, two, scores, PAIRS.score_for(0.9))
    return calibrated(one, two, scores, group, policy).calibration
