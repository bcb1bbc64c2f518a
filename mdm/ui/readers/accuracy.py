"""How good matching and its stewards are, with intervals; and how far label batches are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from matching.measures import Agreement, Share
from mdm.canonical import DOMAINS
from mdm.models import Check, LabelBatch
from mdm.services import accuracy as measures
from mdm.services import double_review, labels
from mdm.ui import charts

BATCHES = 8


@dataclass(frozen=True, slots=True)
class Figure:
    """A share, in figures and as drawn."""

    label: str
    what: str
    share: Share

    @property
    def drawn(self) -> charts.Gauge:
        return charts.Gauge(self.share.estimate or 0.0, *self.share.interval)


@dataclass(frozen=True, slots=True)
class Batch:
    batch: LabelBatch
    progress: labels.Progress


class Accuracy:
    def __init__(self, domain: str) -> None:
        self.spec = DOMAINS[domain]

    @cached_property
    def measured(self) -> measures.Accuracy:
        return measures.accuracy(self.spec.name)

    @property
    def figures(self) -> list[Figure]:
        found = self.measured
        return [
            Figure("Precision", "of automatic links, those that are right", found.precision),
            Figure("Recall", "of known links, those made by itself", found.recall),
            Figure("Recall with reviews", "or asked about", found.recall_with_reviews),
            Figure("Review rate", "of records, those that a steward was asked about", found.review_rate),
        ]

    @cached_property
    def stewards(self) -> double_review.Stewards:
        return double_review.agreement(self.spec.name)

    @property
    def pairs(self) -> list[tuple[tuple[str, str], Agreement]]:
        return list(self.stewards.pairs.items())

    @property
    def errors(self) -> list[tuple[str, Share]]:
        return list(self.stewards.errors_by.items())

    @cached_property
    def batches(self) -> list[Batch]:
        rows = LabelBatch.objects.filter(domain=self.spec.name).select_related("author")[:BATCHES]
        return [Batch(row, labels.progress(row)) for row in rows]

    @cached_property
    def waiting(self) -> dict[str, int]:
        """Open questions by kind."""
        rows = Check.objects.filter(domain=self.spec.name, answered_at__isnull=True).order_by()
        return {kind.label: rows.filter(kind=kind).count() for kind in Check.Kind}

    @cached_property
    def labelled(self) -> tuple[int, int]:
        """Pairs that people called the same, and not the same."""
        said = labels.labels(self.spec.name).values()
        return sum(said), len(said) - sum(said)
