"""Taking messages: from what was received to source records, in the order received, and on to the resolver.

A message is taken in chunks. Each lands with its outcomes and with how far the message is in one transaction, so a
worker that is killed loses nothing and what it did isn't done twice. Of a code, only what was received last counts:
a message that is processed late, or again, leaves alone what something newer has said.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from mdm.bulk import batched
from mdm.changes import Change
from mdm.exceptions import ConcordError
from mdm.interrupts import fresh_connection
from mdm.models import User
from mdm.services import resolve
from sync.alone import alone_with
from sync.inbound.formats import Parsed, UnreadableMessage, format_of
from sync.inbound.landing import Landed, land
from sync.inbound.questions import ask
from sync.models.inbound import InboundMessage, InboundRecord, InboundSource

log = structlog.get_logger(__name__)

CHUNK = 500
MOST_ATTEMPTS = 5
State, Outcome = InboundMessage.State, InboundRecord.Outcome


class Overtaken(Exception):
    """Somebody else has taken this message, or sent it back, meanwhile."""


def take(source: InboundSource, *, seconds: float | None = None) -> bool:
    """Take what waits of a source, one after the other, until one fails. True when time was up: more may wait."""
    began = time.monotonic()
    with alone_with(source) as mine:
        while mine and (message := _next(source)) and _take(message):
            if seconds is not None and time.monotonic() - began > seconds:
                return True
    return False


@transaction.atomic
def _next(source: InboundSource) -> InboundMessage | None:
    """The oldest that waits, with one attempt more. One that nobody gets done is put aside, so that others go on."""
    waiting = InboundMessage.objects.select_for_update(of=("self",)).filter(source=source, state=State.RECEIVED)
    while message := waiting.select_related("source__system", "actor").order_by("pk").first():
        if message.attempts < MOST_ATTEMPTS:
            message.attempts += 1
            message.save(update_fields=["attempts"])
            return message
        _put_aside(message, f"Workers failed at it {MOST_ATTEMPTS} times. Their log tells more: message {message.pk}.")
    return None


def _take(message: InboundMessage) -> bool:
    """Take one message to its end. False when that failed for a reason that may pass."""
    try:
        entries = format_of(message.source.format).parse(_payload(message), profile=message.source.profile)
        for chunk in batched((entry for entry in entries if entry.position > message.taken), CHUNK):
            _resolve(_take_chunk(message, chunk))
        if not message.taken:
            raise UnreadableMessage("It holds no records.")
        _finish(message)
    except Overtaken:
        return False
    except ConcordError as error:
        _put_aside(message, error.message)
    except Exception:  # whatever it is, the messages behind it must get their turn in the end
        fresh_connection()
        log.exception("an inbound message could not be taken", message=message.pk, attempt=message.attempts)
        return False
    return True


def _payload(message: InboundMessage) -> bytes:
    if message.payload is None:
        raise ConcordError("Its payload is gone: they are kept for a time only. Have it sent again.")
    return bytes(message.payload)


@transaction.atomic
def _take_chunk(message: InboundMessage, chunk: Sequence[Parsed]) -> list[Landed]:
    """Land some records; the message's own row says that they were."""
    _still_ours(message)
    done = land(message, chunk)
    message.taken = chunk[-1].position
    heeded = sum(one.outcome in InboundRecord.HEEDED for one in done)
    counts = {
        "landed": heeded,
        "refused": sum(one.outcome == Outcome.REFUSED for one in done),
        "superseded": sum(one.outcome == Outcome.SUPERSEDED for one in done),
    }
    InboundMessage.objects.filter(pk=message.pk).update(
        taken=message.taken, **{name: F(name) + count for name, count in counts.items()}
    )
    return done


def _still_ours(message: InboundMessage) -> InboundMessage:
    """The row as it is, locked. Raises ``Overtaken`` unless it is as this worker left it."""
    row = InboundMessage.objects.select_for_update().defer("payload").get(pk=message.pk)
    if (row.state, row.attempts, row.taken) != (State.RECEIVED, message.attempts, message.taken):
        raise Overtaken
    return row


def _resolve(landed: Iterable[Landed]) -> None:
    """Recognise what has just landed. What can't be now stays pending, and the sweep takes it."""
    by_domain: dict[str, list[int]] = {}
    for one in landed:
        if one.pending is not None:
            by_domain.setdefault(one.domain, []).append(one.pending)
    for domain, ids in by_domain.items():
        resolve.resolve_pending(domain=domain, actor=User.objects.system(), ids=ids)


@transaction.atomic
def _finish(message: InboundMessage) -> None:
    row = _still_ours(message)
    row.records.filter(position__gt=row.taken).delete()  # of an earlier reading, by another profile
    row.state = State.PARTLY if row.refused else State.DONE
    row.reason = _summary(row) if row.refused else ""
    row.attempts, row.done_at = 0, timezone.now()
    row.save(update_fields=["state", "reason", "attempts", "done_at"])
    after = {name: getattr(row, name) for name in ("state", "landed", "refused", "superseded")}
    Change.begin(User.objects.system(), "inbound.taken").audit(about=row, after=after)
    ask(message.source)


def _summary(row: InboundMessage) -> str:
    first = row.records.filter(outcome=Outcome.REFUSED).order_by("position").first()
    text = "; ".join(first.problems) if first else ""
    total = row.landed + row.refused + row.superseded
    return f"{row.refused:,} of {total:,} records could not be taken. The first: {text}"[:1000]


@transaction.atomic
def _put_aside(message: InboundMessage, reason: str) -> None:
    """Quarantine the message as a whole. What of it had landed before stays."""
    row = InboundMessage.objects.select_for_update().defer("payload").get(pk=message.pk)
    if row.state != State.RECEIVED:
        return
    row.state, row.reason, row.attempts, row.done_at = State.QUARANTINED, reason, 0, timezone.now()
    row.save(update_fields=["state", "reason", "attempts", "done_at"])
    Change.begin(User.objects.system(), "inbound.quarantined", reason).audit(about=row)
    ask(message.source)
