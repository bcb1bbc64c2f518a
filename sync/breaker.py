"""The circuit breaker of a target: when it stops answering, nothing is claimed for it until one lane got through.

An exchange that breaks takes all of its messages with it, so a run of failures within one batch counts as one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import Enum
from itertools import groupby

from django.db import connection
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils import timezone

from sync.models import Attempt, Breaker, Target

IN_A_ROW = 5
WINDOW = dt.timedelta(seconds=60)
MINIMUM, SHARE = 20, 0.5  # of the attempts within the window
FIRST_WAIT, LONGEST_WAIT = 30.0, 600.0  # seconds


TROUBLED_SQL = "SELECT FROM sync_breaker WHERE target_id = %s AND (failures > 0 OR state <> 'closed')"


class Admission(Enum):
    ALL = "all"
    PROBE = "probe"  # one lane may try
    NONE = "none"


def admission(target: Target) -> Admission:
    """What may be claimed now. Within the claiming transaction: a probe without a lane is rolled back with it."""
    if is_closed(target):
        return Admission.ALL
    lease = dt.timedelta(seconds=target.lease_seconds)
    mine = Breaker.objects.filter(target=target, retry_at__lte=Now()).exclude(state=Breaker.State.CLOSED)
    taken = mine.update(state=Breaker.State.HALF_OPEN, retry_at=Now() + lease, changed_at=Now())
    return Admission.PROBE if taken else Admission.NONE


def not_tried(target: Target) -> None:
    """The lane that was to try had nothing to send (it waits for another, say): the next may try at once."""
    half_open = Breaker.objects.filter(target=target, state=Breaker.State.HALF_OPEN)
    half_open.update(state=Breaker.State.OPEN, retry_at=Now(), changed_at=Now())


def is_closed(target: Target) -> bool:
    return not _finds("SELECT FROM sync_breaker WHERE target_id = %s AND state <> 'closed'", target)


def _finds(statement: str, target: Target) -> bool:
    """Asked for every batch, so without what Django does to make a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, [target.pk])
        return bool(cursor.fetchall())


def observe(target: Target, answers: Sequence[bool], reason: str = "") -> None:
    """Take note of a batch: for each message, in order, whether the peer answered. Call it in a transaction.

    The attempts of the batch must have been stored before: the window counts them.
    """
    runs = [(answered, len(list(run))) for answered, run in groupby(answers)]
    if not runs:
        return
    if all(answers) and not _finds(TROUBLED_SQL, target):
        return
    Breaker.objects.get_or_create(target=target, defaults={"changed_at": timezone.now()})
    breaker = Breaker.objects.select_for_update().get(target=target)
    if runs[-1][0]:
        _close(breaker)
    elif breaker.state == Breaker.State.HALF_OPEN:
        _open(breaker, target, reason)
    elif breaker.state == Breaker.State.CLOSED:
        before = 0 if any(answered for answered, _ in runs) else breaker.failures
        breaker.failures = before + 1
        if breaker.failures >= IN_A_ROW or _mostly_failing(target, breaker):
            _open(breaker, target, reason)
    breaker.save()


def _close(breaker: Breaker) -> None:
    if breaker.state != Breaker.State.CLOSED:
        breaker.changed_at = timezone.now()
    breaker.state, breaker.failures, breaker.trips = Breaker.State.CLOSED, 0, 0
    breaker.retry_at, breaker.reason = None, ""


def _open(breaker: Breaker, target: Target, reason: str) -> None:
    now = timezone.now()
    wait = min(FIRST_WAIT * 2**breaker.trips, LONGEST_WAIT) * target.pace
    breaker.state, breaker.trips, breaker.reason = Breaker.State.OPEN, min(breaker.trips + 1, 30), reason[:1000]
    breaker.changed_at, breaker.retry_at = now, now + dt.timedelta(seconds=wait)


def _mostly_failing(target: Target, breaker: Breaker) -> bool:
    """Attempts since the breaker last closed, within the window."""
    since = max(timezone.now() - WINDOW, breaker.changed_at)
    counts = Attempt.objects.filter(target=target, finished_at__gte=since).aggregate(
        total=Count("id"), failed=Count("id", filter=Q(peer_failed=True))
    )
    return counts["total"] >= MINIMUM and counts["failed"] >= SHARE * counts["total"]
