"""Reconciliation: lanes checked against the core every few minutes, targets read back and compared every night."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import structlog
from django.db import connection
from django.utils import timezone

from mdm.models import User
from sync import breaker, buckets, outbox, pins, receivers, schedule, targets
from sync.adapters.base import Adapter, AdapterError, Digesting, TargetRecord
from sync.models import Drift, Lane, Reconciliation, Target
from sync.sealed import SealBroken
from sync.text import storable, storable_values

log = structlog.get_logger(__name__)

CHUNK = 500
PUBLIC_ID = 40  # characters

# Leases, backoffs and deadlines all lie in the future; where one is two leases past and nothing was attempted since,
# nobody looks after the target.
OVERDUE_SQL = """
SELECT count(*), min(l.due_at) FROM sync_lane l
WHERE l.target_id = %(target)s
  AND l.due_at < least(%(cutoff)s, clock_timestamp() - 2 * %(lease)s * interval '1 second')
  AND NOT EXISTS (SELECT FROM sync_attempt a WHERE a.target_id = %(target)s
                  AND a.finished_at > clock_timestamp() - 2 * %(lease)s * interval '1 second')
"""
# A published version whose lane was not told of it. Writers make both in one transaction, so there is none.
BEHIND_SQL = """
UPDATE sync_lane l SET head = g.approved_version, due_at = coalesce(l.due_at, clock_timestamp())
FROM mdm_goldenrecord g, sync_target t
WHERE g.id = l.record_id AND t.id = l.target_id AND t.active AND jsonb_exists(t.subscriptions, g.domain)
  AND l.head < g.approved_version
RETURNING t.code
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """How one record at a target departs from what the target acknowledged."""

    public_id: str
    kind: str  # a Drift.Kind
    record: int | None = None
    fields: Mapping[str, tuple[Any, Any]] | None = None  # field -> (ours, theirs)


def check_lanes() -> list[dict[str, Any]]:
    """What is wrong with the lanes, one finding per kind and target; mends what can be mended."""
    findings: list[dict[str, Any]] = []
    for target in outbox.open_targets():
        findings += _overdue(target)
    with connection.cursor() as cursor:
        cursor.execute(BEHIND_SQL)
        codes = [row[0] for row in cursor.fetchall()]
    findings += [{"finding": "behind", "target": code, "lanes": codes.count(code)} for code in sorted(set(codes))]
    for target in Target.objects.filter(active=True):
        if made := receivers.backfill(target):
            findings.append({"finding": "missing", "target": target.code, "lanes": made})
        if weighed := receivers.readdress(target):
            findings.append({"finding": "unweighed", "target": target.code, "lanes": weighed})
    return findings


def _overdue(target: Target) -> Iterator[dict[str, Any]]:
    """What may be sent by the target's schedule and throttle, and isn't."""
    allowed = schedule.allowance(target)
    if not allowed.most or not breaker.is_closed(target):
        return
    with connection.cursor() as cursor:
        cursor.execute(OVERDUE_SQL, {"target": target.pk, "cutoff": allowed.cutoff, "lease": target.lease_seconds})
        lanes, since = cursor.fetchone()
    if lanes:
        yield {"finding": "overdue", "target": target.code, "lanes": lanes, "since": since.isoformat()}


def compare(target: Target, *, actor: User, adapter: Adapter | None = None) -> Reconciliation:
    """Read a target back and store how it departs from what it acknowledged. Never raises for the target's failures."""
    run = Reconciliation.objects.create(target=target, actor=actor, started_at=timezone.now())
    try:
        adapter = adapter or targets.adapter_of(target)
        for domain in target.domains:
            _compare_domain(run, target, adapter, domain)
    except (AdapterError, SealBroken) as error:
        run.error = str(error)[:1000]
    except Exception as error:  # what a target holds may be anything, and the others are still to be compared
        log.exception("comparison failed", target=target.code)
        run.error = f"What it holds could not be read ({type(error).__name__}); see the log."
    run.finished_at = timezone.now()
    run.save()
    return run


