"""When a target is sent something, and how much: at once or every so many minutes, never in a blackout, some a minute.

A schedule is ``{"every": 15, "blackout": [{"days": ["sat", "sun"], "from": "22:00", "to": "02:00"}]}``. Without
``every``, a change is sent at once; a blackout without ``days`` is on every day, and one that ends before it begins
ends on the next day. Times are those of the server's time zone.
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
MINUTE = dt.timedelta(minutes=1)
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
    here = timezone.localtime(now)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (here - midnight) // (every * MINUTE) * (every * MINUTE)


def in_blackout(schedule: Mapping[str, Any], now: dt.datetime) -> bool:
    here = timezone.localtime(now)
    return any(_within(window, here) for window in schedule.get("blackout", ()))


def opened(schedule: Mapping[str, Any], now: dt.datetime) -> dt.datetime | None:
    """When the last blackout ended; None when there was none for a week."""
    here = timezone.localtime(now)
    ends = [end for window in schedule.get("blackout", ()) for end in _ends(window, here) if end <= here]
    return max(ends, default=None)


def _ends(window: Mapping[str, Any], here: dt.datetime) -> Iterator[dt.datetime]:
    """The ends of what began in the last eight days."""
    start, end = _time(window["from"]), _time(window["to"])
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(WEEK + 1):
        began = midnight - dt.timedelta(days=back)
        if DAYS[began.weekday()] in (window.get("days") or DAYS):
            last = began if start < end else began + dt.timedelta(days=1)
            yield last.replace(hour=end.hour, minute=end.minute, second=end.second, microsecond=end.microsecond)


def _within(window: Mapping[str, Any], here: dt.datetime) -> bool:
    start, end, at = _time(window["from"]), _time(window["to"]), here.time()
    days = window.get("days") or DAYS
    today, yesterday = DAYS[here.weekday()] in days, DAYS[here.weekday() - 1] in days
    if start < end:
        return today and start <= at < end
    return (today and at >= start) or (yesterday and at < end)


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
        raise ValidationError("The times of a blackout are the server's, without a zone: 22:00.")
    days = window.get("days", [])
    if start == end or not isinstance(days, list) or set(days) - set(DAYS):
        raise ValidationError(f"A blackout has another end than its beginning, and days of {', '.join(DAYS)}.")
