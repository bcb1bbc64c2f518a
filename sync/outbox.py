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
from functools import partial

import structlog
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Least, Now
from django.utils import timezone

from sync import breaker, gates, schedule
from sync.adapters.base import Adapter, ErrorClass, Kind, Outcome, PeerError, Receipt, State, not_sent
from sync.breaker import Admission
from sync.compose import compose
from sync.models import Attempt, Lane, Letter, Target
from sync.settle import settle
from sync.steps import Claim, Shipment, Step
from sync.verdicts import NO_ANSWER, Verdict, judge
from sync.wire import Batch, Wire

log = structlog.get_logger(__name__)

FIRST_STRIDE = 20  # lanes in the first batch that a worker takes for a target
COLLECT_EVERY = 10.0  # seconds between two looks for late acknowledgements of one target

ANSWERING = Q(breaker__isnull=True) | Q(breaker__state="closed") | Q(breaker__retry_at__lte=Now())

_CLAIM = """
WITH c AS (
    SELECT l.id FROM sync_lane l JOIN sync_target t ON t.id = l.target_id AND t.active AND NOT t.paused
    WHERE l.target_id = %s AND l.due_at <= least(clock_timestamp(), %s){urgent}
    ORDER BY l.due_at, l.id LIMIT %s FOR UPDATE OF l SKIP LOCKED
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
    """Deliver what is due to a target, until nothing is, time is up, or ``stop`` says so.

    Where more is due than a batch holds, the next is made ready and the last one settled while one is on the wire.
    """
    total, end = Tally(), time.monotonic() + seconds
    with Wire(partial(_send, target, adapter)) as wire:
        while True:
            going = time.monotonic() < end and not stop()
            batch = _take(target, adapter, total) if going else None
            landed = wire.land()
            late = batch is not None and (batch.is_late(target) or (landed is not None and landed.failed))
            if batch and batch.full and not late:
                wire.send(batch)
            if landed:
                _settle(target, landed, total)
            if batch and late:
                _settle(target, _not_sent(target, batch), total)
            elif batch and not batch.full:
                _settle(target, _send(target, adapter, batch), total)
            if not (batch or landed or (going and gates.release(target.pk))):
                return total


def _take(target: Target, adapter: Adapter, total: Tally) -> Batch | None:
    """Claim and compose the next batch; what is decided without sending is settled. None: nothing may be claimed."""
    if connection.in_atomic_block:
        raise RuntimeError("A message is never sent while a transaction is open.")
    began, most = time.monotonic(), stride(target)
    claims = claim(target, limit=most)
    if not claims:
        return None
    composed = compose(target, adapter, claims)
    if composed.verdicts:
        settle(target, composed.verdicts)
    if claims[0].probe and not composed.shipments:
        breaker.not_tried(target)
    total.claimed += len(claims)
    total.outcomes += Counter(map(_name, composed.verdicts))
    full = len(claims) == most and not target.per_minute  # a throttle counts what is settled
    return Batch(composed.shipments, full, began)


def _send(target: Target, adapter: Adapter, batch: Batch) -> Batch:
    started = timezone.now()
    outcomes = _outcomes(target, adapter, batch.shipments) if batch.shipments else []
    return _judged(target, batch, outcomes, started)


def _not_sent(target: Target, batch: Batch) -> Batch:
    """The batch before met a dead connection, or took longer than this one's lease: as if it had been behind it."""
    cause = PeerError("the batch before it did not get through", ErrorClass.CONNECTION)
    return _judged(target, batch, [not_sent(cause)] * len(batch.shipments), timezone.now())


def _judged(target: Target, batch: Batch, outcomes: Sequence[Outcome], started: dt.datetime) -> Batch:
    batch.verdicts = [
        judge(target, shipment.claim, shipment.step, shipment.letter, outcome, started)
        for shipment, outcome in zip(batch.shipments, outcomes, strict=True)
    ]
    return batch


