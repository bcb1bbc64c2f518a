"""The audit log, narrowed and in pages: each filter runs on an index that is in the order of the log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.http import urlencode

from mdm.models import AuditEntry, User
from mdm.ui import words

PAGE = 60
# what people look for, by the word that the log uses; the rest is found under everything
KINDS: dict[str, tuple[str, ...]] = {
    "decisions": ("review.accept", "review.reject", "review.new", "review.undo", "relate"),
    "identity": ("merge", "unmerge", "split", "retire", "judgement", "judgement.reopened"),
    "values": ("override", "override.withdrawn"),
    "approvals": ("change_request.proposed", "change_request.approved", "change_request.rejected",
                  "change_request.withdrawn", "policy.activated"),
    "feeds": ("ingest.land", "ingest.retire", "feed.started", "feed.saved", "feed.cancelled", "feed.rows_discarded"),
    "deliveries": ("delivery.retry", "delivery.skip", "delivery.dead", "target.pause", "target.resume"),
    "access": ("user.create", "user.roles", "user.sign_in", "audit.export", "governance.owner"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    record: str = ""
    who: str = ""
    kind: str = ""
    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, data: Mapping[str, str]) -> Asked:
        """What makes no sense is left out."""
        kind = data.get("kind", "")
        return cls(
            record=data.get("record", "").strip().upper()[:20],
            who=data.get("who", "")[:150],
            kind=kind if kind in KINDS else "",
            since=_day(data.get("since", "")),
            until=_day(data.get("until", "")),
        )

    @property
    def kept(self) -> dict[str, str]:
        values = {name: getattr(self, name) for name in ("record", "who", "kind", "since", "until")}
        return {name: text for name, text in values.items() if text}

    @property
    def query(self) -> str:
        return urlencode(self.kept)

    def entries(self) -> QuerySet[AuditEntry]:
        """Newest first."""
        found = AuditEntry.objects.all()
        found = found.filter(golden__public_id=self.record) if self.record else found
        if self.who:  # one value, not a join: the planner then knows how much of the log somebody wrote
            found = found.filter(actor__in=list(User.objects.filter(username=self.who).values_list("pk", flat=True)))
        found = found.filter(action__in=KINDS[self.kind]) if self.kind else found
        found = found.filter(at__gte=_midnight(self.since)) if self.since else found
        return found.filter(at__lt=_midnight(self.until) + dt.timedelta(days=1)) if self.until else found


@dataclass(frozen=True, slots=True)
class Page:
    entries: list[AuditEntry]
    older: int | None  # the id to go on below


def page_of(asked: Asked, before: str = "") -> Page:
    rows = asked.entries().select_related("actor", "golden")
    rows = rows.filter(pk__lt=int(before)) if before.isdecimal() and len(before) < 19 else rows
    found = list(rows[: PAGE + 1])
    return Page(found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None)


def people() -> list[User]:
    """Everybody who can have written something."""
    return list(User.objects.order_by("first_name", "username"))


def kinds() -> list[tuple[str, str]]:
    return [(name, words.resolution_words(name)) for name in KINDS]


def _day(text: str) -> str:
    try:
        day = parse_date(text)
    except ValueError:
        return ""
    return text if day and day.year < dt.MAXYEAR else ""  # the last day of all has no end


def _midnight(day: str) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(dt.date.fromisoformat(day), dt.time()))
