"""What the core's changes mean for delivery: lanes, written in the transaction that makes the change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from mdm.models import GoldenRecord
from mdm.signals import GoldenChange, golden_changed
from sync import wakeups
from sync.models import Lane, Target, Weighing

HIGH = GoldenRecord.Criticality.HIGH

# In target order, then record order: writers who meet on the same lanes take them in the same order. A write never
# shortens a lease or a backoff; it opens what was held or failed, because a new version may not have that problem.
BUMP_SQL = """
INSERT INTO sync_lane (target_id, record_id, head, urgent, due_at)
SELECT t.id, c.record, max(c.version), bool_or(c.urgent), clock_timestamp()
FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::bool[]) AS c(record, version, domain, urgent)
JOIN sync_target t ON t.active AND jsonb_exists(t.subscriptions, c.domain)
GROUP BY t.id, c.record ORDER BY t.id, c.record
ON CONFLICT (target_id, record_id) DO UPDATE SET
    head = greatest(sync_lane.head, excluded.head),
    urgent = excluded.urgent,
    due_at = coalesce(sync_lane.due_at, excluded.due_at),
    attempts = CASE WHEN sync_lane.state = 'dead' THEN 0 ELSE sync_lane.attempts END,
    state = CASE WHEN sync_lane.state IN ('held', 'dead') THEN 'open' ELSE sync_lane.state END,
    waits_for_id = NULL
RETURNING target_id
"""

CHUNK = 5_000  # lanes that are made in one transaction: writers of the same records wait no longer than that takes
# Records that were published before the target subscribed, after a golden id. Lanes that exist are left as they are.
BACKFILL_SQL = """
WITH lacking AS (
    SELECT g.id, g.version, g.criticality FROM mdm_goldenrecord g
    WHERE g.domain = ANY(%(domains)s) AND g.status = 'live' AND g.approved_version > 0 AND g.id > %(after)s
      AND NOT EXISTS (SELECT FROM sync_lane l WHERE l.target_id = %(target)s AND l.record_id = g.id)
    ORDER BY g.id LIMIT %(most)s
), made AS (
    INSERT INTO sync_lane (target_id, record_id, head, urgent, due_at)
    SELECT %(target)s, id, version, criticality = 'high', clock_timestamp() FROM lacking ORDER BY id
    ON CONFLICT (target_id, record_id) DO NOTHING RETURNING 1
)
SELECT (SELECT count(*) FROM made), CASE WHEN count(*) = %(most)s THEN max(id) END FROM lacking
"""

# The filter changed: each record is told again, or told to go, according to the new one. In record order, as writers.
READDRESS_SQL = """
WITH weighed AS (
    SELECT l.id, l.record_id FROM sync_lane l JOIN mdm_goldenrecord g ON g.id = l.record_id
    WHERE l.target_id = %(target)s AND l.record_id > %(after)s AND g.domain = %(domain)s
    ORDER BY l.record_id LIMIT %(most)s FOR UPDATE OF l
), asked AS (
    UPDATE sync_lane l SET generation = l.generation + 1, due_at = coalesce(l.due_at, clock_timestamp()),
        waits_for_id = NULL, state = CASE WHEN l.state IN ('held', 'dead') THEN 'open' ELSE l.state END
    FROM weighed WHERE l.id = weighed.id RETURNING 1
)
SELECT (SELECT count(*) FROM asked), CASE WHEN count(*) = %(most)s THEN max(record_id) END FROM weighed
"""


# What waits for records of these domains may not have to any more; if it does, it is held again.
UNHOLD_SQL = """
UPDATE sync_lane SET state = 'open', due_at = clock_timestamp(), waits_for_id = NULL, waits_version = 1, error = ''
WHERE id IN (SELECT l.id FROM sync_lane l JOIN mdm_goldenrecord g ON g.id = l.waits_for_id
             WHERE l.target_id = %s AND l.state = 'held' AND g.domain = ANY(%s) ORDER BY l.record_id FOR UPDATE OF l)
