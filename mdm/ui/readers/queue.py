"""The review queue: what is asked of it, a page of it, and how much there is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from mdm.canonical import DOMAINS, Domain
from mdm.known import Known
from mdm.models import SourceSystem, User, WorkItem
from mdm.ui.readers import work
from mdm.ui.readers.counting import Count, count

SHOWN = 50
COUNTED = 1_000  # beyond it the planner's estimate is near enough; the navigation counts as far
VIEWS = ("mine", "team", "later")
DUE = {"over": "Overdue", "day": "Due within a day", "mentions": "Mentions me"}
# what a line of the queue says; an item that is decided on is read whole, with what it is about
LINE = ("kind", "domain", "priority", "title", "probability", "assignee", "due_at", "created_at", "system")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of the queue; kept in every address and form of the workplace. ``start``: the item to go on after."""

    view: str = "team"
    domain: str = ""
    kind: str = ""
    due: str = ""
    system: str = ""
    start: str = ""

    @classmethod
    def of(cls, data: Mapping[str, str]) -> Asked:
        """What makes no sense is left out."""
        view, domain = data.get("view", ""), data.get("domain", "")
        kind, due, start = data.get("kind", ""), data.get("due", ""), data.get("start", "")
        return cls(
            view=view if view in VIEWS else "team",
            domain=domain if domain in DOMAINS else "",
            kind=kind if kind in work.REVIEWS else "",
            due=due if due in DUE else "",
            system=data.get("system", "")[:40],
            start=start if start.isdecimal() else "",
        )

    @property
    def kept(self) -> dict[str, str]:
        """What is not as by default, for hidden inputs and addresses."""
        values = {name: getattr(self, name) for name in ("view", "domain", "kind", "due", "system", "start")}
        return {name: text for name, text in values.items() if text and (name, text) != ("view", "team")}

    @property
    def query(self) -> str:
        return urlencode(self.kept)

    def query_with(self, **other: str) -> str:
        return replace(self, **{"start": "", **other}).query

    @property
    def filters(self) -> int:
        """How many filters narrow the view."""
        return sum(bool(text) for text in (self.domain, self.kind, self.due, self.system))

    def rows(self, user: User, view: str = "") -> QuerySet[WorkItem]:
        """Every item asked for, most urgent first."""
        rows = WorkItem.objects.filter(kind__in=[self.kind] if self.kind else work.REVIEWS)
        rows = rows.filter(domain=self.domain) if self.domain else rows
        if self.system:  # one value, not a join: the planner then sees that a stretch of an index is enough
            named = SourceSystem.objects.filter(code=self.system).order_by().values("pk")
            rows = rows.filter(system=named[:1])
        match self.due:
            case "over":
                rows = rows.filter(due_at__lt=timezone.now())
            case "day":
                rows = rows.filter(due_at__lt=timezone.now() + dt.timedelta(days=1))
            case "mentions":
                rows = rows.filter(comments__mentions=user).distinct()
        match view or self.view:
            case "later":
                return rows.filter(state=WorkItem.State.SNOOZED)
            case "mine":
                return rows.filter(state=WorkItem.State.OPEN, assignee=user)
        return rows.filter(state=WorkItem.State.OPEN)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the queue."""

    item: WorkItem  # as far as ``LINE`` goes
    spec: Domain
    system: str  # whose record is in doubt; empty where golden records are compared
    left: float | None  # seconds until it is due; less than none: overdue
    holder: User | None  # somebody else who has taken it

    @property
    def held(self) -> bool:
        return self.holder is not None

    @property
    def overdue(self) -> bool:
        return self.left is not None and self.left < 0

    @property
    def soon(self) -> bool:
        """Due within a working day."""
        return self.left is not None and 0 <= self.left < 8 * 3600


@dataclass(frozen=True)
class Queue:
    asked: Asked
    user: User
    entries: tuple[Entry, ...]
    following_page: str  # to start after, or empty
    known: Known

    @property
    def view(self) -> str:
        return self.asked.view

    @cached_property
    def root(self) -> str:
        """The address of the queue; that of an item goes on with its id. See ``address``."""
        return reverse("review")

    @cached_property
    def _query(self) -> str:
        return self.asked.query

    def address(self, pk: int, candidate: str = "") -> str:
        """Of an item, with what the queue is asked for. ``reverse`` for each line would cost more than reading them."""
        query = urlencode(self.asked.kept | {"candidate": candidate}) if candidate else self._query
        return f"{self.root}{pk}/?{query}"

    @cached_property
    def counts(self) -> dict[str, Count]:
        return {name: count(self.asked.rows(self.user, name), limit=COUNTED) for name in VIEWS}

    @property
    def total(self) -> Count:
        return self.counts[self.view]

    @cached_property
    def decided(self) -> int:
        """By this user, today."""
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        done = WorkItem.objects.filter(resolved_at__gte=midnight, resolved_by=self.user, kind__in=work.REVIEWS)
        return done.count()

    @property
    def goal(self) -> int:
        """What this user has decided today, and what is open for them."""
        return self.decided + self.counts["mine"].number

    @cached_property
    def systems(self) -> list[SourceSystem]:
        """Those that a record in doubt may come from, by name."""
        return sorted((row for row in self.known.systems.values() if row.active), key=lambda row: row.name)

    @property
    def due_choices(self) -> list[tuple[str, str]]:
        return list(DUE.items())

    @property
    def first(self) -> WorkItem | None:
        """The first item that nobody else has taken; when all are taken, the first."""
        free = (entry.item for entry in self.entries if not entry.held)
        return next(free, self.entries[0].item if self.entries else None)

    def after(self, pk: int, step: int = 1) -> WorkItem | None:
        """The neighbour of an item; the first one when the item isn't shown here."""
        keys = [entry.item.pk for entry in self.entries]
        if pk not in keys:
            return self.first
        at = keys.index(pk) + step
        return self.entries[at].item if 0 <= at < len(keys) else None

    def onward(self, pk: int) -> WorkItem | None:
        """What comes up once an item is decided: the next one that is free, else one before it."""
        keys = [entry.item.pk for entry in self.entries]
        at = keys.index(pk) if pk in keys else -1
        ahead = [*self.entries[at + 1 :], *reversed(self.entries[: max(at, 0)])]
        return next((entry.item for entry in ahead if not entry.held), None)


