"""When a target is sent something, and how much: at once or every so many minutes, never in a blackout, some a minute.

A schedule is ``{"every": 15, "blackout": [{"days": ["sat", "sun"], "from": "22:00", "to": "02:00"}]}``. Without
``every``, a change is sent at once; a blackout without ``days`` is on every day, and one that ends before it begins
ends on the next day. Times are those of the site's clock (``TIME_ZONE``): in the night that has an hour twice, a
blackout goes on until its end has come for the second time; a time that a night skips comes an hour later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from sync.models import Attempt, Target

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = len(DAYS)
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
LONGEST = 24 * 60  # minutes between two deltas
WINDOW = {"days", "from", "to"}


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be claimed now: at most ``most`` lanes, of those that came due by ``cutoff``; None: by now."""

    cutoff: dt.datetime | None
    most: int


def allowance(target: Target, now: dt.datetime | None = None) -> Allowance:
    now = now or timezone.now()
    if in_blackout(target.schedule, now):
        return Allowance(None, 0)
    return Allowance(cutoff(target.schedule, now), min(target.batch_size, _left(target, now)))


def cutoff(schedule: Mapping[str, Any], now: dt.datetime) -> dt.datetime | None:
    """The beginning of the present delta, counted from midnight; None where changes are sent at once."""
    every = schedule.get("every")
    if not every:
        return None
    midnight = _instant(timezone.localtime(now).date(), dt.time())
    return midnight + (now - midnight) // (every * MINUTE) * (every * MINUTE)


def in_blackout(schedule: Mapping[str, Any], now: dt.datetime) -> bool:
    windows = schedule.get("blackout", ())
    return any(start <= now < end for window in windows for start, end in _periods(window, now, days=2))


def opened(schedule: Mapping[str, Any], now: dt.datetime) -> dt.datetime | None:
    """When the last blackout ended; None when there was none for a week."""
    windows = schedule.get("blackout", ())
    ends = [end for window in windows for _, end in _periods(window, now, days=WEEK + 1) if end <= now]
    return max(ends, default=None)


def waits(
    schedule: Mapping[str, Any], since: dt.datetime, until: dt.datetime
) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """When a change of ``since``, which was sent at ``until``, waited for the next delta or for a blackout to end. They
    may overlap.
    """
    began = cutoff(schedule, since)
    if began is not None:
        midnight = _instant(timezone.localtime(since).date() + DAY, dt.time())
        yield since, min(began + schedule["every"] * MINUTE, midnight, until)
    for window in schedule.get("blackout", ()):
        for start, end in _periods(window, until, days=(until - since).days + 1):
            if start < until and since < end:
                yield max(start, since), min(end, until)


def _periods(window: Mapping[str, Any], now: dt.datetime, *, days: int) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Beginnings and ends, in UTC, of what began in the last ``days`` days, or begins by tomorrow."""
    start, end = _time(window["from"]), _time(window["to"])
    tomorrow = timezone.localtime(now).date() + DAY
    for back in range(days + 2):
        day = tomorrow - back * DAY
        if DAYS[day.weekday()] in (window.get("days") or DAYS):
            last = day if start.replace(tzinfo=None) < end.replace(tzinfo=None) else day + DAY
            yield _instant(day, start), max(_instant(last, end), _instant(last, end.replace(fold=1)))


def _instant(day: dt.date, time: dt.time) -> dt.datetime:
    """When the site's clock says so; a time with a zone, which is no longer taken, is meant in that zone."""
    return dt.datetime.combine(day, time, time.tzinfo or timezone.get_current_timezone()).astimezone(dt.UTC)


def _left(target: Target, now: dt.datetime) -> int:
    """How many may still go out in this minute."""
    if target.per_minute is None:
        return target.batch_size
    sent = Attempt.objects.filter(target=target, finished_at__gt=now - MINUTE)[: target.per_minute].count()
    return max(target.per_minute - sent, 0)


def _time(text: str) -> dt.time:
    return dt.time.fromisoformat(text)


def check(value: Any) -> None:
    """Raises ValidationError unless it is a schedule."""
    if not isinstance(value, dict) or set(value) - {"every", "blackout"}:
        raise ValidationError('A schedule is an object with "every" (minutes) and "blackout" (windows), or is empty.')
    every, windows = value.get("every"), value.get("blackout", [])
    if every is not None and (type(every) is not int or not 1 <= every <= LONGEST):
        raise ValidationError(f"A delta is sent every 1 to {LONGEST} minutes.")
    if not isinstance(windows, list):
        raise ValidationError('"blackout" is a list of windows.')
    for window in windows:
        _check_window(window)


def _check_window(window: Any) -> None:
    if not isinstance(window, dict) or set(window) - WINDOW or not {"from", "to"} <= set(window):
        raise ValidationError('A blackout is {"days": ["sat"], "from": "22:00", "to": "02:00"}.')
    try:
        start, end = _time(window["from"]), _time(window["to"])
    except (ValueError, TypeError):
        raise ValidationError("The times of a blackout are written 22:00.") from None
    if start.tzinfo or end.tzinfo:
        raise ValidationError("The times of a blackout are those of the site's clock, without a zone: 22:00.")
    days = window.get("days", [])
    if start == end or not isinstance(days, list) or set(days) - set(DAYS):
        raise ValidationError(f"A blackout has another end than its beginning, and days of {', '.join(DAYS)}.")
