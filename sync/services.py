"""What stewards and administrators do with deliveries. Everything is audited; bulk actions go through the same code."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from mdm.changes import Change, audit_all
from mdm.exceptions import NeedsReason, Refused
from mdm.models import AuditEntry, GoldenRecord, User, WorkItem
from mdm.permissions import MANAGE_SYNC, require
from mdm.services import change as golden_values
from mdm.services import work
from sync import receivers
from sync.locking import with_lanes
from sync.models import Attempt, Breaker, Drift, Lane, Reconciliation, Target
from sync.settle import subject

log = structlog.get_logger(__name__)

CHUNK = 500

# What was written before the target's settings changed is written anew: that may be what was mended.
RETRY_SQL = """
UPDATE sync_lane l SET state = 'open', attempts = 0, due_at = clock_timestamp(), changed_at = clock_timestamp(),
    generation = l.generation + EXISTS (
        SELECT FROM sync_letter w JOIN sync_targetversion v ON v.target_id = l.target_id AND v.at > w.rendered_at
        WHERE w.lane_id = l.id AND w.generation = l.generation)::int
WHERE l.id = ANY(%s) AND l.state = 'dead' RETURNING l.id
"""
# A raised generation never shortens a lease or a backoff, and leaves the wait for an answer as it is.
AGAIN_SQL = """
UPDATE sync_lane SET generation = generation + 1, due_at = coalesce(due_at, clock_timestamp()), waits_for_id = NULL,
    attempts = CASE WHEN state = 'dead' THEN 0 ELSE attempts END,
    state = CASE WHEN state IN ('held', 'dead') THEN 'open' ELSE state END
WHERE id = ANY(%s) RETURNING id
"""
SKIP_SQL = """
UPDATE sync_lane l SET acked = greatest(l.acked, s.version), head = greatest(l.head, s.version),
    acked_generation = s.generation, attempts = 0, state = 'open',
    due_at = CASE WHEN l.head > s.version OR l.generation > s.generation THEN clock_timestamp() END,
    error = '', error_class = '', changed_at = clock_timestamp()
FROM unnest(%s::bigint[], %s::int[], %s::int[]) AS s(lane, version, generation)
WHERE l.id = s.lane AND l.state = 'dead' RETURNING l.id
"""


def retry(*, lanes: Collection[Lane], actor: User, reason: str = "") -> int:
    """Send failed deliveries again, the same bytes unless the target's settings have changed since; returns how many
    lanes were opened.
    """
    require(actor, MANAGE_SYNC)
    return _act(lanes, actor, "delivery.retry", reason, lambda ids: _run(RETRY_SQL, [list(ids)]))


def retry_class(*, target: Target, error_class: str, actor: User, reason: str = "") -> int:
    """Retry every failed delivery of a target that failed for the same kind of reason."""
    dead = Lane.objects.filter(target=target, state=Lane.State.DEAD, error_class=error_class)
    return retry(lanes=list(dead), actor=actor, reason=reason)


def edit_and_retry(*, lane: Lane, path: str, value: Any, actor: User, reason: str) -> None:
    """Override the value that the target refused, and send the record again."""
    require(actor, MANAGE_SYNC)
    golden_values.override(golden=lane.record, path=path, value=value, actor=actor, reason=reason)
    _act([lane], actor, "delivery.edit_and_retry", reason, lambda ids: _run(AGAIN_SQL, [list(ids)]))


def skip(*, lanes: Collection[Lane], actor: User, reason: str) -> int:
    """Go on without the version that failed; returns how many lanes. Later versions are delivered as usual."""
    require(actor, MANAGE_SYNC)
    _needs(reason)
    return _act(lanes, actor, "delivery.skip", reason, lambda ids: _skip(ids, actor))


def replay(
    *,
    target: Target,
    actor: User,
    reason: str,
    records: Collection[GoldenRecord] | None = None,
    since: dt.datetime | None = None,
    domains: Iterable[str] = (),
) -> int:
    """Tell a target again: all it holds, some records, some domains, or what it confirmed since a time."""
    require(actor, MANAGE_SYNC)
    _needs(reason)
    lanes = Lane.objects.filter(target=target, letter__isnull=False)
    if records is not None:
        lanes = lanes.filter(record__among=[record.pk for record in records])
    if since is not None:
        told = Attempt.objects.filter(target=target, finished_at__gte=since, outcome=Attempt.Outcome.ACKNOWLEDGED)
        lanes = lanes.filter(pk__in=told.values("lane"))
    return _again(target, _in_domains(lanes, domains), actor, "delivery.replay", reason)


def full_sync(*, target: Target, actor: User, reason: str = "", domains: Iterable[str] = ()) -> int:
    """Send every record that the target should hold as live once more; returns how many."""
    require(actor, MANAGE_SYNC)
    receivers.backfill(target)
    lanes = _in_domains(Lane.objects.filter(target=target, active=True), domains)
    return _again(target, lanes, actor, "delivery.full_sync", reason)


def nightly_sync(*, target: Target, actor: User) -> int:
    """The same, but for the records whose drift waits for an answer, if the target's drift is to be asked about."""
    require(actor, MANAGE_SYNC)
    receivers.backfill(target)
    lanes = Lane.objects.filter(target=target, active=True)
    asked = unanswered_drift(target) if target.on_drift == Target.OnDrift.ASK else Drift.objects.none()
    left = set(asked.values_list("record", flat=True))
    reason = "Nightly full sync"
    if left:
        reason += f", but for {len(left)} that wait for an answer to drift"
        log.warning("drift left for an answer", target=target.code, records=len(left))
    return _again(target, lanes.exclude(record__in=left), actor, "delivery.full_sync", reason, left=len(left))