def _compare_domain(run: Reconciliation, target: Target, adapter: Adapter, domain: str) -> None:
    seen: set[str] = set()
    since = _now()
    by_bucket = buckets.compare(target, adapter, domain, since)
    if by_bucket is not None:
        run.compared, run.equal = run.compared + by_bucket.equal, run.equal + by_bucket.equal
    for theirs in _chunks(_read(adapter, domain, by_bucket)):
        seen |= {record.id for record in theirs}
        lanes = _lanes(target, [record.id for record in theirs])
        kept = pins.of(target, [lane.record_id for lane in lanes.values()])
        _store(run, domain, [difference(adapter, record, lanes.get(record.id), since, kept) for record in theirs])
    ours = Lane.objects.filter(
        target=target, record__domain=domain, active=True, due_at__isnull=True, changed_at__lt=since
    )
    missing = [
        Difference(public_id, Drift.Kind.MISSING, record)
        for public_id, record in ours.values_list("record__public_id", "record")
        if public_id not in seen and (by_bucket is None or by_bucket.has(public_id))
    ]
    _store(run, domain, missing)


def _now() -> dt.datetime:
    """By the clock that lanes are stamped with."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: dt.datetime = cursor.fetchone()[0]
    return now


def _read(adapter: Adapter, domain: str, by_bucket: buckets.Compared | None) -> Iterable[TargetRecord]:
    """What has to be looked at record by record: what is in buckets that depart, else everything."""
    if by_bucket is None or not isinstance(adapter, Digesting):
        return adapter.read(domain)
    return adapter.read_buckets(domain, by_bucket.differing) if by_bucket.differing else ()


IN_FLIGHT = Difference("", "")


def difference(
    adapter: Adapter, theirs: TargetRecord, lane: Lane | None, since: dt.datetime, kept: Mapping[int, pins.Kept]
) -> Difference | None:
    """None when the target holds what it acknowledged, or may keep; IN_FLIGHT when that can't be said of what was read
    after ``since``.
    """
    if lane is None:
        return Difference(theirs.id, Drift.Kind.UNEXPECTED)
    if buckets.under_way(lane, since):
        return IN_FLIGHT
    letter = lane.letter
    message = pins.should_hold(letter, kept.get(lane.record_id, {}))
    fields = _fields(adapter.expected(message), theirs.values) if lane.active else {}
    if theirs.active != lane.active:
        return Difference(theirs.id, Drift.Kind.STATUS, lane.record_id, fields)
    if (theirs.version, theirs.generation) != (letter.version, letter.generation):
        return Difference(theirs.id, Drift.Kind.VERSION, lane.record_id, fields)
    return Difference(theirs.id, Drift.Kind.VALUES, lane.record_id, fields) if fields else None


def _fields(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = sorted({*ours, *theirs})
    return {n: (ours.get(n), theirs.get(n)) for n in names if ours.get(n) != theirs.get(n)}


def _lanes(target: Target, public_ids: Sequence[str]) -> dict[str, Lane]:
    rows = Lane.objects.filter(target=target, record__public_id__in=public_ids).select_related("record", "letter")
    return {lane.record.public_id: lane for lane in rows}


def _store(run: Reconciliation, domain: str, found: Sequence[Difference | None]) -> None:
    differences = [d for d in found if d is not None and d is not IN_FLIGHT]
    in_flight = sum(d is IN_FLIGHT for d in found)
    run.in_flight += in_flight
    run.compared += len(found) - in_flight
    run.equal += sum(d is None for d in found)
    run.drifted += len(differences)
    Drift.objects.bulk_create(
        [
            Drift(
                reconciliation=run,
                record_id=d.record,
                public_id=d.public_id[:PUBLIC_ID],
                domain=domain,
                kind=d.kind,
                fields=storable_values({name: list(pair) for name, pair in (d.fields or {}).items()}),
            )
            for d in differences
        ],
        ignore_conflicts=True,  # a target may hold one record twice
    )


def _chunks(records: Iterable[TargetRecord]) -> Iterator[list[TargetRecord]]:
    iterator = (replace(record, id=storable(record.id)) for record in records)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
