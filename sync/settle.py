"""Settling: what came of a batch goes into its lanes, in one short transaction, if they are still the claimer's.

A lane that was claimed again since has a newer fence; what a late worker says of it has no effect.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson
import structlog
from django.db import IntegrityError, OperationalError, connection
from django.utils import timezone

from mdm.arrays import texts
from mdm.changes import Change, audit_all
from mdm.models import CodeSystem, GoldenRecord, User, WorkItem
from mdm.services import crosswalk, publish, work
from mdm.values import CODE_LENGTH
from sync import breaker, gates
from sync.locking import with_lanes
from sync.models import Lane, Target
from sync.verdicts import Verdict

log = structlog.get_logger(__name__)

# One statement for a batch: the lanes, if they are still the claimer's, and of those what was attempted.
# `fresh`: a newer version or generation came meanwhile, which a snapshot's failure need not hold up.
SETTLE_SQL = """
WITH told AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb)
        AS v(place int, lane bigint, fence bigint, version int, generation int, state text, done bool, delay float8,
             give_back bool, active bool, waits_for bigint, waits_version int, error text, error_class text,
             snapshot bool, kind text, outcome text, peer_failed bool, receipt text, answer text, answer_class text,
             payload_hash text, started timestamptz)
), settled AS (
    UPDATE sync_lane l SET
        acked = CASE WHEN s.done THEN greatest(l.acked, s.version) ELSE l.acked END,
        head = CASE WHEN s.done THEN greatest(l.head, s.version) ELSE l.head END,
        acked_generation = CASE WHEN s.done THEN s.generation ELSE l.acked_generation END,
        active = coalesce(s.active, l.active),
        attempts = CASE WHEN s.done OR (s.state = 'dead' AND s.fresh) THEN 0
                        WHEN s.give_back THEN greatest(l.attempts - 1, 0) ELSE l.attempts END,
        state = CASE WHEN s.fresh AND s.state IN ('dead', 'held') THEN 'open' ELSE s.state END,
        due_at = CASE WHEN s.done AND NOT s.behind THEN NULL
                      WHEN s.done OR (s.fresh AND s.state IN ('dead', 'held')) THEN clock_timestamp()
                      ELSE clock_timestamp() + s.delay * interval '1 second' END,
        waits_for_id = CASE WHEN s.fresh THEN NULL ELSE s.waits_for END,
        waits_version = coalesce(s.waits_version, 1),
        error = s.error, error_class = s.error_class, changed_at = clock_timestamp()
    FROM (
        SELECT v.*, (v.snapshot AND o.head > v.version) OR o.generation > v.generation AS fresh,
               o.head > v.version OR o.generation > v.generation AS behind
        FROM told v JOIN sync_lane o ON o.id = v.lane AND o.fence = v.fence
    ) s
    WHERE l.id = s.lane
    RETURNING l.id, l.state
), tried AS (
    INSERT INTO sync_attempt (lane_id, target_id, version, generation, kind, outcome, peer_failed, receipt, error,
                              error_class, payload_hash, started_at, finished_at)
    SELECT v.lane, %(target)s, v.version, v.generation, v.kind, v.outcome, v.peer_failed, v.receipt, v.answer,
           v.answer_class, decode(v.payload_hash, 'hex'), coalesce(v.started, %(finished)s), %(finished)s
    FROM told v JOIN settled ON settled.id = v.lane WHERE v.outcome IS NOT NULL ORDER BY v.place
)
SELECT id, state FROM settled
"""


# Nearly always none; asked for every batch, so without what Django does to make a statement.
FAILURES_SQL = """
SELECT id FROM mdm_workitem
WHERE kind = 'failed_delivery' AND state IN ('open', 'snoozed') AND subject = ANY(%s)
"""


def settle(target: Target, verdicts: Sequence[Verdict]) -> set[int]:
    """Write the verdicts; returns the lanes that they were still valid for."""
    valid: set[int] = set()
    by_lane = {verdict.claim.lane: verdict for verdict in verdicts}
    _add_codes(target, verdicts)

    def write(lanes: set[int]) -> None:
        valid.update(_write(target, [verdict for lane, verdict in by_lane.items() if lane in lanes]))

    with_lanes(list(by_lane), write)
    return valid


def _write(target: Target, verdicts: Sequence[Verdict]) -> set[int]:
    """All consequences of these verdicts, whose lanes are locked."""
    states = _update_lanes(target, verdicts)
    valid = [verdict for verdict in verdicts if verdict.claim.lane in states]
    done = [verdict for verdict in valid if verdict.done]
    _remember(target, done)
    if done:
        gates.release(target.pk, [verdict.claim.record for verdict in done])
    _ask_people(target, [verdict for verdict in valid if states[verdict.claim.lane] == Lane.State.DEAD])
    _close_work(done)
    _tell_breaker(target, verdicts)
    return set(states)


def _update_lanes(target: Target, verdicts: Sequence[Verdict]) -> dict[int, str]:
    """The lanes and their attempts: {lane: state} of those that were still the claimer's."""
    rows = [_row(place, verdict) for place, verdict in enumerate(verdicts)]
    parameters: dict[str, Any] = {"rows": orjson.dumps(rows).decode(), "target": target.pk, "finished": timezone.now()}
    with connection.cursor() as cursor:
        cursor.execute(SETTLE_SQL, parameters)
        return dict(cursor.fetchall())


