"""One SAP service over HTTP: log in, fetch the CSRF token and keep it with all cookies, send batches."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from sync.adapters.base import ErrorClass, Outcome, PeerError, State
from sync.adapters.http import Pool, Reply
from sync.adapters.oauth import TokenCache
from sync.adapters.options import Secrets

from .batch import Request, decode, encode
from .config import ODataConfig

TOKEN = "x-csrf-token"  # noqa: S105 - a header
# OData v2 answers every part of a batch; what was built on v4 stops at the first that fails, a record that isn't there
# yet, unless it is told (OData 4.01, Part 1: Protocol, section 8.2.8.3).
GO_ON = {"Prefer": "odata.continue-on-error"}


class Service:
    """``name`` is the service's: ``API_PRODUCT_SRV``. Cookies belong to the token, so each service has its own."""

    def __init__(self, name: str, config: ODataConfig, secrets: Secrets) -> None:
        self.name, self._url = name, f"{config.base_url.rstrip('/')}/{name}"
        self._config = config
        self._pool = Pool(config, cookies=True)
        self._tokens = TokenCache.shared(config, secrets) if config.token_url else None
        self._basic = "" if self._tokens else _basic(config.username, secrets.get(config.password))
        self._csrf = ""

    def get(self, path: str, **params: Any) -> Any:
        """What ``d`` holds. Raises PeerError for anything but 200."""
        reply = self._send("GET", path, params={"$format": "json", **params})
        answer = reply.json() if reply.status == 200 else None
        if not isinstance(answer, dict) or "d" not in answer:
            raise PeerError(f"Reading {self.name}/{path}: HTTP {reply.status}.", _kind(reply.status))
        return answer["d"]

    def batch(self, parts: Sequence[Request | Sequence[Request]]) -> list[list[Reply]]:
        """The replies to each part. Raises PeerError when the batch as a whole fails, or parts are missing."""
        kind, body = encode(parts)
        reply = self._post(kind, body)
        if reply.status not in (200, 202):
            raise _failed(reply)
        replies = decode(reply)
        if len(replies) != len(parts):
            text = f"{len(parts)} parts were sent and {len(replies)} answered."
            raise PeerError(text, ErrorClass.PROTOCOL, maybe_applied=True)
        return replies

    def _post(self, kind: str, body: bytes) -> Reply:
        """With the token; one that is no longer valid is fetched again once."""
        reply = self._send("POST", "$batch", content=body, headers=self._with_token(kind))
        if reply.status == 403 and reply.headers.get(TOKEN, "").lower() == "required":
            self._csrf = ""
            reply = self._send("POST", "$batch", content=body, headers=self._with_token(kind))
        return reply

    def _with_token(self, kind: str) -> dict[str, str]:
        if not self._csrf:
            try:
                reply = self._send("GET", "", headers={TOKEN: "Fetch"}, params={"$format": "json"})
            except PeerError as error:  # nothing of the message went out yet
                raise PeerError(f"No CSRF token: {error}", error.error_class) from error
            self._csrf = reply.headers.get(TOKEN, "") if reply.status == 200 else ""
            if not self._csrf:
                raise PeerError(f"No CSRF token: HTTP {reply.status}.", _kind(reply.status))
        return {"Content-Type": kind, TOKEN: self._csrf, "Accept": "multipart/mixed", **GO_ON}

    def _send(self, method: str, path: str, *, params: Any = None, **request: Any) -> Reply:
        params = {**(params or {}), **({"sap-client": self._config.client} if self._config.client else {})}
        headers = request.pop("headers", {})

        def ask(authorization: str) -> Reply:
            sent = {"Authorization": authorization, "Accept": "application/json", **headers}
            return self._pool.send(method, f"{self._url}/{path}", params=params, headers=sent, **request)

        if self._tokens is None:
            return ask(self._basic)
        return self._tokens.authorised(self._pool.send, lambda token: ask(f"Bearer {token}"))

    def close(self) -> None:
        self._pool.close()
        self._csrf = ""


def _basic(username: str, password: str) -> str:
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()


def _kind(status: int) -> ErrorClass:
    if status in (401, 403):
        return ErrorClass.AUTH
    if status in (408, 425, 429, 503):
        return ErrorClass.BUSY
    return ErrorClass.SERVER if status >= 500 else ErrorClass.PROTOCOL


class Busy(PeerError):
    """The service asks to come back after ``retry_after`` seconds."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message, ErrorClass.BUSY)
        self.retry_after = retry_after

    def outcome(self) -> Outcome:
        return Outcome(State.RETRY, error=str(self), error_class=self.error_class, retry_after=self.retry_after)


def _failed(reply: Reply) -> PeerError:
    if _kind(reply.status) == ErrorClass.BUSY:
        return Busy(f"HTTP {reply.status}", reply.retry_after)
    hint = " Redirects are not followed; correct the target's base_url." if 300 <= reply.status < 400 else ""
    return PeerError(f"HTTP {reply.status}.{hint}", _kind(reply.status), maybe_applied=reply.status >= 500)
