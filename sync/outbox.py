"""The outbox: claim due lanes, send without a transaction, settle.

Claim and settle are short transactions; between them nothing of the database is held, only a lease that expires by
itself. Whoever dies in between costs its lanes a lease, and the target a repetition that it recognises by its key.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from sync import breaker, gates, schedule
from sync.adapters.base import Adapter, Kind, Outcome, PeerError, Receipt, State
from sync.breaker import Admission
from sync.compose import compose
from sync.models import Lane, Letter, Target
from sync.settle import settle
from sync.steps import Claim, Shipment, Step
from sync.verdicts import Verdict, judge

log = structlog.get_logger(__name__)

FIRST_STRIDE = 20  # lanes in the first batch that a worker takes for a target
COLLECT_EVERY = 10.0  # seconds between two looks for late acknowledgements of one target

ANSWERING = (
    Q(target__breaker__isnull=True) | Q(target__breaker__state="closed") | Q(target__breaker__retry_at__lte=Now())
)

_CLAIM = """
WITH c AS (
    SELECT l.id FROM sync_lane l JOIN sync_target t ON t.id = l.target_id AND t.active AND NOT t.paused
    WHERE l.target_id = %s AND l.due_at <= least(clock_timestamp(), %s){urgent}
    ORDER BY l.due_at LIMIT %s FOR UPDATE OF l SKIP LOCKED
)
UPDATE sync_lane l SET due_at = clock_timestamp() + %s * interval '1 second', fence = l.fence + 1,
    attempts = l.attempts + 1, state = 'open'
FROM c WHERE l.id = c.id
RETURNING l.id, l.record_id, l.head, l.acked, l.generation, l.acked_generation, l.active, l.attempts, l.fence
"""
CLAIM_SQL, CLAIM_URGENT_SQL = _CLAIM.format(urgent=""), _CLAIM.format(urgent=" AND l.urgent")


@dataclass(slots=True)
class Tally:
    """What one call did: how many lanes, and what became of them by outcome."""

    claimed: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: Tally) -> Tally:
        self.claimed += other.claimed
        self.outcomes += other.outcomes
        return self


def never() -> bool:
    return False


def deliver(
    target: Target, adapter: Adapter, *, seconds: float = float("inf"), stop: Callable[[], bool] = never
) -> Tally:
    """Deliver what is due to a target, until nothing is, time is up, or ``stop`` says so."""
    total, end = Tally(), time.monotonic() + seconds
    while time.monotonic() < end and not stop():
        batch = deliver_batch(target, adapter)
        total += batch
        if not batch.claimed and not gates.release(target.pk):
            break
    return total


def deliver_batch(target: Target, adapter: Adapter) -> Tally:
    """One batch: claim, compose, send, settle."""
    began = time.monotonic()
    claims = claim(target, limit=stride(target))
    if not claims:
        return Tally()
    composed = compose(target, adapter, claims)
    if composed.verdicts:
        settle(target, composed.verdicts)
    if claims[0].probe and not composed.shipments:
        breaker.not_tried(target)
    sent = _send(target, adapter, composed.shipments)
    _adapt(target, time.monotonic() - began)  # before settling, which fails for who took too long
    if sent:
        settle(target, sent)
    everything = [*composed.verdicts, *sent]
    return Tally(len(claims), Counter(_name(verdict) for verdict in everything))


_strides: dict[int, int] = {}  # of this process: target -> lanes


def stride(target: Target) -> int:
    """How many lanes to take at once. A target that needs seconds for each message must not be given more than it can
    answer within the lease, or nothing of the batch would ever be settled.
    """
    return min(_strides.get(target.pk, FIRST_STRIDE), target.batch_size)


def _adapt(target: Target, seconds: float) -> None:
    """Twice as many after a batch that was quick, half as many after one that took long."""
    lanes = stride(target)
    if seconds < target.lease_seconds / 8:
        _strides[target.pk] = lanes * 2
    elif seconds > target.lease_seconds / 4:
        _strides[target.pk] = max(lanes // 2, 1)


@transaction.atomic
def claim(target: Target, *, limit: int | None = None) -> list[Claim]:
    """Take a lease on due lanes, critical ones first, then oldest: a batch, one lane while the breaker is open, none.

    What the target's schedule and throttle don't allow now stays due.
    """
    allowed = schedule.allowance(target)
    admitted = breaker.admission(target) if allowed.most else Admission.NONE
    if admitted is Admission.NONE:
        return []
    probe = admitted is Admission.PROBE
    most, claims = 1 if probe else min(allowed.most, limit or allowed.most), list[Claim]()
    with connection.cursor() as cursor:
        for statement in (CLAIM_URGENT_SQL, CLAIM_SQL) if target.critical_first else (CLAIM_SQL,):
            if most > len(claims):
                cursor.execute(statement, [target.pk, allowed.cutoff, most - len(claims), target.lease_seconds])
                claims += [replace(Claim(*row), probe=probe) for row in cursor.fetchall()]
    if probe and not claims:
        transaction.set_rollback(True)  # nothing to try with: leave the breaker as it was
    return claims


def _send(target: Target, adapter: Adapter, shipments: Sequence[Shipment]) -> list[Verdict]:
    if not shipments:
        return []
    if connection.in_atomic_block:
        raise RuntimeError("A message is never sent while a transaction is open.")
    started = timezone.now()
    outcomes = _outcomes(target, adapter, shipments)
    return [
        judge(target, shipment.claim, shipment.step, shipment.letter, outcome, started)
        for shipment, outcome in zip(shipments, outcomes, strict=True)
    ]


def _outcomes(target: Target, adapter: Adapter, shipments: Sequence[Shipment]) -> list[Outcome]:
    try:
        outcomes = adapter.send([shipment.letter.rendered for shipment in shipments])
        if len(outcomes) != len(shipments):
            raise RuntimeError(f"{len(outcomes)} outcomes for {len(shipments)} messages")
    except Exception as error:
        log.exception("adapter failed", target=target.code, messages=len(shipments))
        text = f"The adapter failed ({type(error).__name__}); see the log."
        outcomes = [Outcome(State.UNKNOWN, error=text, error_class="internal")] * len(shipments)
    return outcomes


def _name(verdict: Verdict) -> str:
    if verdict.outcome is not None:
        return str(verdict.outcome.state)
    return "unneeded" if verdict.done else "held" if verdict.wait else "not_sent"


def collect(target: Target, adapter: Adapter) -> int:
    """Take in late acknowledgements, at most one worker at a time; returns how many settled a lane."""
    if not _may_collect(target):
        return 0
    try:
        receipts = adapter.collect()
    except PeerError as error:
        with transaction.atomic():
            breaker.observe(target, [False], str(error))
        return 0
    settled = _settle_receipts(target, receipts) if receipts else 0
    _confirm(target, adapter)
    return settled


def _confirm(target: Target, adapter: Adapter) -> None:
    """The peer may forget what is settled; and that it answered may end its breaker's pause."""
    try:
        adapter.confirm()
    except PeerError as error:
        log.warning("receipts not confirmed, they will come again", target=target.code, error_class=error.error_class)
        return
    if not breaker.is_closed(target):
        with transaction.atomic():
            breaker.observe(target, [True])


