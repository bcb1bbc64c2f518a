"""The change feed: what became of published records, each change once, in the order in which it was committed.

A position is given once no transaction can add an event before it (``mdm.services.events.sequence``), so a reader that
goes on from the last position that it has dealt with loses nothing and gets nothing twice. A merge or an unmerge is one
event that names every id; what it does to the survivor isn't told again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db.models import Max

from mdm.exceptions import ConcordError
from mdm.models import ChangeEvent

POLL = 0.5  # seconds between looks for news
WAITERS = 4  # that one process keeps waiting at a time: half of its places (mdm.overload)
_slots = threading.BoundedSemaphore(WAITERS)

Change = dict[str, Any]


class TooManyWaiting(ConcordError):
    """Too many are waiting for changes on this server. Try again in a moment, or ask without waiting."""

    status = 503
    code = "too-many-waiting"
    headers = {"Retry-After": "5"}


class UnknownPosition(ConcordError):
    """The feed ends before this position. Begin anew with an export."""

    status = 409
    code = "unknown-position"


def check(after: int) -> None:
    """Raise ``UnknownPosition`` for one that the feed hasn't come to: its reader would miss all until it does."""
    last = ChangeEvent.objects.aggregate(last=Max("position"))["last"] or 0
    if after > last:
        text = f"The feed ends at {last}, before {after}: was that another Concord's, or this one restored since?"
        raise UnknownPosition(f"{text} Begin anew with an export.", last=last)


def read(
    after: int, *, limit: int, domain: str | None = None, kinds: Sequence[str] = ()
) -> tuple[list[Change], int, bool]:
    """(changes after a position, the position to go on from, whether there is more already)."""
    events = ChangeEvent.objects.filter(position__gt=after, published=True, folded=False).order_by("position")
    if domain:
        events = events.filter(record__domain=domain)
    if kinds:
        events = events.filter(kind__in=kinds)
    rows = list(events.select_related("record__merged_into")[: limit + 1])
    shown, more = rows[:limit], len(rows) > limit
    return [describe(event) for event in shown], shown[-1].position or after if shown else after, more


def describe(event: ChangeEvent) -> Change:
    record = event.record
    return {
        "position": event.position,
        "id": record.public_id,
        "ids": [record.public_id, *event.others],
        "domain": record.domain,
        "version": event.version,
        "kind": event.kind,
        "changed": event.changed,
        "merged_into": record.merged_into and record.merged_into.public_id,
        "change_id": event.change_id,
        "recorded_at": event.recorded_at,
    }


def wait(after: int, *, seconds: float, limit: int, domain: str | None = None) -> tuple[list[Change], int, bool]:
    """The same, but waits for news. Answers at once where too many wait already."""
    found = read(after, limit=limit, domain=domain)
    if not found[0]:
        check(after)
    if found[0] or not seconds or not _slots.acquire(blocking=False):
        return found
    try:
        until = time.monotonic() + seconds
        while not found[0] and time.monotonic() < until:
            time.sleep(POLL)
            found = read(after, limit=limit, domain=domain)
        return found
    finally:
        _slots.release()


@contextmanager
def waiting() -> Iterator[None]:
    """One of the places for those who wait. Raises ``TooManyWaiting``."""
    if not _slots.acquire(blocking=False):
        raise TooManyWaiting
    try:
        yield
    finally:
        _slots.release()


def follow(after: int, *, seconds: float, domain: str | None = None, silence: float = 10.0) -> Iterator[Change | None]:
    """Changes as they come, for so many seconds; None after each ``silence``, so that the line is known to be alive."""
    until = time.monotonic() + seconds
    quiet_since = time.monotonic()
    while time.monotonic() < until:
        changes, after, _ = read(after, limit=200, domain=domain)
        yield from changes
        if changes:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > silence:
            yield None
            quiet_since = time.monotonic()
        else:
            time.sleep(POLL)
