"""Telling webhooks of changes: CloudEvents 1.0 as JSON, signed as Standard Webhooks say.

Each webhook follows the change feed by itself, in order, at least once: its position moves on when the receiver has
answered 2xx. What is sent again carries the same ``webhook-id``. An answer of 410 ends the webhook.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import httpx
import orjson
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from mdm import feed, permissions
from mdm.changes import Change
from mdm.code_systems import code_systems
from mdm.exceptions import InvalidValue
from mdm.models import ChangeEvent, GoldenRecord, User
from mdm.services import publish
from sync import calling, overlap
from sync.adapters.http import seconds_to_wait
from sync.backoff import delay
from sync.models import Webhook
from sync.sealed import SealBroken

log = structlog.get_logger(__name__)

TYPE = "org.concord.{domain}.{kind}"
UNMAPPED = "unmapped"
KINDS = (*ChangeEvent.Kind.values, UNMAPPED)
BATCH = 100
LEASE = dt.timedelta(seconds=60)
SECONDS, TOGETHER = 20.0, 50.0  # that one webhook is served at a time, and all of them
GONE = 410


@transaction.atomic
def subscribe(
    *,
    url: str,
    topics: Mapping[str, Any],
    actor: User,
    kinds: Sequence[str] = (),
    codes_of: str | None = None,
    codes_in: str | None = None,
    after: int | None = None,
) -> tuple[Webhook, str]:
    """A webhook that is told of changes from now on, or from those after position ``after``; and its secret, told once.

    ``topics``: {domain: {attribute: [values]}}. ``codes_of`` and ``codes_in``: two code systems of which to tell when a
    record has a code in the one and none in the other.
    """
    permissions.require(actor, permissions.SUBSCRIBE)
    _check(url, kinds, codes_of, codes_in)
    secret = secrets.token_bytes(32)
    last = ChangeEvent.objects.aggregate(last=Max("position"))["last"] or 0
    made = Webhook(
        owner=actor,
        url=url,
        topics=dict(topics),
        kinds=sorted(set(kinds)),
        codes_of=code_systems.get(codes_of) if codes_of else None,
        codes_in=code_systems.get(codes_in) if codes_in else None,
        position=last if after is None else after,
    )
    made.give_secret(secret, now=timezone.now())
    made.full_clean(exclude=["sealed_secret"])
    made.save(force_insert=True)
    Change.begin(actor, "webhook.subscribed").audit(about=made, after={"topics": made.topics, "kinds": made.kinds})
    return made, _shown(secret)


def _shown(secret: bytes) -> str:
    return "whsec_" + base64.b64encode(secret).decode()


def within_reach(user: User) -> QuerySet[Webhook]:
    """One's own; an administrator's are all, as owners leave."""
    found = Webhook.objects.select_related("codes_of", "codes_in", "owner")
    return found if user.has_permission(permissions.ADMINISTER) else found.filter(owner=user.pk)


@transaction.atomic
def rotate(*, webhook: Webhook, actor: User, hours: int = overlap.OVERLAP) -> tuple[Webhook, str]:
    """A new secret, told once. For so many hours messages carry a signature of the one before as well, so that a
    receiver takes the new one when it can; 0, where a secret has leaked: not for a moment.
    """
    permissions.require(actor, permissions.SUBSCRIBE)
    overlap.check(hours)
    row = Webhook.objects.select_for_update(of=("self",)).get(pk=webhook.pk)
    change, secret = Change.begin(actor, "webhook.rotated"), secrets.token_bytes(32)
    row.give_secret(secret, now=change.at, hours=hours)
    row.save(update_fields=["sealed_secret"])
    change.audit(about=row, after={"old_secret_until": row.old_secret_until and row.old_secret_until.isoformat()})
    return row, _shown(secret)


def check_url(url: str) -> None:
    """Raises InvalidValue unless somebody may have this address called."""
    schemes = ("https",) if settings.HTTPS else ("https", "http")
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        parts = httpx.URL()
    if parts.scheme not in schemes or not parts.host or parts.userinfo:
        raise InvalidValue("A webhook's address begins with https:// and names no user.")
    with suppress(ValueError):  # a name is looked up when something is sent
        if not calling.allowed(parts.host):
            raise InvalidValue(" ".join((calling.AddressRefused.__doc__ or "").split()))


def _check(url: str, kinds: Sequence[str], codes_of: str | None, codes_in: str | None) -> None:
    check_url(url)
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise InvalidValue(f"No kinds of changes: {', '.join(unknown)}. Known are: {', '.join(KINDS)}.")
    if (codes_of is None) != (codes_in is None) or (UNMAPPED in kinds and codes_of is None):
        raise InvalidValue("To hear of unmapped codes, name both code systems: codes_of and codes_in.")


@transaction.atomic
def unsubscribe(*, webhook: Webhook, actor: User) -> None:
    permissions.require(actor, permissions.SUBSCRIBE)
    Change.begin(actor, "webhook.unsubscribed").audit(about=webhook, before={"topics": webhook.topics})
    webhook.delete()


@transaction.atomic
def resume(*, webhook: Webhook, actor: User) -> Webhook:
    """Go on where it stopped: one that was gone, or that waits for its next attempt."""
    permissions.require(actor, permissions.SUBSCRIBE)
    webhook.active, webhook.attempts, webhook.due_at = True, 0, None
    webhook.save(update_fields=["active", "attempts", "due_at"])
    Change.begin(actor, "webhook.resumed").audit(about=webhook)
    return webhook


def sign(secret: bytes, name: str, timestamp: int, body: bytes) -> str:
    """The signature of a message by one secret."""
    digest = hmac.new(secret, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def signatures(secrets: Sequence[bytes], name: str, timestamp: int, body: bytes) -> str:
    """The header of a message that several secrets sign."""
    return " ".join(sign(secret, name, timestamp, body) for secret in secrets)


# ------------------------------------------------------------------------------------------------------- delivering
def deliver_due() -> int:
    """Serve every webhook that is due; returns how many messages were accepted.

    Those whose time was up before they had heard everything come after those that wait for news, longest waiting first.
    """
    sent = 0
    with calling.Caller() as caller:
        until = time.monotonic() + TOGETHER
        for pk in _due().order_by(F("due_at").asc(nulls_first=True)).values_list("pk", flat=True):
            if time.monotonic() > until:
                break  # the next beat goes on
            if (webhook := _claim(pk)) is not None:
                sent += _serve(webhook, caller)
    return sent


def _due() -> QuerySet[Webhook]:
    """Those whose owner still may subscribe; the others go on from their position if that comes back."""
    owners = User.objects.with_perm(permissions.SUBSCRIBE, backend="django.contrib.auth.backends.ModelBackend")
    return Webhook.objects.filter(Q(due_at=None) | Q(due_at__lte=timezone.now()), active=True, owner__in=owners)


def _claim(pk: uuid.UUID) -> Webhook | None:
    """The webhook, leased; None if another worker has it."""
    if not _due().filter(pk=pk).update(lease=uuid.uuid4(), due_at=timezone.now() + LEASE):
        return None
    return Webhook.objects.select_related("codes_of", "codes_in").get(pk=pk)


def _settle(webhook: Webhook, **values: Any) -> bool:
    """Write what became of it, unless its lease has run out and another worker has it."""
    return bool(Webhook.objects.filter(pk=webhook.pk, lease=webhook.lease).update(**values))


def _serve(webhook: Webhook, caller: calling.Caller) -> int:
    until, sent, more = time.monotonic() + SECONDS, 0, True
    while more:
        head = ChangeEvent.objects.aggregate(last=Max("position"))["last"] or 0
        changes, _, more = feed.read(webhook.position, limit=BATCH)
        for change, messages in _messages(webhook, changes):
            for message in messages:
                if not _send(webhook, caller, message):
                    return sent
                sent += 1
            webhook.position = change["position"]
            if time.monotonic() > until:  # looked at after a change, so that each turn gets at least that far
                _settle(webhook, position=webhook.position, due_at=timezone.now(), lease=None)
                return sent
            if not _settle(webhook, position=webhook.position, due_at=timezone.now() + LEASE):
                return sent
    _settle(webhook, position=max(webhook.position, head), due_at=None, lease=None)
    return sent


def _messages(webhook: Webhook, changes: Sequence[feed.Change]) -> Iterator[tuple[feed.Change, list[dict[str, Any]]]]:
    """Each change with what the webhook is told of it, if anything."""
    wanted = [change for change in changes if change["domain"] in webhook.topics]
    ids = {change["id"] for change in wanted}
    goldens = {row.public_id: row.pk for row in GoldenRecord.objects.filter(public_id__in=ids)}
    shown = publish.payloads(list(goldens.values()))
    for change in changes:
        pk = goldens.get(change["id"])
        record = shown[pk] if pk is not None else None
        yield change, list(_told(webhook, change, record)) if record is not None else []


def _told(webhook: Webhook, change: feed.Change, record: publish.Payload) -> Iterator[dict[str, Any]]:
    if not webhook.wants(record["domain"], record["attributes"]):
        return
    if not webhook.kinds or change["kind"] in webhook.kinds:
        yield event(change, change["kind"], change)
    if webhook.codes_of and webhook.codes_in and change["kind"] not in ("merged", "retired"):
        if webhook.kinds and UNMAPPED not in webhook.kinds:
            return
        systems = {code["code_system"] for code in record["codes"]}
        if webhook.codes_of.slug in systems and webhook.codes_in.slug not in systems:
            codes = [c["code"] for c in record["codes"] if c["code_system"] == webhook.codes_of.slug]
            lack = {"code_system": webhook.codes_of.slug, "codes": codes, "to": webhook.codes_in.slug}
            yield event(change, UNMAPPED, change | lack)


def event(change: feed.Change, kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """A change as a CloudEvent."""
    return {
        "specversion": "1.0",
        "id": f"{change['change_id']}-{change['id']}-{kind}",
        "source": "/api/v1/changes",
        "type": TYPE.format(domain=change["domain"], kind=kind),
        "subject": change["id"],
        "time": change["recorded_at"],
        "datacontenttype": "application/json",
        "data": dict(data),
    }


def _send(webhook: Webhook, caller: calling.Caller, message: Mapping[str, Any]) -> bool:
    """Send one message; what became of it is stored. No transaction is open meanwhile."""
    body, timestamp = orjson.dumps(message, option=orjson.OPT_UTC_Z), int(time.time())
    headers = {
        "content-type": "application/cloudevents+json",
        "webhook-id": message["id"],
        "webhook-timestamp": str(timestamp),
    }
    try:
        headers["webhook-signature"] = signatures(webhook.secrets, message["id"], timestamp, body)
        status, retry_after = caller.post(webhook.url, body=body, headers=headers)
    except (*calling.ERRORS, SealBroken) as error:
        _failed(webhook, None, type(error).__name__)
        return False
    if 200 <= status < 300:
        webhook.attempts = 0
        return _settle(webhook, attempts=0, last_status=status, last_error="", accepted_at=timezone.now())
    _failed(webhook, status, f"HTTP {status}", retry_after)
    return False


def _failed(webhook: Webhook, status: int | None, error: str, retry_after: str | None = None) -> None:
    asked = seconds_to_wait(retry_after or "")
    wait = dt.timedelta(seconds=delay(webhook.attempts + 1, pace=1.0, retry_after=asked))
    log.warning("webhook failed", webhook=str(webhook.pk), status=status, error=error, attempts=webhook.attempts + 1)
    _settle(
        webhook, position=webhook.position, attempts=webhook.attempts + 1, due_at=timezone.now() + wait, lease=None,
        last_status=status, last_error=error[:300], active=status != GONE,
    )  # fmt: skip