"""


@receiver(golden_changed, dispatch_uid="sync.lanes")
def bump_lanes(sender: Any, changes: Sequence[GoldenChange], **kwargs: Any) -> None:
    """One lane per changed record and target that subscribes to its domain; then, after the commit, a wake-up."""
    published = [change for change in changes if change.published]
    if not published:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            BUMP_SQL,
            [
                [change.golden.pk for change in published],
                [change.version for change in published],
                [change.golden.domain for change in published],
                [change.golden.criticality == HIGH for change in published],
            ],
        )
        targets = {row[0] for row in cursor.fetchall()}
    wake_after_commit(targets)


def wake_after_commit(targets: Iterable[int]) -> None:
    """Tell the workers once the transaction has committed. A broker that is down costs latency, never the commit."""
    for target in sorted(targets):
        transaction.on_commit(partial(wakeups.wake, target), robust=True)


@receiver(post_save, sender=Target, dispatch_uid="sync.subscriptions")
def follow_subscriptions(sender: Any, instance: Target, update_fields: Any = None, **kwargs: Any) -> None:
    """A new target, or one that subscribes to more, gets the lanes it lacks: the first ones at once, the others from a
    worker. Should that be killed, ``reconcile.check_lanes`` goes on with them.
    """
    from sync import tasks

    if update_fields is None or "subscriptions" in update_fields:
        made, after = _make_lanes(instance, 0)
        if made:
            wake_after_commit([instance.pk])
        if after is not None:
            transaction.on_commit(lambda: tasks.backfill.delay(instance.pk), robust=True)


def backfill(target: Target) -> int:
    """Make the lanes that a target lacks, so many a transaction; returns how many."""
    made, after = _make_lanes(target, 0)
    while after is not None:
        more, after = _make_lanes(target, after)
        made += more
    return made


@transaction.atomic
def _make_lanes(target: Target, after: int) -> tuple[int, int | None]:
    """(how many, the golden id to go on after): None when that was all."""
    if not target.active or not target.subscriptions:
        return 0, None
    parameters: dict[str, Any] = {"target": target.pk, "domains": list(target.domains), "after": after, "most": CHUNK}
    with connection.cursor() as cursor:
        cursor.execute(BACKFILL_SQL, parameters)
        made, last = cursor.fetchone()
    return made, last


@transaction.atomic
def weigh_anew(target: Target, domains: Sequence[str]) -> None:
    """Have every record of these domains weighed by the target's present filter: the first ones at once, the others
    from a worker. Should that be killed, ``reconcile.check_lanes`` goes on with them.
    """
    from sync import tasks

    for domain in domains:  # one that is under way begins anew: its filter has changed once more
        Weighing.objects.update_or_create(target=target, domain=domain, defaults={"after": 0})
    for domain in domains:
        _readdress(target, domain)
    with connection.cursor() as cursor:
        cursor.execute(UNHOLD_SQL, [target.pk, list(domains)])
    if Weighing.objects.filter(target=target).exists():
        transaction.on_commit(lambda: tasks.backfill.delay(target.pk), robust=True)


def readdress(target: Target) -> int:
    """Go on with the records that are still to be weighed, so many a transaction; returns how many there were."""
    weighed = 0
    for domain in Weighing.objects.filter(target=target).values_list("domain", flat=True):
        while more := _readdress(target, domain):
            weighed += more
    return weighed


@transaction.atomic
def _readdress(target: Target, domain: str) -> int:
    """The next lanes, with how far that is, so that each is asked for once; returns how many: 0 when there are none."""
    weighing = Weighing.objects.select_for_update().filter(target=target, domain=domain).first()
    if weighing is None:
        return 0
    parameters: dict[str, Any] = {"target": target.pk, "domain": domain, "after": weighing.after, "most": CHUNK}
    with connection.cursor() as cursor:
        cursor.execute(READDRESS_SQL, parameters)
        weighed, last = cursor.fetchone()
    if last is None:
        weighing.delete()
    else:
        weighing.after = last
        weighing.save(update_fields=["after"])
    return int(weighed)


def unweighed(target: Target) -> int:
    """Lanes that a changed filter has yet to be told of."""
    left = Weighing.objects.filter(target=target).values_list("domain", "after")
    lanes = Lane.objects.filter(target=target)
    return sum(lanes.filter(record__domain=domain, record__gt=after).count() for domain, after in left)
