"""The drift board: what targets hold otherwise than they acknowledged, as of their last comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import Permission
from django.db.models import Count, Q, QuerySet
from django.http import QueryDict

from mdm.canonical import DOMAINS
from mdm.exceptions import ConcordError
from mdm.models import User
from mdm.permissions import MANAGE_SYNC
from mdm.services.change import checked
from mdm.ui import words
from sync import drift
from sync.drift import Point
from sync.models import Drift, LocalException, Reconciliation, Target

SHOWN = 50
DIFFERS = (Drift.Kind.VERSION, Drift.Kind.VALUES, Drift.Kind.STATUS)


@dataclass(frozen=True, slots=True)
class Compared:
    """A target's last comparison, and how much of it is still adrift."""

    target: Target
    run: Reconciliation | None
    counts: Mapping[str, int]

    @property
    def differs(self) -> int:
        return sum(self.counts.get(kind, 0) for kind in DIFFERS)

    @property
    def missing(self) -> int:
        return self.counts.get(Drift.Kind.MISSING, 0)

    @property
    def extra(self) -> int:
        return self.counts.get(Drift.Kind.UNEXPECTED, 0)

    @property
    def mendable(self) -> int:
        return self.differs + self.missing


def board() -> list[Compared]:
    """One row per active target; three queries."""
    newest = Reconciliation.objects.order_by("target_id", "-pk").distinct("target_id")
    runs = {run.target_id: run for run in newest}
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    adrift = Drift.objects.filter(reconciliation__in=[run.pk for run in runs.values()], resolution="")
    for run, kind, number in adrift.order_by().values_list("reconciliation", "kind").annotate(n=Count("pk")):
        counts[run][kind] = number
    targets = Target.objects.filter(active=True)
    return [Compared(t, runs.get(t.pk), counts[runs[t.pk].pk] if t.pk in runs else {}) for t in targets]


@dataclass(frozen=True, slots=True)
class Departure:
    """One field of a record, or with ``field`` "" the record as a whole, and what was answered."""

    point: Point
    label: str
    ours: str
    theirs: str
    answer: str = ""

    @property
    def key(self) -> str:
        return f"{self.point.drift.pk}:{self.point.field}"


@dataclass(frozen=True, slots=True)
class Row:
    drift: Drift

    @property
    def departures(self) -> list[Departure]:
        return [_departure(Point(self.drift, name)) for name in self.drift.fields or ("",)]

    @property
    def mendable(self) -> bool:
        return self.drift.record_id is not None and not self.drift.resolution


def _departure(point: Point) -> Departure:
    answer = point.drift.answers.get(point.field) or point.drift.resolution
    if not point.field:
        return Departure(point, "", "", "", answer)
    spec = DOMAINS[point.drift.domain].by_name.get(point.field)
    label = spec.label if spec else point.field
    return Departure(point, label, words.display(spec, point.ours), words.display(spec, point.theirs), answer)


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Row]
    following: int | None


def page_of(run: Reconciliation, kind: str = "", after: int = 0) -> Page:
    found = list(_of_kind(run, kind).filter(pk__gt=after)[: SHOWN + 1])
    return Page([Row(drift) for drift in found[:SHOWN]], found[SHOWN - 1].pk if len(found) > SHOWN else None)


def _of_kind(run: Reconciliation, kind: str) -> QuerySet[Drift]:
    rows = run.drifts.select_related("record", "reconciliation__target").order_by("pk")
    return rows.filter(kind=kind) if kind in Drift.Kind.values else rows


@dataclass(frozen=True, slots=True)
class Preview:
    """What an answer would do to the points it was asked for."""

    answer: str
    points: Sequence[Point]
    rows: Sequence[tuple[Departure, str]]  # the first of them, each with what becomes of it

    @property
    def records(self) -> int:
        return len({point.drift.pk for point in self.points})


def chosen(run: Reconciliation, asked: QueryDict) -> list[Point]:
    """The ticked points that are still open; with ``scope=all``, every open one of the kind that is shown."""
    if asked.get("scope") == "all":
        return drift.open_points(_of_kind(run, asked.get("kind", "")).filter(resolution=""))
    ticked = asked.getlist("point")
    pks = {int(pk) for pk in (one.partition(":")[0] for one in ticked) if pk.isdecimal()}
    return drift.open_points(_of_kind(run, "").filter(pk__in=pks), set(ticked))


def preview(answer: str, points: Sequence[Point]) -> Preview:
    asked = {(point.drift.pk, point.field) for point in points}
    rows = [(_departure(point), _effect(answer, point, asked)) for point in points[:SHOWN]]
    return Preview(answer, points, rows)


def _effect(answer: str, point: Point, asked: Collection[tuple[int, str]]) -> str:
    if answer == "push" and point.drift.record:
        specs = DOMAINS[point.drift.domain].by_name
        others = [f for f in point.drift.open_fields if (point.drift.pk, f) not in asked]
        besides = ", ".join(specs[name].label if name in specs else name for name in others)
        text = f"Version {point.drift.record.approved_version} is sent again"
        return f"{text}, as a whole: it replaces {besides}, too" if besides else text
    if not point.field:
        return "Can’t be answered so: the record as a whole departs"
    if answer == "pin":
        return "The target is sent its own value, and holding it is no drift"
    try:
        checked(point.drift.domain, *point.golden)
    except ConcordError as error:
        return f"Can’t be taken over: {error.message}"
    return "A second person approves it; then every target is told"


def exceptions_of(target: Target) -> list[LocalException]:
    """What the target may keep now, what ends first before the others."""
    rows = LocalException.objects.filter(target=target, ended_at__isnull=True)
    return list(rows.select_related("record", "owner", "author").order_by("until", "pk"))


def owners() -> list[User]:
    """Who can answer for a local exception: everybody who may decide about deliveries."""
    wanted = Permission.objects.filter(codename=MANAGE_SYNC.removeprefix("mdm."), content_type__app_label="mdm")
    holds = Q(groups__permissions__in=wanted) | Q(user_permissions__in=wanted) | Q(is_superuser=True)
    return list(User.objects.filter(holds, is_active=True).distinct().order_by("first_name", "username"))
