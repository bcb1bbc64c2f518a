"""Forgetting: attempts and comparisons are kept for a time, as each night may add one for every record and target."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import connection
from django.utils import timezone

from sync.models import Reconciliation, Target

CHUNK = 5_000  # attempts in one transaction

OLD_SQL = """
SELECT finished_at, id FROM sync_attempt
WHERE target_id = %s AND finished_at < %s AND finished_at >= %s AND (finished_at, id) > (%s, %s)
ORDER BY finished_at, id LIMIT %s
"""
# The last attempt of a lane stays: it says how the target came to hold what it holds, and it is what a skip skips.
FORGET_SQL = """
DELETE FROM sync_attempt a WHERE id = ANY(%s)
  AND EXISTS (SELECT FROM sync_attempt n WHERE n.lane_id = a.lane_id AND n.id > a.id)
"""


def prune_attempts(*, now: dt.datetime | None = None) -> int:
    """Forget attempts of long ago, some thousand a transaction; returns how many."""
    before = _before(now)
    return sum(_prune(target, before) for target in Target.objects.values_list("pk", flat=True))


def _prune(target: int, before: dt.datetime) -> int:
    gone, at, pk = 0, dt.datetime.min.replace(tzinfo=dt.UTC), 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(OLD_SQL, [target, before, at, at, pk, CHUNK])
            rows = cursor.fetchall()
            if not rows:
                return gone
            cursor.execute(FORGET_SQL, [[row[1] for row in rows]])
            gone += cursor.rowcount
            at, pk = rows[-1]


def prune_comparisons(*, now: dt.datetime | None = None) -> int:
    """Forget comparisons of long ago with what they found; returns how many. The last of each target stays, and the
    last that came to its end.
    """
    runs = Reconciliation.objects.order_by("target_id", "-pk").distinct("target_id")
    came_to_its_end = runs.filter(error="", finished_at__isnull=False)
    old = Reconciliation.objects.filter(started_at__lt=_before(now))
    gone = old.exclude(pk__in=runs.values("pk")).exclude(pk__in=came_to_its_end.values("pk"))
    return gone.delete()[1].get(Reconciliation._meta.label, 0)


def _before(now: dt.datetime | None) -> dt.datetime:
    return (now or timezone.now()) - dt.timedelta(days=settings.DELIVERY_KEEP_DAYS)
