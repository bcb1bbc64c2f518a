"""One pooled HTTP client for every adapter that speaks HTTP: capped in size and time, and no redirect is followed."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import httpcore
import httpx
import orjson

from sync.adapters.base import ErrorClass, PeerError
from sync.network import Network, TargetRefused, target_may


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
        return seconds_to_wait(self.headers.get("retry-after", ""))


def seconds_to_wait(text: str) -> float | None:
    """What a peer asks for with Retry-After, in seconds or as a date (RFC 9110 section 10.2.3); None for neither."""
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=dt.UTC)  # "-0000": no zone is told
    return max((until - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)


class Limits(Protocol):
    """What a target's settings say about its replies."""

    @property
    def timeout(self) -> float: ...

    @property
    def max_reply(self) -> int: ...

    @property
    def verify(self) -> bool | str: ...


class Transport(httpx.HTTPTransport):
    """httpx's own, on sockets that lead where targets may be and that one deadline holds for."""

    def __init__(self, verify: bool | str, network: Network) -> None:
        super().__init__(verify=False, trust_env=False)  # of its own pool, which is replaced
        context = httpx.create_ssl_context(verify=verify, trust_env=False)
        self._pool = httpcore.ConnectionPool(ssl_context=context, keepalive_expiry=5.0, network_backend=network)


class Pool:
    """Connections to one peer. ``cookies``: keep those that it sets; else none is ever sent back."""

    def __init__(self, limits: Limits, *, cookies: bool = False, encoding: str = "identity") -> None:
        self._limits, self._cookies, self._encoding = limits, cookies, encoding
        self._network = Network(target_may, TargetRefused)
        self._client: httpx.Client | None = None

    def send(self, method: str, url: str, **request: Any) -> Reply:
        """A reply, whatever its status. Raises PeerError; ``maybe_applied`` unless no connection came about."""
        deadline = self._network.until = time.monotonic() + self._limits.timeout
        try:
            with self._open().stream(method, url, **request) as response:
                return Reply(response.status_code, response.headers, self._body(response, deadline))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise PeerError(f"No connection: {error}", ErrorClass.CONNECTION) from error
        except httpx.TimeoutException as error:
            raise PeerError(self._too_slow(), ErrorClass.TIMEOUT, maybe_applied=True) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise PeerError(f"The connection broke: {error}", ErrorClass.CONNECTION, maybe_applied=True) from error
        finally:
            self._forget_cookies()

    def _body(self, response: httpx.Response, deadline: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > self._limits.max_reply:
                text = f"The reply is larger than {self._limits.max_reply} bytes."
                raise PeerError(text, ErrorClass.PROTOCOL, maybe_applied=True)
            if time.monotonic() > deadline:
                raise PeerError(self._too_slow(), ErrorClass.TIMEOUT, maybe_applied=True)
        return bytes(body)

    def _too_slow(self) -> str:
        return f"No complete answer within {self._limits.timeout:g} s."

    def _open(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(
                timeout=self._limits.timeout,
                transport=Transport(self._limits.verify, self._network),
                follow_redirects=False,
                trust_env=False,
                headers={"Accept": "application/json", "Accept-Encoding": self._encoding},
            )
        return self._client

    def _forget_cookies(self) -> None:
        if self._client is not None and not self._cookies:
            self._client.cookies.clear()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