def _may_collect(target: Target) -> bool:
    """Something awaits an answer, the target answers and is in no blackout, and nobody else looked just now."""
    if schedule.in_blackout(target.schedule, timezone.now()):
        return False
    due = Q(collect_at__isnull=True) | Q(collect_at__lte=Now())
    waiting = Lane.objects.filter(target=target, state=Lane.State.SENT)
    if not waiting.exists():
        return False
    with transaction.atomic():
        if breaker.admission(target) is Admission.NONE:
            return False  # with nothing to claim, looking for answers is the probe
    again = Now() + dt.timedelta(seconds=COLLECT_EVERY * target.pace)
    return bool(Target.objects.filter(due, pk=target.pk, active=True, paused=False).update(collect_at=again))


def _settle_receipts(target: Target, receipts: Sequence[Receipt]) -> int:
    """Receipts of lanes that still wait for them; a lane that was claimed again meanwhile has a newer fence."""
    by_key = {receipt.key: receipt.outcome for receipt in receipts}
    letters = Letter.objects.filter(key__in=by_key, lane__target=target, lane__state=Lane.State.SENT)
    found = []
    for letter in letters.select_related("lane"):
        kind = Kind(letter.kind)
        step = Step(letter.version, kind, snapshot=kind is Kind.UPSERT)
        found.append(judge(target, Claim.of(letter.lane), step, letter, by_key[str(letter.key)], timezone.now()))
    return len(settle(target, found)) if found else 0


def due_targets() -> list[int]:
    """Targets with something to do now: lanes that may be claimed, waits that may be over, answers to look for."""
    work = Lane.objects.filter(ANSWERING, target__active=True, target__paused=False).filter(
        Q(due_at__lte=Now()) | Q(state__in=(Lane.State.HELD, Lane.State.SENT))
    )
    return list(work.order_by().values_list("target", flat=True).distinct())


def claimable(target: Target) -> bool:
    """A lane could be claimed now."""
    allowed = schedule.allowance(target)
    due = Lane.objects.filter(ANSWERING, target=target, due_at__lte=Now(), target__active=True, target__paused=False)
    if allowed.cutoff:
        due = due.filter(due_at__lte=allowed.cutoff)
    return allowed.most > 0 and due.exists()


def next_due(target: Target) -> dt.datetime | None:
    """When the next lane comes due; None when nothing is under way or to be sent."""
    due = Lane.objects.filter(target=target, due_at__isnull=False).order_by("due_at")
    return due.values_list("due_at", flat=True).first()
