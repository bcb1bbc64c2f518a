"""A recipe: how the records of one domain are standardised, found, compared and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .columns import Bools, Floats, Ints, Tables
from .compare import Comparator, Finding
from .model import Policy, Statistics
from .records import LEVELS, Comparison, Evidence, Std, Values

_CHUNK = 20_000  # pairs compared at once: bounds memory at some tens of MB


@dataclass(frozen=True)
class Scores:
    """Scores of pairs, in bits, and whether anything vetoes an automatic link."""

    bits: Floats
    vetoed: Bools


def _never(values: Values) -> bool:
    return False


@dataclass(frozen=True)
class Recipe:
    """One domain. ``spaces``: every column of a standardised record and the space its tokens are counted in.
    ``critical``: whether mistakes about a record cost what ``Policy.critical`` says. ``tied``: kind of key → the fields
    that agree where two records share one, as they make it. ``candidates``: how many of a record are scored at most
    where it is linked to golden records, which have no duplicates among them.
    """

    domain: str
    standardise: Callable[[Values], Std]
    keys: Callable[[Std], list[str]]
    spaces: Mapping[str, str]
    comparators: tuple[Comparator, ...]
    policy: Policy
    critical: Callable[[Values], bool] = _never
    tied: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    candidates: int = 60

    @property
    def vetoes(self) -> dict[str, str]:
        """Fields in which a contradiction vetoes an automatic link, and how that is said."""
        return {comparator.field: comparator.conflict for comparator in self.comparators if comparator.conflict}

    def tables(self, left: Sequence[Std], right: Sequence[Std], stats: Statistics) -> Tables:
        """The two lists of records as columns, to score many pairs of them."""
        return Tables.of(left, right, self.spaces, stats.rarity, stats.prior)

    def score_pairs(self, tables: Tables, left: Ints, right: Ints, stats: Statistics, policy: Policy) -> Scores:
        """Score pairs of rows of ``tables``: (``left[i]``, ``right[i]``)."""
        bits, vetoed = np.empty(len(left)), np.empty(len(left), dtype=np.bool_)
        for start in range(0, len(left), _CHUNK):
            part = slice(start, start + _CHUNK)
            findings = self.find(tables, left[part], right[part], policy)
            bits[part] = _total(findings, stats, len(left[part]))
            vetoed[part] = np.any([f.veto for f in findings if f.veto is not None], axis=0)
        return Scores(bits, vetoed)

    def scores(self, query: Std, candidates: Sequence[Std], stats: Statistics, policy: Policy) -> Floats:
        """Bits for ``query`` against each candidate: the same numbers as ``compare(...).score``."""
        return self.judge(query, candidates, stats, policy).bits

    def judge(self, query: Std, candidates: Sequence[Std], stats: Statistics, policy: Policy) -> Scores:
        """Scores and vetoes for ``query`` against each candidate."""
        rows = np.arange(len(candidates))
        tables = self.tables([query], candidates, stats)
        return self.score_pairs(tables, np.zeros_like(rows), rows, stats, policy)

    def compare(self, a: Std, b: Std, stats: Statistics, policy: Policy) -> Comparison:
        """Two records in full: score, evidence in words, vetoes."""
        return self.compare_all([(a, b)], stats, policy)[0]

    def compare_all(self, pairs: Sequence[tuple[Std, Std]], stats: Statistics, policy: Policy) -> list[Comparison]:
        """Pairs of records in full, together: the same as ``compare`` for each, for a fraction of the time."""
        if not pairs:
            return []
        rows = np.arange(len(pairs))
        tables = self.tables([a for a, _ in pairs], [b for _, b in pairs], stats)
        findings = self.find(tables, rows, rows, policy)
        bits = _total(findings, stats, len(pairs))
        prior = Evidence("prior", "Before looking", "empty", 0.0, _prior(stats), _PRIOR_NOTE)
        comparisons = []
        for i, (a, b) in enumerate(pairs):
            said = [_evidence(c, f, i, a, b) for c, f in zip(self.comparators, findings, strict=True)]
            vetoes = [e.note for e, f in zip(said, findings, strict=True) if f.veto is not None and f.veto[i]]
            comparisons.append(Comparison(float(bits[i]), (prior, *said), tuple(vetoes)))
        return comparisons

    def find(self, tables: Tables, left: Ints, right: Ints, policy: Policy) -> list[Finding]:
        """What every comparator says of pairs of rows of ``tables``, in the order of ``comparators``."""
        pairs = tables.pairs(left, right)
        return [comparator.find(pairs, policy.weights) for comparator in self.comparators]


_PRIOR_NOTE = "the chance that a record picked at random is the one looked for"


def _prior(stats: Statistics) -> float:
    return round(stats.prior, 3)


def _total(findings: Sequence[Finding], stats: Statistics, size: int) -> Floats:
    """The prior and every finding, added in the order of the evidence."""
    total = np.full(size, _prior(stats))
    for found in findings:
        total = total + found.bits
    return total


def _evidence(comparator: Comparator, found: Finding, i: int, a: Std, b: Std) -> Evidence:
    level = int(found.level[i])
    veto = found.veto is not None and bool(found.veto[i])
    note = comparator.note(level, veto, a, b)
    shown = comparator.show(a), comparator.show(b)
    similarity = round(float(found.similarity[i]), 4)
    return Evidence(comparator.field, comparator.label, LEVELS[level], similarity, float(found.bits[i]), note, *shown)
