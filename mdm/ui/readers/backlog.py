"""How much was open at the end of each of the last days: from what is open now, backwards."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import Count, DateTimeField, Func, IntegerField, Value
from django.db.models.functions import TruncDate
from django.utils import timezone

from mdm.models import QualityIssue, WorkItem
from mdm.ui.readers import counting, work
from mdm.ui.readers.work import Waiting, counted

DAYS = 12  # of a trend

ByDay = Mapping[dt.date, int]


def last_days(number: int = DAYS) -> list[dt.date]:
    """Up to today."""
    today = timezone.localdate()
    return [today - dt.timedelta(days=back) for back in range(number - 1, -1, -1)]


def backwards(now: int, opened: ByDay, closed: ByDay, days: Sequence[dt.date]) -> list[float]:
    """Open at the end of each day: what was opened after it is not there yet, what was closed after it still is."""
    found = []
    for day in reversed(days):
        found.append(float(now))
        now += closed.get(day, 0) - opened.get(day, 0)
    return found[::-1]


def begin(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), timezone.get_current_timezone())


class Bucket(Func):
    """Which of the stretches that these times begin a time lies in, from 1; 0 is before the first of them.

    A third of what truncating each time to its day costs.
    """

    function, arity = "width_bucket", 2

    def __init__(self, field: str, begins: Sequence[dt.datetime]) -> None:
        times = Value(list(begins), output_field=ArrayField(DateTimeField()))
        super().__init__(field, times, output_field=IntegerField())


def reviews() -> tuple[Waiting, list[float]]:
    """Those that are open now, and how many were. Two queries, on the indexes of what is open and what was decided."""
    days = last_days()
    rows = WorkItem.objects.filter(kind__in=work.REVIEWS).order_by()
    since = Bucket("created_at", list(map(begin, days)))
    still: Iterable[Any] = rows.filter(state=WorkItem.State.OPEN).values(since=since).annotate(**counted())
    groups = {row["since"]: Waiting(row["number"], row["overdue"], row["oldest"]) for row in still}
    opened = Counter({days[since - 1]: group.number for since, group in groups.items() if since})
    closed: Counter[dt.date] = Counter()
    done = rows.filter(resolved_at__gte=begin(days[0]))
    by_day = done.annotate(opened=TruncDate("created_at"), closed=TruncDate("resolved_at")).values("opened", "closed")
    for row in by_day.annotate(n=Count("pk")):
        opened[row["opened"]] += row["n"]
        closed[row["closed"]] += row["n"]
    now = work.together(groups.values())
    return now, backwards(now.number, opened, closed, days)


def issues(number: counting.Count) -> list[float]:
    """Of so many quality issues that are open now; no trend of more than are counted. Two queries on indexes by day."""
    if not number.exact:
        return []
    days = last_days()
    opened, closed = (_issues(days, field) for field in ("opened_at", "closed_at"))
    return backwards(number.number, opened, closed, days)


def _issues(days: Sequence[dt.date], field: str) -> ByDay:
    """By the day on which they were opened, or closed."""
    rows = QualityIssue.objects.filter(**{f"{field}__gte": begin(days[0])}).order_by()
    return {row["day"]: row["n"] for row in rows.annotate(day=TruncDate(field)).values("day").annotate(n=Count("pk"))}
