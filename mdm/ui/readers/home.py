"""The home page: figures that matter today, and what waits for whom."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone

from mdm.canonical import LISTED
from mdm.models import (
    PRIMARY,
    SYSTEM_USERNAME,
    ApiKey,
    AuditEntry,
    CodeSystem,
    GoldenRecord,
    Ingest,
    QualityIssue,
    User,
    WorkItem,
)
from mdm.permissions import APPROVE, DECIDE, IMPORT
from mdm.ui import charts, words
from mdm.ui.readers import backlog, counting, unmapped, work
from mdm.ui.readers.todo import URGENT_FIRST, Todo, added
from mdm.ui.readers.work import Kind, Waiting

DAYS = 30
LOOKED_BACK = 200  # audit entries that the activity list is made of
MATCHED = ("accepted", "merged", "linked", "proposed")
SERIES = ("Matched", "Not a match", "New record")


def todos(user: User, *, team: bool) -> list[Todo]:
    """What needs this user, or the team: worst first."""
    groups = work.waiting(None if team else user)
    reviews = work.together([groups[kind] for kind in work.REVIEWS if kind in groups])
    found = [_overdue(reviews), _to_decide(reviews), *_other_work(groups), _unmapped(user), _approvals(user)]
    listed = [*(todo for todo in found if todo), *added(user, team=team)]
    return sorted(listed, key=lambda todo: URGENT_FIRST.index(todo.tone))


def _overdue(reviews: Waiting) -> Todo | None:
    if not reviews.overdue or reviews.oldest is None:
        return None
    plural = "review is" if reviews.overdue == 1 else "reviews are"
    age = (timezone.now() - reviews.oldest).days
    text = f"The oldest has waited {age} days" if age > 1 else "Due today"
    return Todo("timer", "bad", f"{reviews.overdue} {plural} overdue", text, reverse("review"), "Review")


def _to_decide(reviews: Waiting) -> Todo | None:
    if not reviews.number:
        return None
    text = "Possible matches, duplicates and new records"
    return Todo("inbox", "", f"{reviews.number} to decide", text, reverse("review"), "Review")


# Failed deliveries are told by target: ``sync.ui.todos``.
OTHER_WORK = (
    (Kind.FEED_PROBLEM, "file-warning", "feed problem{}", "Held back until somebody looks"),
    (Kind.INVALID_DATA, "badge-alert", "record{} with invalid data", "Values kept, but marked"),
    (Kind.LOCAL_EXCEPTION, "pin-off", "local exception{} ended", "A target holds its own values; decide anew"),
)


def _other_work(groups: Mapping[str, Waiting]) -> Iterator[Todo]:
    for kind, icon, what, text in OTHER_WORK:
        if number := groups.get(kind, work.NOTHING).number:
            title = f"{number} {what.format('' if number == 1 else 's')}"
            yield Todo(icon, "warn", title, text, reverse("work"), "Open")


def _unmapped(user: User) -> Todo | None:
    """Codes that records wait for, for whoever may say what they mean."""
    number = unmapped.total(limit=work.ENOUGH) if user.has_permission(DECIDE) else None
    if not number:
        return None
    one = number.number == 1
    title = "A code that records name is unknown" if one else f"{number} codes that records name are unknown"
    text = "No system has sent what they mean; a steward can say it"
    return Todo("file-question-mark", "warn", title, text, reverse("unmapped"), "Map")


def _approvals(user: User) -> Todo | None:
    number = work.approvable(user) if user.has_permission(APPROVE) else 0
    if not number:
        return None
    title = f"{number} {'change waits' if number == 1 else 'changes wait'} for a second person"
    return Todo("stamp", "warn", title, "Proposed by others", reverse("changes"), "Decide")


@dataclass(frozen=True, slots=True)
class Figures:
    golden: counting.Count
    received: int  # source records new or changed in seven days
    received_daily: list[float]
    reviews: Waiting
    reviews_daily: list[float]
    decided: int  # in seven days
    decided_daily: list[float]
    issues: counting.Count
    issues_daily: list[float]


Decided = Mapping[dt.date, Counter[str]]  # reviews per day and series


def figures(decided: Decided) -> Figures:
    daily, days = _received(), backlog.last_days()
    per_day = [float(sum(decided[day].values())) for day in days]
    received = [float(daily.get(day, 0)) for day in days]
    reviews, reviews_daily = backlog.reviews()
    issues = counting.count(QualityIssue.objects.filter(closed_at__isnull=True))
    return Figures(
        golden=counting.count(GoldenRecord.objects.filter(status="live")),
        received=int(sum(received[-7:])),
        received_daily=received,
        reviews=reviews,
        reviews_daily=reviews_daily,
        decided=int(sum(per_day[-7:])),
        decided_daily=per_day,
        issues=issues,
        issues_daily=backlog.issues(issues),
    )


def _received() -> dict[dt.date, int]:
    since = timezone.now() - dt.timedelta(days=backlog.DAYS)
    rows = Ingest.objects.filter(started_at__gte=since).order_by().annotate(day=TruncDate("started_at"))
    return {
        r["day"]: r["new"] + r["changed"] for r in rows.values("day").annotate(new=Sum("new"), changed=Sum("changed"))
    }


def decided() -> Decided:
    """Of the last days, off the index of decided items."""
    since = backlog.begin(backlog.last_days(DAYS)[0])
    rows = WorkItem.objects.filter(resolved_at__gte=since, kind__in=work.REVIEWS, state=WorkItem.State.DONE)
    grouped = rows.order_by().annotate(day=TruncDate("resolved_at")).values("day", "resolution").annotate(n=Count("pk"))
    found: dict[dt.date, Counter[str]] = defaultdict(Counter)  # a page that is made at midnight asks for one day more
    for row in grouped:
        found[row["day"]][_series(row["resolution"])] += row["n"]
    return found


def _series(resolution: str) -> str:
    if resolution in MATCHED:
        return SERIES[0]
    return SERIES[2] if resolution.startswith(("new", "created")) else SERIES[1]


def decisions(decided: Decided) -> charts.Stacked:
    days = backlog.last_days(DAYS)
    series = {name: [decided[day][name] for day in days] for name in SERIES}
    labels = [f"{day.day} {day:%b}" for day in days]
    return charts.Stacked(labels, series, f"Reviews decided per day in {DAYS} days: {', '.join(SERIES).lower()}")


def issues_by_domain() -> charts.Heat:
    """Open quality issues per domain and rule."""
    rows = QualityIssue.objects.filter(closed_at__isnull=True).order_by().values("golden__domain", "rule")
    counted = {(r["golden__domain"], r["rule"]): r["n"] for r in rows.annotate(n=Count("pk"))}
    rules = sorted({rule for _, rule in counted})
    heated = [
        charts.HeatRow(spec.plural, [_count_cell(counted.get((spec.name, rule), 0)) for rule in rules])
        for spec in LISTED
    ]
    return charts.Heat([words.rule_name(rule) for rule in rules], heated)


def _count_cell(number: int) -> charts.Cell:
    return charts.Cell(f"{number:,}", "low" if number else "high")


@dataclass(frozen=True, slots=True)
class Told:
    """An audit entry for the activity list, and how many like it came right before."""

    entry: AuditEntry
    more: int


def activity(number: int = 10) -> list[Told]:
    """The latest of what happened; a run of the same action by the same actor is told once."""
    runs: list[list[int]] = []
    last = None
    latest = AuditEntry.objects.values_list("pk", "action", "actor", "actor__username")[:LOOKED_BACK]
    for pk, action, actor, name in latest:
        if last == (action, actor) and name == SYSTEM_USERNAME:
            runs[-1].append(pk)
        elif len(runs) == number:
            break
        else:
            runs.append([pk])
        last = action, actor
    entries = AuditEntry.objects.select_related("actor", "golden").in_bulk([run[0] for run in runs])
    return [Told(entries[first], len(more)) for first, *more in runs]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of setting an installation up."""

    done: bool
    title: str
    text: str
    url: str = ""
    act: str = ""


def setup(user: User) -> list[Step]:
    """What a new installation still needs. Asked for only while there are no golden records."""
    sources = CodeSystem.objects.filter(kind=PRIMARY, system__active=True)
    domains = len(set(sources.values_list("domain", flat=True)))
    approvers = User.objects.filter(is_active=True, groups__permissions__codename=APPROVE.removeprefix("mdm.")).exists()
    imported = Ingest.objects.filter(state=Ingest.State.DONE).exists()
    may = user.has_permission(IMPORT)
    return [
        Step(domains > 0, "Name the systems", f"manage.py create_system; {domains} of 4 domains have one"),
        Step(
            approvers, "Give somebody the role approver", "Merges of critical records and safety values need two people"
        ),
        Step(
            imported,
            "Bring in a first file",
            "Suppliers, then cost centers, locations, items: references find what they name",
            "sync:import-new" if may else "",
            "Upload",
        ),
        Step(
            ApiKey.objects.filter(revoked_at__isnull=True).exists(),
            "Issue an API key",
            "manage.py issue_api_key; for systems that look codes up",
            "api:docs",
            "Reference",
        ),
    ]
