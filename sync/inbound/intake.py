"""Receiving: a message is stored as it came, in a transaction of its own, before its sender hears anything.

It is known by (source, message id, hash of the payload): sent again it is the same message and nothing happens. An id
that was used for another payload, which is still kept, is a conflict, and a person decides. A message without an id is
the same only while nothing came after it: if content X, Y, X comes, the last X takes Y back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import structlog
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import Forbidden, NotFound
from mdm.locks import lock_name
from mdm.models import User
from sync.inbound import tasks
from sync.inbound.formats import Identity, UnreadableMessage, format_of
from sync.inbound.questions import ask
from sync.models.inbound import InboundMessage, InboundSource
from sync.text import storable

log = structlog.get_logger(__name__)

MESSAGE_ID = 200  # characters
State = InboundMessage.State


@dataclass(frozen=True, slots=True)
class Received:
    """The stored message, and whether it had come before."""

    message: InboundMessage
    repeated: bool


class Conflict(UnreadableMessage):
    """Another message of this source has the same id. It was put aside; a person decides which one is right."""

    code = "message-id-reused"


def source_of(code: str, *ways: str) -> InboundSource:
    """The active source of this name, that messages come from in one of these ways. Raises ``NotFound``."""
    found = InboundSource.objects.select_related("system").filter(code=code, active=True, way__in=ways).first()
    if found is None:
        raise NotFound(f"There is no inbound source {code[:40]!r} to send to. manage.py set_source makes one.")
    return found


@transaction.atomic
def receive(
    *,
    source: InboundSource,
    body: bytes,
    actor: User,
    message_id: str = "",
    recent: Collection[int] = (),
    doubt: str = "",
) -> Received:
    """Keep a message. Whatever is wrong with it, it is kept; look at its state. Workers are woken once it is committed.

    ``message_id`` is the transport's, where it has one; else the message's own counts, or its hash. ``recent`` are
    messages that were told as one, the pages of the last pull: one without an id repeats these, too. ``doubt`` is why
    a person has to look first.
    """
    if not any(actor.has_permission(name) for name in (permissions.IMPORT, permissions.SUBMIT)):
        raise Forbidden(permissions.SUBMIT)
    digest = hashlib.sha256(body).digest()
    identity, reason = _identify(source, body)
    reason = doubt or reason
    name = storable(message_id or identity.id)[:MESSAGE_ID]
    lock_name("feed", f"inbound:{source.pk}:{name}")  # two that come at once are told apart
    if not name:
        if known := _repeats(source, digest, recent):
            return Received(known, repeated=True)
        name = _name_by_hash(source, digest)
    alike = InboundMessage.objects.filter(source=source, message_id=name).defer("payload").order_by("pk")
    if known := alike.filter(digest=digest).first():
        return Received(known, repeated=True)
    first = alike.filter(payload__isnull=False).first()  # counters begin anew: one of months ago is another message
    if first is not None:
        same = f"Message {first.pk} has the same id, but says something else. Process this one if it is right."
        reason = f"{doubt} {same}".strip()
    message = InboundMessage.objects.create(
        source=source,
        message_id=name,
        digest=digest,
        kind=storable(identity.kind)[:40],
        payload=body,
        size=len(body),
        actor=actor,
        state=State.QUARANTINED if reason else State.RECEIVED,
        reason=reason,
        conflicts_with=first,
    )
    after = {"source": source.code, "id": name, "sha256": digest.hex(), "state": message.state}
    Change.begin(actor, "inbound.received", reason).audit(about=message, after=after)
    if reason:
        ask(source)
    else:
        transaction.on_commit(lambda: wake(source.pk))
    return Received(message, repeated=False)


def _repeats(source: InboundSource, digest: bytes, recent: Collection[int]) -> InboundMessage | None:
    """The message that one without an id repeats: the newest of its source, or one of those told with it."""
    rows = InboundMessage.objects.filter(source=source).defer("payload").order_by("-pk")
    newest = rows.first()
    if newest is None or bytes(newest.digest) == digest:
        return newest
    return rows.filter(pk__in=recent, digest=digest).first() if recent else None


def _name_by_hash(source: InboundSource, digest: bytes) -> str:
    """Of a message without an id; with the time when the same content came before."""
    name = digest.hex()[:32]
    known = InboundMessage.objects.filter(source=source, message_id=name).exists()
    return f"{name}-{timezone.now():%Y%m%dT%H%M%S%f}" if known else name


def _identify(source: InboundSource, body: bytes) -> tuple[Identity, str]:
    """What the message calls itself, or why that can't be told."""
    try:
        return format_of(source.format).identify(body, profile=source.profile), ""
    except UnreadableMessage as error:
        return Identity(), error.message


def wake(source_id: int) -> None:
    """Tell a worker. If the broker is away, the sweep finds what waits."""
    try:
        tasks.take_messages.delay(source_id)
    except (OperationalError, ConnectionError):
        log.warning("broker away, the sweep will take this source's messages", source=source_id)
