"""API keys: who a bearer token speaks for, and issuing and revoking them.

A key is checked against the database at most every ``CACHE_SECONDS`` per process, so a revoked key or a lost role ends
that much later on the other processes; on the process that revoked it, at once.
"""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from mdm import access, permissions
from mdm.changes import Change
from mdm.exceptions import Refused
from mdm.models import ApiKey, User

CACHE_SECONDS = 30
_CACHE_SIZE = 1024
_SCHEME = "bearer "  # in any case (RFC 9110, section 11.1)


class InvalidToken(access.NotSignedIn):
    """This API key is unknown, expired or revoked. Ask an administrator for a new one."""

    code = "invalid-token"
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # RFC 6750, section 3.1


class _Known(NamedTuple):
    user: User
    expires_at: dt.datetime | None
    stale_at: float  # of time.monotonic()


_known: dict[bytes, _Known] = {}


def bearer(request: HttpRequest) -> User | None:
    """The user that the request's API key speaks for, with the key's scopes; None without a bearer token."""
    return authenticate(request.META["HTTP_AUTHORIZATION"][len(_SCHEME) :].strip()) if has_key(request) else None


def has_key(request: HttpRequest) -> bool:
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    return header[: len(_SCHEME)].lower() == _SCHEME


def authenticate(token: str) -> User:
    """A user whose ``granted`` is what the key's scopes and the user's roles both allow. Raises ``InvalidToken``."""
    digest = hashlib.sha256(token.encode(errors="surrogateescape")).digest()
    known = _known.get(digest)
    if known is None or known.stale_at < time.monotonic():
        known = _look_up(token)
        if len(_known) >= _CACHE_SIZE:
            _known.clear()
        _known[digest] = known
    if known.expires_at is not None and known.expires_at <= timezone.now():
        raise InvalidToken
    return copy.copy(known.user)


def forget(**_: Any) -> None:
    """Drop what is cached; receives the signals of everything that decides what a key may do."""
    _known.clear()


for _sender in (ApiKey, User):
    post_save.connect(forget, sender=_sender)
    post_delete.connect(forget, sender=_sender)
m2m_changed.connect(forget, sender=User.groups.through)


def _look_up(token: str) -> _Known:
    key = ApiKey.objects.authenticate(token)
    if key is None:
        raise InvalidToken
    user = key.user
    user.granted = frozenset(scope for scope in key.scopes if user.has_permission(scope))
    user.api_key = key.pk
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now())
    return _Known(user, key.expires_at, time.monotonic() + CACHE_SECONDS)


@transaction.atomic
def issue(
    *, user: User, name: str, scopes: Sequence[str], actor: User, expires_at: dt.datetime | None = None
) -> tuple[ApiKey, str]:
    """Make an API key; its secret is returned this once. Scopes the user lacks are refused."""
    permissions.require(actor, permissions.ADMINISTER)
    if not 0 < len(name.strip()) <= 80:
        raise Refused("Say what uses the key, in at most 80 characters.")
    if unknown := sorted(set(scopes) - set(permissions.DESCRIPTIONS)):
        raise Refused(f"There is no permission {', '.join(unknown)}. Known: {', '.join(permissions.DESCRIPTIONS)}.")
    if missing := sorted(scope for scope in set(scopes) if not user.has_permission(scope)):
        raise Refused(f"User {user.username} lacks {', '.join(missing)}. Give the user a role that has it first.")
    key, token = ApiKey.objects.issue(user=user, name=name, scopes=sorted(set(scopes)), expires_at=expires_at)
    Change.begin(actor, "api_key.issue").audit(about=key, after={"user": user.pk, "scopes": key.scopes})
    return key, token


@transaction.atomic
def revoke(*, key: ApiKey, actor: User, reason: str = "") -> None:
    """End a key. Revoking twice changes nothing."""
    permissions.require(actor, permissions.ADMINISTER)
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        Change.begin(actor, "api_key.revoke", reason).audit(about=key)


class RequestUser(SessionAuthentication):
    """REST framework's view of who ``AccessControl`` found. Sessions must show a CSRF token, API keys need none."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        user = request._request.user
        if getattr(user, "granted", None) is not None:
            return user, None
        return super().authenticate(request)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class MayOpen(BasePermission):
    """The same check as ``AccessControl``, for views that are called without the middleware."""

    def has_permission(self, request: Request, view: Any) -> bool:
        access.check(request.user, access.declared(type(view)) or access.DEFAULT)
        return True
