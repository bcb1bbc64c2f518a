"""One pooled HTTP client: OAuth2 token kept and renewed once, replies capped in size and time, no redirects."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar

import httpx
import orjson

from sync.adapters.base import ErrorClass, PeerError
from sync.adapters.options import Secrets

from .config import RestConfig

EARLY = 30.0  # seconds before its expiry that a token is renewed


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body. Raises PeerError when it is not JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise PeerError(f"HTTP {self.status} with a body that is not JSON.", ErrorClass.PROTOCOL) from error

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, where the peer says so in seconds (RFC 9110 section 10.2.3)."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdigit() else None


Send = Callable[..., Reply]


class Http:
    """``request`` answers with a Reply or raises PeerError; it never follows a redirect."""

    def __init__(self, config: RestConfig, secrets: Secrets) -> None:
        self._config = config
        self._tokens = TokenCache.shared(config, secrets)
        self._client: httpx.Client | None = None

    def request(self, method: str, path: str, *, content: bytes = b"", headers: Mapping[str, str] | None = None,
                params: Any = None) -> Reply:  # fmt: skip
        """One request with the token; a 401 renews the token once and asks again."""
        token = self._tokens.get(self._send)
        reply = self._authorised(token, method, path, content, headers, params)
        if reply.status == httpx.codes.UNAUTHORIZED:
            token = self._tokens.get(self._send, stale=token)
            reply = self._authorised(token, method, path, content, headers, params)
        return reply

    def _authorised(self, token: str, method: str, path: str, content: bytes, headers: Mapping[str, str] | None,
                    params: Any) -> Reply:  # fmt: skip
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})}
        return self._send(method, f"{self._config.base_url}{path}", content=content, headers=sent, params=params)

    def _send(self, method: str, url: str, **request: Any) -> Reply:
        deadline = time.monotonic() + self._config.timeout
        try:
            with self._pool().stream(method, url, **request) as response:
                body = self._body(response, deadline)
                return Reply(response.status_code, response.headers, body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise PeerError(f"No connection: {error}", ErrorClass.CONNECTION) from error
        except httpx.TimeoutException as error:
            raise PeerError(self._too_slow(), ErrorClass.TIMEOUT, maybe_applied=True) from error
        except httpx.TransportError as error:
            raise PeerError(f"The connection broke: {error}", ErrorClass.CONNECTION, maybe_applied=True) from error

    def _body(self, response: httpx.Response, deadline: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > self._config.max_reply:
                text = f"The reply is larger than {self._config.max_reply} bytes."
                raise PeerError(text, ErrorClass.PROTOCOL, maybe_applied=True)
            if time.monotonic() > deadline:
                raise PeerError(self._too_slow(), ErrorClass.TIMEOUT, maybe_applied=True)
        return bytes(body)

    def _too_slow(self) -> str:
        return f"No complete answer within {self._config.timeout:g} s."

    def _pool(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(
                timeout=self._config.timeout,
                verify=self._config.verify,
                follow_redirects=False,
                trust_env=False,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            )
        return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class TokenCache:
    """One access token for all adapters of a process that log in as the same client: one renewal among many."""

    _caches: ClassVar[dict[tuple[str, str], TokenCache]] = {}

    @classmethod
    def shared(cls, config: RestConfig, secrets: Secrets) -> TokenCache:
        credentials = (config.client_id, secrets.get(config.client_secret))
        cache = cls._caches.setdefault((config.token_url, credentials[0]), cls(config))
        cache._credentials = credentials
        return cache

    def __init__(self, config: RestConfig) -> None:
        self._config = config
        self._credentials = ("", "")
        self._lock = Lock()
        self._token = ""
        self._expires = 0.0

    def get(self, send: Send, stale: str = "") -> str:
        """The token; a new one when it is about to expire or is the ``stale`` one that was refused."""
        with self._lock:
            if not self._token or self._token == stale or time.monotonic() > self._expires:
                self._renew(send)
            return self._token

    def _renew(self, send: Send) -> None:
        form = {"grant_type": "client_credentials", "scope": self._config.scope}
        self._token = ""
        try:
            reply = send("POST", self._config.token_url, data=form, auth=self._credentials)
        except PeerError as error:  # nothing of the message went out yet
            raise PeerError(f"No token: {error}", error.error_class) from error
        if reply.status != httpx.codes.OK:
            kind = ErrorClass.AUTH if reply.status < httpx.codes.INTERNAL_SERVER_ERROR else ErrorClass.SERVER
            raise PeerError(f"No token: HTTP {reply.status}; check the client id and its secret.", kind)
        answer = reply.json()
        if not isinstance(answer, dict) or not answer.get("access_token"):
            raise PeerError("No token: the answer holds none.", ErrorClass.AUTH)
        self._token = str(answer["access_token"])
        self._expires = time.monotonic() + float(answer.get("expires_in", 300)) - EARLY
