"""How much was open at the end of each of the last days: from what is open now, backwards."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from mdm.models import QualityIssue, WorkItem
from mdm.ui.readers import counting, work

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


def _begin(days: Sequence[dt.date]) -> dt.datetime:
    return dt.datetime.combine(days[0], dt.time(), timezone.get_current_timezone())


def reviews(number: int) -> list[float]:
    """Of ``number`` reviews that are open now. Two queries, on the indexes of what is open and of what was decided."""
    days = last_days()
    rows = WorkItem.objects.filter(kind__in=work.REVIEWS).order_by().annotate(opened=TruncDate("created_at"))
    still = rows.filter(state=WorkItem.State.OPEN, created_at__gte=_begin(days)).values("opened")
    done = rows.filter(resolved_at__gte=_begin(days)).annotate(closed=TruncDate("resolved_at"))
    opened = Counter({row["opened"]: row["n"] for row in still.annotate(n=Count("pk"))})
    closed: Counter[dt.date] = Counter()
    for row in done.values("opened", "closed").annotate(n=Count("pk")):
        opened[row["opened"]] += row["n"]
        closed[row["closed"]] += row["n"]
    return backwards(number, opened, closed, days)


def issues(number: counting.Count) -> list[float]:
    """Of so many quality issues that are open now; no trend of more than are counted. Two queries on indexes by day."""
    if not number.exact:
        return []
    days = last_days()
    opened, closed = (_issues(days, field) for field in ("opened_at", "closed_at"))
    return backwards(number.number, opened, closed, days)


def _issues(days: Sequence[dt.date], field: str) -> ByDay:
    """By the day on which they were opened, or closed."""
    rows = QualityIssue.objects.filter(**{f"{field}__gte": _begin(days)}).order_by()
    return {row["day"]: row["n"] for row in rows.annotate(day=TruncDate(field)).values("day").annotate(n=Count("pk"))}
