"""For whom a version waited on its way: people, and what targets decide themselves. The rest is the machine's time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

from sync import schedule
from sync.models import Attempt

Interval = tuple[dt.datetime, dt.datetime]
Outcome = Attempt.Outcome


def seconds(waits: Iterable[Interval], start: dt.datetime, end: dt.datetime) -> float:
    """Of the time from start to end, how many at least one of these waits takes: what overlaps counts once."""
    total, reached = dt.timedelta(), start
    for begins, ends in sorted(waits):
        begins, ends = max(begins, reached), min(ends, end)
        if begins < ends:
            total += ends - begins
            reached = ends
    return total.total_seconds()


def for_people(attempts: Sequence[Attempt]) -> Iterator[Interval]:
    """After a refusal nothing is sent until a steward has it sent again, or skips it."""
    return (gap for before, _, gap in _gaps(attempts) if before.outcome == Outcome.REJECTED)


def for_targets(attempts: Sequence[Attempt], told_from: dt.datetime) -> Iterator[Interval]:
    """What is sent waits for the target's own answer; what is told anew was asked for only then. What was to be told
    from an instant on waits for the target's schedule, as it is now. Pauses are not known.
    """
    for before, after, gap in _gaps(attempts):
        if before.outcome == Outcome.SENT or after.generation > before.generation:
            yield gap
    for _, of_lane in _lanes(attempts):
        yield from schedule.waits(of_lane[0].target.schedule, told_from, of_lane[0].started_at)


def _gaps(attempts: Sequence[Attempt]) -> Iterator[tuple[Attempt, Attempt, Interval]]:
    """Each two attempts that follow each other in a lane, and the time between them."""
    for _, of_lane in _lanes(attempts):
        for before, after in pairwise(of_lane):
            yield before, after, (before.finished_at, after.started_at)


def _lanes(attempts: Sequence[Attempt]) -> Iterator[tuple[int, list[Attempt]]]:
    def lane(attempt: Attempt) -> int:
        return attempt.lane_id

    ordered = sorted(attempts, key=lambda attempt: (attempt.lane_id, attempt.pk))
    return ((pk, list(group)) for pk, group in groupby(ordered, key=lane))