def unanswered_drift(target: Target) -> QuerySet[Drift]:
    """What the newest comparison that was finished found, and nobody has answered."""
    run = Reconciliation.objects.filter(target=target, finished_at__isnull=False, error="").order_by("-pk")[:1]
    return Drift.objects.filter(reconciliation__in=run.values("pk"), record__isnull=False, resolution="")


@transaction.atomic
def pause(*, target: Target, actor: User, reason: str) -> Target:
    """Stop sending to a target; its lanes fill up meanwhile."""
    require(actor, MANAGE_SYNC)
    _needs(reason)
    return _switch(target, actor, "target.pause", paused=True, paused_reason=reason[:500])


@transaction.atomic
def resume(*, target: Target, actor: User, reason: str = "") -> Target:
    require(actor, MANAGE_SYNC)
    receivers.wake_after_commit([target.pk])
    return _switch(target, actor, "target.resume", reason=reason, paused=False, paused_reason="")


@transaction.atomic
def probe(*, target: Target, actor: User) -> None:
    """Try a target that didn't answer at once, instead of when its breaker would."""
    require(actor, MANAGE_SYNC)
    open_now = Breaker.objects.filter(target=target, state=Breaker.State.OPEN)
    if not open_now.update(retry_at=Now()):
        raise Refused(f"{target.name} is being tried already, or answers.")
    Change.begin(actor, "target.probe").audit(about=target)
    receivers.wake_after_commit([target.pk])


@transaction.atomic
def ask_to_compare(*, target: Target, actor: User) -> None:
    """Have a worker read the target back and compare it with what it acknowledged."""
    from sync import tasks

    require(actor, MANAGE_SYNC)
    if target.paused or not target.active:
        raise Refused(f"{target.name} is paused or off. Let it go on first.")
    Change.begin(actor, "target.compare").audit(about=target)
    transaction.on_commit(lambda: tasks.compare.delay(target.pk, actor.pk), robust=True)


def _switch(target: Target, actor: User, action: str, reason: str = "", **values: Any) -> Target:
    row = Target.objects.select_for_update(no_key=True).get(pk=target.pk)
    before = {name: getattr(row, name) for name in values}
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=list(values))
    Change.begin(actor, action, reason or values.get("paused_reason", "")).audit(about=row, before=before, after=values)
    return row


def _in_domains(lanes: QuerySet[Lane], domains: Iterable[str]) -> QuerySet[Lane]:
    wanted = list(domains)
    return lanes.filter(record__domain__in=wanted) if wanted else lanes


def _again(target: Target, lanes: QuerySet[Lane], actor: User, action: str, reason: str, **more: int) -> int:
    """Raise the generation of many lanes; one audit row tells of all."""
    raised = 0

    def raise_generation(ids: set[int]) -> None:
        nonlocal raised
        raised += len(_run(AGAIN_SQL, [list(ids)]))

    ids = list(lanes.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), CHUNK):
        with_lanes(ids[start : start + CHUNK], raise_generation)
    Change.begin(actor, action, reason).audit(about=target, after={"lanes": raised} | more)
    receivers.wake_after_commit([target.pk])
    return raised


def _act(
    lanes: Collection[Lane], actor: User, action: str, reason: str, act: Callable[[set[int]], Sequence[int]]
) -> int:
    """Do something to failed lanes, with an audit row each; their work items are closed as decided."""
    rows = {lane.pk: lane for lane in lanes}
    change = Change.begin(actor, action, reason)
    touched: list[int] = []

    def decide(ids: set[int]) -> None:
        done = act(ids)
        touched.extend(done)
        audit_all([_entry(change, rows[pk]) for pk in done])
        items = WorkItem.objects.filter(
            kind=WorkItem.Kind.FAILED_DELIVERY, subject__in=[subject(pk) for pk in done], state__in=WorkItem.LIVE
        )
        work.close(change, items, resolution=action.removeprefix("delivery."))

    ids = sorted(rows)
    for start in range(0, len(ids), CHUNK):
        with_lanes(ids[start : start + CHUNK], decide)
    receivers.wake_after_commit({rows[pk].target_id for pk in touched})
    return len(touched)


def _entry(change: Change, lane: Lane) -> AuditEntry:
    return change.entry(golden=lane.record, about=lane, before={"state": lane.state}, after={"state": Lane.State.OPEN})


def _skip(ids: set[int], actor: User) -> list[int]:
    """Take the last version tried as done with, and say so among the attempts."""
    last = Attempt.objects.filter(lane__in=ids).order_by("lane_id", "-pk").distinct("lane_id")
    tried = {attempt.lane_id: attempt for attempt in last}
    done = _run(
        SKIP_SQL,
        [list(tried), [a.version for a in tried.values()], [a.generation for a in tried.values()]],
    )
    now = timezone.now()
    skipped = [
        Attempt(
            lane_id=pk,
            target_id=tried[pk].target_id,
            version=tried[pk].version,
            generation=tried[pk].generation,
            kind=tried[pk].kind,
            outcome=Attempt.Outcome.SKIPPED,
            receipt=f"Skipped by {actor.username}",
            payload_hash=b"",
            started_at=now,
            finished_at=now,
        )
        for pk in done
    ]
    Attempt.objects.bulk_create(skipped)
    return done


def _run(statement: str, parameters: list[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [row[0] for row in cursor.fetchall()]


def _needs(reason: str) -> None:
    if not reason.strip():
        raise NeedsReason
