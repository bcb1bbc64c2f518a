"""How far each target is: the numbers behind the sync page, the API and the demo's report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q
from django.db.models.functions import Now

from sync.models import Breaker, Lane, Target

LAG_SQL = """
SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM a.finished_at - e.recorded_at))
FROM sync_attempt a JOIN sync_lane l ON l.id = a.lane_id
JOIN mdm_changeevent e ON e.record_id = l.record_id AND e.version = a.version
WHERE a.target_id = %s AND a.outcome = 'acknowledged' AND a.generation = 1
"""


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """Lanes of one target. A record that is none of the target's business counts only in ``lanes``."""

    target: Target
    lanes: int
    delivered: int  # something was sent
    acknowledged: int  # of these, the target has confirmed the newest version
    live: int  # held by the target as live
    due: int
    under_way: int  # leased, or waiting for the next attempt
    sent: int
    held: int
    dead: int
    breaker: str

    @property
    def pending(self) -> int:
        return self.due + self.under_way + self.sent


def statuses(targets: Iterable[Target] | None = None) -> list[TargetStatus]:
    """The status of each target, in their order; two queries."""
    breakers = dict(Breaker.objects.values_list("target", "state"))
    rows = {row["target"]: row for row in _counts()}
    found = []
    for target in Target.objects.all() if targets is None else targets:
        row = {k: v for k, v in rows.get(target.pk, {}).items() if k != "target"} or dict.fromkeys(COUNTS, 0)
        found.append(TargetStatus(target, **row, breaker=breakers.get(target.pk, Breaker.State.CLOSED)))
    return found


_open = Q(state=Lane.State.OPEN)
_in_step = Q(acked=F("head"), acked_generation=F("generation"))
COUNTS: dict[str, Q] = {
    "lanes": Q(),
    "delivered": Q(letter__isnull=False),
    "acknowledged": Q(letter__isnull=False) & _in_step,
    "live": Q(active=True),
    "due": _open & Q(due_at__lte=Now()),
    "under_way": _open & Q(due_at__gt=Now()),
    "sent": Q(state=Lane.State.SENT),
    "held": Q(state=Lane.State.HELD),
    "dead": Q(state=Lane.State.DEAD),
}


def _counts() -> Iterable[Any]:
    counts = {name: Count("pk", filter=condition) for name, condition in COUNTS.items()}
    return Lane.objects.order_by().values("target").annotate(**counts)


def lag_p95(target: Target) -> float | None:
    """Seconds from the change to its acknowledgement, 95th percentile; None before the first one."""
    with connection.cursor() as cursor:
        cursor.execute(LAG_SQL, [target.pk])
        value: float | None = cursor.fetchone()[0]
        return value
