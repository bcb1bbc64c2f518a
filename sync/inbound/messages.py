"""What people can do with messages that were received, process again or give up, and with where they come from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from mdm import permissions
from mdm.bulk import batched
from mdm.changes import Change
from mdm.exceptions import InvalidValue, NeedsReason, Refused
from mdm.models import SourceSystem, User
from sync.inbound import ways
from sync.inbound.formats import format_of
from sync.inbound.intake import wake
from sync.inbound.questions import ask
from sync.models.inbound import InboundMessage, InboundRecord, InboundSource

MESSAGES = 1_000  # whose outcomes are forgotten in one transaction
State = InboundMessage.State


@transaction.atomic
def set_source(
    *,
    code: str,
    system: SourceSystem,
    way: str,
    format: str,
    actor: User,
    name: str = "",
    profile: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    forget: Sequence[str] = (),
    active: bool = True,
) -> InboundSource:
    """Make a source, or change it. Secrets that aren't named stay, but for those to ``forget``.

    Raises:
        BadProfile, InvalidValue: what it is to be read by, or reached by, can't be.
    """
    permissions.require(actor, permissions.ADMINISTER)
    source = InboundSource.objects.select_for_update().filter(code=code).first() or InboundSource(code=code)
    if source.pk and source.messages.exists() and source.format != format:
        raise Refused(f"{code} has messages in another format. Make a source of its own for {format}.")
    if dict(config or {}) != source.config:
        source.progress.pop("next", None)  # a page of what was asked for until now
    source.name, source.system, source.way, source.format = name or source.name or code, system, way, format
    source.profile, source.config = dict(profile or {}), dict(config or {})
    source.active, source.due_at = active, None
    kept = {secret: value for secret, value in source.secrets.items() if secret not in forget}
    source.secrets = kept | dict(secrets or {})
    if way not in InboundSource.Way.values:
        raise InvalidValue(f"There is no way {way!r}. Known are: {', '.join(InboundSource.Way.values)}.")
    format_of(format).check(source.profile)
    ways.check(source)
    source.save()
    about = {"way": way, "format": format, "profile": source.profile, "active": active}
    Change.begin(actor, "inbound.source_set").audit(about=source, after=about)
    return source


@transaction.atomic
def mend(*, message: InboundMessage, profile: Mapping[str, Any], actor: User) -> None:
    """Have the messages of a source read otherwise from now on, and this one processed again."""
    source = message.source
    set_source(
        code=source.code,
        system=source.system,
        way=source.way,
        format=source.format,
        actor=actor,
        profile=profile,
        config=source.config,
        active=source.active,
    )
    process_again(messages=[message], actor=actor, reason="How it is read was mended")


@transaction.atomic
def process_again(*, messages: Sequence[InboundMessage], actor: User, reason: str = "") -> int:
    """Have messages taken again from their beginning: how they are read has been mended. Returns how many.

    What landed the first time is found unchanged; of what something newer is known stays as it is.
    """
    permissions.require(actor, permissions.IMPORT)
    rows = _locked(messages, [*InboundMessage.OPEN, State.DISCARDED, State.DONE])
    gone = InboundMessage.objects.filter(pk__in=[row.pk for row in rows], payload__isnull=True)
    lost = gone.order_by("pk").values_list("pk", flat=True).first()
    if lost is not None:
        raise Refused(f"The payload of message {lost} is gone: they are kept for a time only. Have it sent again.")
    change = Change.begin(actor, "inbound.again", reason)
    for row in rows:
        change.audit(about=row, before={"state": row.state})
    InboundMessage.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=State.RECEIVED, reason="", attempts=0, taken=0, landed=0, refused=0, superseded=0, done_at=None
    )
    for source in {row.source_id: row.source for row in rows}.values():
        ask(source)
        transaction.on_commit(lambda pk=source.pk: wake(pk))  # type: ignore[misc]
    return len(rows)


@transaction.atomic
def discard(*, messages: Sequence[InboundMessage], actor: User, reason: str) -> int:
    """Give up messages that were put aside, or what is left of them. Returns how many."""
    permissions.require(actor, permissions.IMPORT)
    if not reason.strip():
        raise NeedsReason
    rows = _locked(messages, InboundMessage.OPEN)
    change = Change.begin(actor, "inbound.discarded", reason)
    for row in rows:
        change.audit(about=row, before={"state": row.state})
    InboundMessage.objects.filter(pk__in=[row.pk for row in rows]).update(state=State.DISCARDED)
    for source in {row.source_id: row.source for row in rows}.values():
        ask(source)
    return len(rows)


def _locked(messages: Sequence[InboundMessage], states: Sequence[str]) -> list[InboundMessage]:
    """Those of the messages that are in one of these states, in order. Raises ``Refused`` when none is.

    Their payloads stay where they are: those of a whole source may be many gigabytes.
    """
    found = InboundMessage.objects.select_for_update(of=("self",)).select_related("source").defer("payload")
    rows = list(found.filter(pk__in=[m.pk for m in messages], state__in=states).order_by("pk"))
    if not rows:
        raise Refused("None of these messages can be dealt with like that any more. Look at them again.")
    return rows


def prune(*, now: dt.datetime | None = None) -> int:
    """Forget the payloads of messages that were dealt with long enough ago. Returns how many."""
    before = (now or timezone.now()) - dt.timedelta(days=settings.INBOUND_KEEP_DAYS)
    old = InboundMessage.objects.filter(payload__isnull=False, received_at__lt=before)
    return old.filter(state__in=(State.DONE, State.DISCARDED)).update(payload=None)


# The last word of a system on a code stays: it is what says whether another message about it is older.
PRUNE_OUTCOMES_SQL = """
DELETE FROM sync_inboundrecord r WHERE r.message_id = ANY(%(messages)s) AND (
    r.outcome <> ALL(%(heeded)s) OR EXISTS (
        SELECT FROM sync_inboundrecord n WHERE n.code_system_id = r.code_system_id AND n.code = r.code
          AND n.message_id > r.message_id AND n.outcome = ANY(%(heeded)s)))
"""


def prune_outcomes(*, now: dt.datetime | None = None) -> int:
    """Forget what became of the records of old messages, so many messages a transaction. Returns how many records."""
    before = (now or timezone.now()) - dt.timedelta(days=settings.INBOUND_KEEP_OUTCOMES_DAYS)
    old = InboundMessage.objects.filter(received_at__lt=before, state__in=(State.DONE, State.DISCARDED))
    told = old.filter(Exists(InboundRecord.objects.filter(message=OuterRef("pk"))))
    gone = 0
    for keys in batched(list(told.order_by("pk").values_list("pk", flat=True)), MESSAGES):
        with connection.cursor() as cursor:
            cursor.execute(PRUNE_OUTCOMES_SQL, {"messages": keys, "heeded": list(InboundRecord.HEEDED)})
            gone += cursor.rowcount
    return gone