def _settle(target: Target, batch: Batch, total: Tally) -> None:
    _adapt(target, batch.seconds)  # before settling, which fails for who took too long
    if batch.verdicts:
        settle(target, batch.verdicts)
    total.outcomes += Counter(map(_name, batch.verdicts))


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

    What the target's schedule and throttle don't allow now stays due. So does all, once its settings have changed since
    they were read: whoever looks at it next knows the filter and the mapping that a raised generation is meant for.
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
                claims += [Claim(*(*row, probe)) for row in cursor.fetchall()]
    if claims and not is_current(target):
        claims = []
    if not claims:
        transaction.set_rollback(True)  # and with nothing to try with, leave the breaker as it was
    return claims


def is_current(target: Target) -> bool:
    """The settings are those that stand. Asked after lanes were claimed: whoever changed them before that is seen."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM sync_target WHERE id = %s", [target.pk])
        found = cursor.fetchone()
    return found is not None and found[0] == target.version


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
    again = Now() + dt.timedelta(seconds=COLLECT_EVERY * target.pace)
    if not Target.objects.filter(due, pk=target.pk, active=True, paused=False).update(collect_at=again):
        return False
    with transaction.atomic():  # last: to look for answers is the probe of a breaker, which is taken with this
        return breaker.admission(target) is not Admission.NONE


def _settle_receipts(target: Target, receipts: Sequence[Receipt]) -> int:
    """Receipts of lanes that still wait for them, or were given up because none came; a lane that was claimed again
    meanwhile has a newer fence.
    """
    waiting = Q(lane__state=Lane.State.SENT) | Q(lane__state=Lane.State.DEAD, lane__error_class=NO_ANSWER)
    letters = Letter.objects.filter(waiting, lane__target=target).select_related("lane")
    found: dict[int, Verdict] = {}
    for receipt in receipts:
        if receipt.sent_as:
            found = {letter.pk: _told(target, letter, receipt) for letter in _sent_as(letters, receipt)} | found
    by_key = {receipt.key: receipt for receipt in receipts if receipt.key}
    for letter in letters.filter(key__in=by_key):  # what is said of one goes before what is said of many
        found[letter.pk] = _told(target, letter, by_key[str(letter.key)])
    return len(settle(target, list(found.values()))) if found else 0


def _told(target: Target, letter: Letter, receipt: Receipt) -> Verdict:
    """The verdict on this very letter: the lane may have been asked for once more since it was sent."""
    kind = Kind(letter.kind)
    step = Step(letter.version, kind, snapshot=kind is Kind.UPSERT)
    claim = replace(Claim.of(letter.lane), generation=letter.generation)
    return judge(target, claim, step, letter, receipt.outcome, timezone.now())


def _sent_as(letters: QuerySet[Letter], receipt: Receipt) -> QuerySet[Letter]:
    """Those that went out so, at any of their attempts."""
    sent = Attempt.objects.filter(
        lane=OuterRef("lane"), version=OuterRef("version"), generation=OuterRef("generation"),
        outcome=Attempt.Outcome.SENT, receipt__startswith=receipt.sent_as,
    )  # fmt: skip
    return letters.filter(Exists(sent))


def due_targets() -> list[int]:
    """Targets with something to do now: lanes that may be claimed, waits that may be over, answers to look for."""
    lanes = Lane.objects.filter(target=OuterRef("pk"))
    # each by an index of its own, as this is asked every second, of backlogs too
    work = (
        Exists(lanes.filter(due_at__lte=Now()))
        | Exists(lanes.filter(state=Lane.State.HELD))
        | Exists(lanes.filter(state=Lane.State.SENT))
    )
    return list(open_targets().filter(work).order_by("pk").values_list("pk", flat=True))


def open_targets() -> QuerySet[Target]:
    """Those that messages may be sent to, or that may be tried again."""
    return Target.objects.filter(ANSWERING, active=True, paused=False)


def claimable(target: Target) -> bool:
    """A lane could be claimed now."""
    allowed = schedule.allowance(target)
    due = Lane.objects.filter(target=target, due_at__lte=Least(Now(), allowed.cutoff or Now()))
    return allowed.most > 0 and open_targets().filter(Exists(due), pk=target.pk).exists()


def next_due(target: Target) -> dt.datetime | None:
    """When the next lane comes due; None when nothing is under way or to be sent."""
    due = Lane.objects.filter(target=target, due_at__isnull=False).order_by("due_at")
    return due.values_list("due_at", flat=True).first()
