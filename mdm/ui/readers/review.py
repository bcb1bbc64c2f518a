"""The review queue, and one work item with its candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

import matching
from mdm.known import Known
from mdm.models import GoldenRecord, Policy, User, WorkItem
from mdm.policies import is_critical
from mdm.ui.readers import work
from mdm.ui.readers.compare import Comparison

SHOWN = 50
VIEWS = ("mine", "team", "later")


@dataclass(frozen=True, slots=True)
class Entry:
    item: WorkItem
    overdue: bool
    soon: bool  # due within a working day


@dataclass(frozen=True, slots=True)
class Queue:
    view: str
    domain: str
    entries: tuple[Entry, ...]
    counts: dict[str, int]
    decided: int  # by this user, today

    @property
    def first(self) -> WorkItem | None:
        return self.entries[0].item if self.entries else None

    def after(self, pk: int, step: int = 1) -> WorkItem | None:
        """The neighbour of an item; the first one when the item isn't shown here."""
        keys = [entry.item.pk for entry in self.entries]
        if pk not in keys:
            return self.first
        at = keys.index(pk) + step
        return self.entries[at].item if 0 <= at < len(keys) else None

    @property
    def total(self) -> int:
        return self.counts[self.view]


def queue(user: User, view: str, domain: str = "") -> Queue:
    """Reviews of one view, most urgent first. Five queries, whatever the number of items."""
    rows = WorkItem.objects.filter(kind__in=work.REVIEWS)
    if domain:
        rows = rows.filter(domain=domain)
    views = {name: _in_view(rows, name, user) for name in VIEWS}
    view = view if view in VIEWS else "team"
    shown = views[view].select_related("source__code_system__system", "golden", "other", "assignee")
    items = shown.defer(
        "candidates",
        "details",
        "source__raw",
        "source__values",
        "source__standardised",
        "golden__provenance",
        "other__provenance",
    )
    entries = tuple(_entry(item) for item in items[:SHOWN])
    return Queue(view, domain, entries, {name: v.order_by().count() for name, v in views.items()}, _decided_today(user))


def _in_view(rows: QuerySet[WorkItem], view: str, user: User) -> QuerySet[WorkItem]:
    if view == "later":
        return rows.filter(state=WorkItem.State.SNOOZED)
    rows = rows.filter(state=WorkItem.State.OPEN)
    return rows.filter(assignee=user) if view == "mine" else rows


def _entry(item: WorkItem) -> Entry:
    left = (item.due_at - timezone.now()).total_seconds() if item.due_at else None
    overdue = left is not None and left < 0
    return Entry(item, overdue, soon=left is not None and not overdue and left < 8 * 3600)


def _decided_today(user: User) -> int:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return WorkItem.objects.filter(resolved_at__gte=midnight, resolved_by=user, kind__in=work.REVIEWS).count()


def screen_sides(item: WorkItem, text: str) -> str:
    """The engine's A is the record that was looked up; on the screen A is the golden record and B the incoming one."""
    if item.kind == WorkItem.Kind.POSSIBLE_DUPLICATE:
        return text
    return text.replace("only A", "only \0").replace("only B", "only A").replace("only \0", "only B")


@dataclass(frozen=True, slots=True)
class Candidate:
    item: WorkItem
    golden: GoldenRecord
    stored: Mapping[str, Any]

    @property
    def score(self) -> float:
        return float(self.stored["score"])

    @property
    def probability(self) -> float:
        return float(self.stored["probability"])

    @property
    def vetoes(self) -> list[str]:
        return [screen_sides(self.item, veto) for veto in self.stored.get("vetoes", [])]

    @property
    def evidence(self) -> list[dict[str, Any]]:
        return [e | {"note": screen_sides(self.item, e["note"])} for e in self.stored.get("evidence", [])]


class Review:
    """One item to decide. ``chosen``: the public id of the candidate to compare with, else the best one."""

    def __init__(self, item: WorkItem, chosen: str = "") -> None:
        self.item, self.chosen = item, chosen

    @cached_property
    def candidates(self) -> list[Candidate]:
        """As stored when they were scored, best first; merged ones are shown as their survivor."""
        stored = [c for c in self.item.candidates if c.get("golden")]
        rows = GoldenRecord.objects.select_related("merged_into").in_bulk([c["golden"] for c in stored])
        return [Candidate(self.item, rows[c["golden"]].survivor, c) for c in stored if c["golden"] in rows]

    @cached_property
    def candidate(self) -> Candidate | None:
        named = [c for c in self.candidates if c.golden.public_id == self.chosen]
        return next(iter(named or self.candidates), None)

    @cached_property
    def golden(self) -> GoldenRecord | None:
        """Side A. Of two golden records the one that is the item's subject stays, unless it was chosen as B."""
        if self.item.kind == WorkItem.Kind.POSSIBLE_DUPLICATE:
            return self.item.golden
        return self.candidate.golden if self.candidate else None

    @cached_property
    def comparison(self) -> Comparison | None:
        return Comparison(self.item, self.golden, self.evidence) if self.golden else None

    @property
    def evidence(self) -> list[dict[str, Any]]:
        return self.candidate.evidence if self.candidate else []

    @property
    def runner_up(self) -> Candidate | None:
        others = [c for c in self.candidates if c is not self.candidate]
        return max(others, key=lambda c: c.score, default=None)

    @property
    def margin(self) -> float | None:
        """Bits between this candidate and the next best."""
        if self.candidate is None or self.runner_up is None:
            return None
        return self.candidate.score - self.runner_up.score

    @cached_property
    def thresholds(self) -> tuple[float, float]:
        """Probabilities above which the policy in force asks a person, and links by itself."""
        row = Known().policy(Policy.Kind.MATCH, self.item.domain)
        policy = matching.Policy.from_json(row.body) if row else matching.Policy.default(self.item.domain)
        source = self.item.source
        costs = policy.costs_of(source is not None and is_critical(source.domain, source.values))
        return costs.review, costs.auto


def find(pk: int) -> WorkItem | None:
    rows = WorkItem.objects.filter(pk=pk, kind__in=work.REVIEWS)
    return rows.select_related("source__code_system__system", "golden", "other", "assignee", "resolved_by").first()