def _row(place: int, v: Verdict) -> dict[str, Any]:
    return {
        "place": place,
        "lane": v.claim.lane,
        "fence": v.claim.fence,
        "version": v.step.version,
        "generation": v.claim.generation,
        "state": v.state,
        "done": v.done,
        "delay": v.delay,
        "give_back": v.give_back,
        "active": v.active,
        "waits_for": v.wait.record if v.wait else None,
        "waits_version": v.wait.version if v.wait else None,
        "error": v.error[:1000],
        "error_class": v.error_class[:20],
        "snapshot": v.step.snapshot,
        **v.attempt(),
    }


def _remember(target: Target, done: Sequence[Verdict]) -> None:
    """What the target has now been told: its own feed repeating it is no evidence."""
    versions = {v.claim.record: (v.step.version, v.letter.payload["attributes"]) for v in done if v.letter is not None}
    if versions:
        publish.record_delivery(system=target.system, versions=versions)


def _add_codes(target: Target, verdicts: Sequence[Verdict]) -> None:
    """The codes that the target gave its copies, in a transaction of their own: the crosswalk has its own locks.

    Before the lanes are settled, so that a crash in between loses none. One that had to give way comes back with the
    next acknowledgement.
    """
    codes: dict[str, dict[int, list[tuple[str, str]]]] = defaultdict(dict)
    for verdict in verdicts:
        code = verdict.outcome.target_code if verdict.outcome is not None else ""
        if verdict.letter is None or not code:
            continue
        payload = verdict.letter.payload
        if len(code) > CODE_LENGTH:
            log.warning("target code not kept: too long", target=target.code, record=payload["id"], code=code[:40])
        elif code not in {entry["code"] for entry in payload["target_codes"]}:
            codes[payload["domain"]][verdict.claim.record] = [(code, "")]
    for domain, entries in codes.items():
        system = CodeSystem.objects.own(target.system, domain)
        try:
            crosswalk.add_target_codes(code_system=system, codes=entries, actor=User.objects.system())
        except (IntegrityError, OperationalError) as error:
            log.warning("target codes not kept", target=target.code, records=len(entries), error=type(error).__name__)


def subject(lane: int) -> str:
    """The work item's subject for a lane that failed."""
    return f"lane:{lane}"


def _ask_people(target: Target, dead: Sequence[Verdict]) -> None:
    """A work item and an audit row for each failed delivery."""
    if not dead:
        return
    change = Change.begin(User.objects.system(), "delivery.failed")
    records = GoldenRecord.objects.in_bulk([v.claim.record for v in dead])
    work.put(change, [_work_item(target, v, records[v.claim.record]) for v in dead])
    audit_all(
        [
            change.entry(
                golden=records[v.claim.record],
                version=v.step.version,
                after={"target": target.code, "error_class": str(v.error_class)},
                reason=v.error[:500],
            )
            for v in dead
        ]
    )


def _close_work(done: Sequence[Verdict]) -> None:
    """Failures that have got through since need nobody any more."""
    if not done:
        return
    with connection.cursor() as cursor:
        cursor.execute(FAILURES_SQL, [texts(subject(v.claim.lane) for v in done)])
        found = [row[0] for row in cursor.fetchall()]
    if items := list(WorkItem.objects.filter(pk__among=found)) if found else []:
        work.close(
            Change.begin(User.objects.system(), "delivery.recovered", "Delivered"), items, resolution="delivered"
        )


def _work_item(target: Target, verdict: Verdict, golden: GoldenRecord) -> WorkItem:
    return WorkItem(
        kind=WorkItem.Kind.FAILED_DELIVERY,
        domain=golden.domain,
        subject=subject(verdict.claim.lane),
        title=f"{golden.name or golden.public_id} could not be delivered to {target.name}"[:400],
        reason=verdict.error[:500],
        golden=golden,
        details={
            "lane": verdict.claim.lane,
            "target": target.code,
            "version": verdict.step.version,
            "error_class": str(verdict.error_class),
        },
    )


def _tell_breaker(target: Target, verdicts: Sequence[Verdict]) -> None:
    tried = [v for v in verdicts if v.letter is not None and v.outcome is not None]
    reason = next((v.error for v in tried if v.peer_failed), "")
    breaker.observe(target, [not v.peer_failed for v in tried], reason)