def queue(user: User, asked: Asked) -> Queue:
    """A page of the queue, off an index in its order whatever the number of items."""
    known = Known()
    items = _page(asked.rows(user).only(*LINE), asked.start)
    more = str(items[SHOWN - 1].pk) if len(items) > SHOWN else ""
    taken = {item.assignee_id for item in items} - {None, user.pk}
    holders = User.objects.in_bulk(taken) if taken else {}
    entries = (_entry(item, known, holders.get(item.assignee_id)) for item in items[:SHOWN])
    return Queue(asked, user, tuple(entries), more, known)


def _page(rows: QuerySet[WorkItem], start: str) -> list[WorkItem]:
    """A page and the item after it."""
    items: list[WorkItem] = []
    for part in _after(rows, start):
        items += part[: SHOWN + 1 - len(items)]
        if len(items) > SHOWN:
            break
    return items


def _after(rows: QuerySet[WorkItem], start: str) -> list[QuerySet[WorkItem]]:
    """What lies behind an item, in the order of the queue: priority, due date (those without one last), id.

    In parts, each of which is a stretch of the index: as one condition it would be read from its beginning.
    """
    at = WorkItem.objects.filter(pk=int(start)).values_list("priority", "due_at", "pk").first() if start else None
    if at is None:
        return [rows]
    priority, due, pk = at
    level, undue = rows.filter(priority=priority), {"due_at": None}
    if due is None:
        parts = [level.filter(**undue, pk__gt=pk)]
    else:
        parts = [level.filter(Q(due_at__gt=due) | Q(pk__gt=pk), due_at__gte=due), level.filter(**undue)]
    return [*parts, rows.filter(priority__lt=priority)]


def _entry(item: WorkItem, known: Known, holder: User | None) -> Entry:
    left = (item.due_at - timezone.now()).total_seconds() if item.due_at else None
    system = known.systems[item.system_id].name if item.system_id else ""
    return Entry(item, DOMAINS[item.domain], system, left, holder)
