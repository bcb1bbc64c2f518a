"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a request that is sent again is not carried out again.

The answer is stored in the transaction that carries the request out, so there is never one without the other. Whoever
repeats the request within a day gets that answer; while the first still runs, 409; with another body, 422. Answers may
tell secrets (a new webhook's), so they are sealed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable

from cryptography.fernet import InvalidToken
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from mdm import sealing
from mdm.api import problems
from mdm.exceptions import ConcordError, InvalidValue
from mdm.models import StoredAnswer

PURPOSE = "stored answers"
SAFE = ("GET", "HEAD", "OPTIONS")
KEPT = dt.timedelta(hours=24)
KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Retry-After")
_FITS = re.compile(r"[\x21-\x7e]{1,128}").fullmatch


class StillRunning(ConcordError):
    """A request with this Idempotency-Key is still running. Send it again in a moment, with the same key."""

    status = 409
    code = "still-running"


class KeyReused(ConcordError):
    """This Idempotency-Key was used for another request. Use a new key for each request, the same for its repeats."""

    status = 422
    code = "idempotency-key-reused"


class AnswerLost(ConcordError):
    """This request was carried out, but its answer can't be read any more: SECRET_KEY changed. Look at what it did."""

    status = 409
    code = "answer-lost"


def once(request: HttpRequest, respond: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """The answer to the request, made now or stored when the same was first sent."""
    key = request.META["HTTP_IDEMPOTENCY_KEY"].strip('"')
    if not _FITS(key):
        raise InvalidValue("An Idempotency-Key has 1 to 128 visible ASCII characters, e.g. a UUID.")
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\0".encode() + request.body).digest()
    with transaction.atomic():
        _alone(request, key)
        stored = StoredAnswer.objects.filter(user=request.user.pk, key=key).first()
        if stored is not None and stored.began_at > timezone.now() - KEPT:
            return _again(stored, digest)
        response = _carried_out(request, respond)
        if response.status_code >= 500 or response.streaming:
            transaction.set_rollback(True)
        else:
            _store(request, key, digest, response)
    return response


def _alone(request: HttpRequest, key: str) -> None:
    """Hold the key until the transaction ends; the lock goes with its holder, however that ends."""
    name = hashlib.sha256(f"{request.user.pk} {key}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(name[:8], signed=True)])
        if not cursor.fetchone()[0]:
            raise StillRunning


def _carried_out(request: HttpRequest, respond: Callable[[], HttpResponseBase]) -> HttpResponse:
    try:
        with transaction.atomic():
            response = respond()
    except Exception as error:  # noqa: BLE001 - the same handler as for every view
        return problems.respond(request, error)
    assert isinstance(response, HttpResponse) or response.streaming  # noqa: S101
    if hasattr(response, "render"):
        response.render()
    return response  # type: ignore[return-value]


def _again(stored: StoredAnswer, digest: bytes) -> HttpResponse:
    if bytes(stored.request_hash) != digest:
        raise KeyReused
    try:
        body = sealing.cipher(PURPOSE).decrypt(bytes(stored.body))
    except InvalidToken:
        raise AnswerLost from None
    response = HttpResponse(body, status=stored.status, headers=stored.headers)
    response["Idempotency-Replayed"] = "true"
    return response


def _store(request: HttpRequest, key: str, digest: bytes, response: HttpResponse) -> None:
    headers = {name: response[name] for name in KEPT_HEADERS if response.has_header(name)}
    StoredAnswer.objects.update_or_create(
        user_id=request.user.pk or 0,
        key=key,
        defaults={
            "request_hash": digest,
            "status": response.status_code,
            "headers": headers,
            "body": sealing.cipher(PURPOSE).encrypt(response.content),
            "began_at": timezone.now(),
        },
    )


def forget_old() -> int:
    """Delete what nobody can ask for any more."""
    return StoredAnswer.objects.filter(began_at__lt=timezone.now() - KEPT).delete()[0]
