"""One version's way: what systems sent, how it was recognised, who decided, which version came of it, who was told.

Read from what is there anyway: source records, work items, change events and attempts. Nothing is recorded for it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.urls import reverse

from mdm import past
from mdm.canonical import DOMAINS
from mdm.models import AuditEntry, ChangeEvent, GoldenRecord, SourceRecord, SourceRevision, WorkItem
from mdm.ui import charts, words
from mdm.ui.readers import work
from sync.models import Attempt, FeedRun, Lane
from sync.ui import waits

EACH = 25  # hops of a kind
BEGINNING = dt.datetime.min.replace(tzinfo=dt.UTC)
AGAIN = (Attempt.Outcome.RETRY, Attempt.Outcome.UNKNOWN)
STOPPED = (Attempt.Outcome.REJECTED, *AGAIN)


@dataclass(frozen=True, slots=True)
class Hop:
    """One step. ``tone``: "" went on, stop it didn't, person somebody decided."""

    at: dt.datetime
    place: str  # the system or part of Concord where it happened
    title: str
    text: str = ""
    url: str = ""
    tone: str = ""
    seconds: float | None = None  # it took


class Trace:
    """How a golden record came to one of its versions, and where that went."""

    def __init__(self, record: GoldenRecord, event: ChangeEvent) -> None:
        self.record, self.event = record, event

    @cached_property
    def since(self) -> dt.datetime:
        before = past.event_of(self.record, self.event.version - 1)
        return before.recorded_at if before else BEGINNING

    @cached_property
    def hops(self) -> list[Hop]:
        """Every step in the order of time; seven queries at most."""
        steps = [*self._received(), *self._asked(), *self._recognised(), self._version(), *self._told()]
        return sorted(steps, key=lambda hop: hop.at)

    @property
    def seconds(self) -> float:
        return (self.hops[-1].at - self.hops[0].at).total_seconds()

    @property
    def waited(self) -> float:
        """Seconds in which people were to decide something."""
        return self._covered(self._for_people)

    @property
    def machine(self) -> float:
        """Seconds in which neither people nor, as far as is known, targets held it up."""
        for_targets = waits.for_targets(self._attempts, self.event.recorded_at)
        return self.seconds - self._covered([*self._for_people, *for_targets])

    @property
    def steps(self) -> int:
        """Those that no person took."""
        return sum(hop.tone != "person" for hop in self.hops)

    @property
    def retries(self) -> int:
        return sum(attempt.outcome in AGAIN for attempt in self._attempts)

    @cached_property
    def _for_people(self) -> list[waits.Interval]:
        decided = [
            (hop.at - dt.timedelta(seconds=hop.seconds or 0), hop.at) for hop in self.hops if hop.tone == "person"
        ]
        return [*decided, *waits.for_people(self._attempts)]

    def _covered(self, found: Sequence[waits.Interval]) -> float:
        return waits.seconds(found, self.hops[0].at, self.hops[-1].at)

    @property
    def told(self) -> tuple[int, int]:
        """Targets that have the version, of those that should."""
        lanes = list(Lane.objects.filter(record=self.record).values_list("acked", "head"))
        return sum(acked >= self.event.version for acked, _ in lanes), len(lanes)

    @property
    def lanes(self) -> charts.Lanes:
        return charts.Lanes([(hop.place, hop.tone) for hop in self.hops])

    def _in_time(self, field: str) -> Q:
        return Q(**{f"{field}__gt": self.since, f"{field}__lte": self.event.recorded_at})

    @cached_property
    def _sources(self) -> list[SourceRecord]:
        rows = SourceRecord.objects.filter(golden=self.record).select_related("code_system__system", "ingest")
        return list(rows.order_by("pk"))

    def _received(self) -> Iterator[Hop]:
        """What systems sent since the version before; files by name and row."""
        files = {run.ingest_id: run for run in FeedRun.objects.filter(ingest__in=[s.ingest_id for s in self._sources])}
        for source in self._sources[:EACH]:
            if self.since < source.first_seen_at <= self.event.recorded_at:
                yield _sent(source, source.first_seen_at, "sent", files.get(source.ingest_id))
        changed = SourceRevision.objects.filter(self._in_time("recorded_at"), source__in=self._sources)
        for revision in changed.select_related("source__code_system__system")[:EACH]:
            yield _sent(revision.source, revision.recorded_at, "changed", None)

    def _asked(self) -> Iterator[Hop]:
        """Questions to people, and their answers."""
        about = Q(golden=self.record) | Q(other=self.record) | Q(source__in=self._sources)
        window = self._in_time("created_at") | self._in_time("resolved_at")
        items = WorkItem.objects.filter(about & window).select_related("resolved_by").order_by("pk").distinct()
        for item in items[:EACH]:
            if self.since < item.created_at <= self.event.recorded_at:
                kind = item.get_kind_display()
                yield Hop(item.created_at, "Work queue", f"{kind} #{item.pk} opened", item.reason, _address(item))
            if item.resolved_at and item.resolved_by and not item.resolved_by.is_system:
                yield _decided(item, item.resolved_at)

    def _recognised(self) -> Iterator[Hop]:
        for source in self._sources[:EACH]:
            at = source.linked_at
            if at and self.since < at <= self.event.recorded_at:
                score = f", {words.bits(source.link_score)} bits" if source.link_score is not None else ""
                said = f"{source.code_system.slug} {source.code}{score}"
                yield Hop(at, "Matching", source.get_link_reason_display(), said)

    def _version(self) -> Hop:
        entry = AuditEntry.objects.filter(change_id=self.event.change_id, golden=self.record).order_by("-id").first()
        by = entry.actor.display_name if entry else ""
        fields = DOMAINS[self.record.domain].by_name
        changed = ", ".join(fields[name].label for name in self.event.changed if name in fields)
        title = f"Version {self.event.version}: {self.event.get_kind_display().lower()}"
        address = reverse("golden-as-of", args=[self.record.domain, self.record.public_id])
        return Hop(
            self.event.recorded_at,
            "Golden record",
            title,
            " · ".join(part for part in (changed, by) if part),
            f"{address}?version={self.event.version}",
        )

    @cached_property
    def _attempts(self) -> list[Attempt]:
        """Every attempt to tell a target of this version."""
        attempts = Attempt.objects.filter(lane__record=self.record, version=self.event.version).select_related("target")
        return list(attempts.order_by("pk")[:EACH])

    def _told(self) -> Iterator[Hop]:
        for attempt in self._attempts:
            yield Hop(
                attempt.finished_at,
                attempt.target.name,
                attempt.get_outcome_display(),
                attempt.error or attempt.receipt,
                reverse("sync:lane", args=[attempt.lane_id]),
                "stop" if attempt.outcome in STOPPED else "",
                (attempt.finished_at - attempt.started_at).total_seconds(),
            )


def _sent(source: SourceRecord, at: dt.datetime, what: str, run: FeedRun | None) -> Hop:
    place, url = source.code_system.system.name, ""
    text = f"{source.code_system.slug} {source.code}"
    if run is not None:
        text, url = f"{text}, row {source.row_number} of {run.file_name}", reverse("sync:import", args=[run.pk])
    return Hop(at, place, f"Record {what}", text, url)


def _decided(item: WorkItem, at: dt.datetime) -> Hop:
    who: Any = item.resolved_by
    waited = (at - item.created_at).total_seconds()
    title = f"{who.display_name}: {words.resolution_words(item.resolution).lower()}"
    return Hop(at, "Steward", title, item.resolution_reason, _address(item), "person", waited)


def _address(item: WorkItem) -> str:
    return reverse("review-item" if item.kind in work.REVIEWS else "work-item", args=[item.pk])


def newest() -> Sequence[ChangeEvent]:
    """The latest versions of all, to begin with."""
    return list(ChangeEvent.objects.select_related("record").order_by("-id")[:20])
