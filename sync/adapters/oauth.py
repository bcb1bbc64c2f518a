"""OAuth2 client credentials (RFC 6749 section 4.4): one token for all adapters of a process, renewed once.

A client says who it is in one of three ways, ``client_auth``: "basic", by HTTP Basic with id and secret escaped as
section 2.3.1 has it; "basic_raw", the same unescaped, for servers that don't undo that; "body", in the form.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from threading import Lock
from typing import Any, ClassVar, Protocol
from urllib.parse import quote_plus

import httpx

from sync.adapters.base import ConfigError, ErrorClass, PeerError
from sync.adapters.http import Reply
from sync.adapters.options import Secrets

BUSY = {408, 425, 429, 503}
CLIENT_AUTH = ("basic", "basic_raw", "body")
EARLY = 30.0  # seconds before its expiry that a token is renewed
Send = Callable[..., Reply]


class Client(Protocol):
    """What a target's settings say about logging in. ``client_secret`` is the name of the secret."""

    @property
    def token_url(self) -> str: ...

    @property
    def client_id(self) -> str: ...

    @property
    def client_secret(self) -> str: ...

    @property
    def scope(self) -> str: ...

    @property
    def client_auth(self) -> str: ...


class TokenCache:
    """One access token for all adapters of a process that log in as the same client, with the same secret and scope.

    Whoever tries another secret or scope has a token of its own: what is checked is not what was let in before.
    """

    _caches: ClassVar[dict[tuple[str, str, str, str, bytes], TokenCache]] = {}

    @classmethod
    def shared(cls, config: Client, secrets: Secrets) -> TokenCache:
        check_client_auth(config.client_auth)
        secret = secrets.get(config.client_secret)
        who = (config.token_url, config.client_id, config.client_auth, config.scope)
        key = (*who, hashlib.sha256(secret.encode()).digest())
        return cls._caches.setdefault(key, cls(config, secret))

    def __init__(self, config: Client, secret: str) -> None:
        self._config = config
        self._secret = secret
        self._lock = Lock()
        self._token = ""
        self._expires = 0.0

    def get(self, send: Send, stale: str = "") -> str:
        """The token; a new one when it is about to expire or is the ``stale`` one that was refused."""
        with self._lock:
            if not self._token or self._token == stale or time.monotonic() > self._expires:
                self._renew(send)
            return self._token

    def authorised(self, send: Send, ask: Callable[[str], Reply]) -> Reply:
        """The reply to what ``ask`` sends with a token; a 401 renews the token once and asks again."""
        token = self.get(send)
        reply = ask(token)
        return ask(self.get(send, stale=token)) if reply.status == httpx.codes.UNAUTHORIZED else reply

    def _renew(self, send: Send) -> None:
        scope = {"scope": self._config.scope} if self._config.scope else {}
        form = {"grant_type": "client_credentials", **scope}
        self._token = ""
        try:
            reply = send("POST", self._config.token_url, **self._signed(form))
        except PeerError as error:  # nothing of the message went out yet
            raise PeerError(f"No token: {error}", error.error_class) from error
        if reply.status != httpx.codes.OK:
            kind = _kind(reply.status)
            hint = self._hint() if kind is ErrorClass.AUTH else ""
            raise PeerError(f"No token: HTTP {reply.status}{hint}.", kind)
        answer = reply.json()
        if not isinstance(answer, dict) or not answer.get("access_token"):
            raise PeerError("No token: the answer holds none.", ErrorClass.AUTH)
        self._token = str(answer["access_token"])
        self._expires = time.monotonic() + float(answer.get("expires_in", 300)) - EARLY

    def _signed(self, form: dict[str, str]) -> dict[str, Any]:
        """What a request for a token carries."""
        who = (self._config.client_id, self._secret)
        match self._config.client_auth:
            case "body":
                return {"data": {**form, "client_id": who[0], "client_secret": who[1]}}
            case "basic_raw":
                return {"data": form, "auth": who}
            case _:
                return {"data": form, "auth": _escaped(who)}

    def _hint(self) -> str:
        who = (self._config.client_id, self._secret)
        matters = self._config.client_auth != "body" and _escaped(who) != who
        return f"; check the client id and its secret{', and client_auth' if matters else ''}"


def check_client_auth(name: str) -> None:
    """Raises ConfigError."""
    if name not in CLIENT_AUTH:
        raise ConfigError(f"client_auth is one of {', '.join(CLIENT_AUTH)}, not {name[:20]!r}.")


def _escaped(who: tuple[str, str]) -> tuple[str, str]:
    """As application/x-www-form-urlencoded has it."""
    return quote_plus(who[0]), quote_plus(who[1])


def _kind(status: int) -> ErrorClass:
    if status in BUSY:
        return ErrorClass.BUSY
    return ErrorClass.SERVER if status >= httpx.codes.INTERNAL_SERVER_ERROR else ErrorClass.AUTH
