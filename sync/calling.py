"""POST to an address that a user chose: only to where such an address may lead.

The connection goes to the very address that was looked at (``sync.network``); the certificate is still checked against
the name. Redirects aren't followed, proxies of the environment aren't used: they would resolve the name again.

Receivers of hospitals are on private networks, which are therefore allowed. This machine, link-local addresses and the
metadata services of clouds aren't, unless WEBHOOK_NETWORKS says so.

A call as a whole has so many seconds, however slowly the receiver reads or writes. Of the answer's body only a little
is read, so that the connection can be used again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

import httpcore
import httpx
from django.conf import settings

from sync import network

SECONDS = 10.0  # that a call may take
BODY, BODY_SECONDS = 16_384, 1.0  # bytes of an answer's body, and the time for them; else the connection is closed
# The bases of httpcore's errors, and what a name that can't be one raises.
ERRORS = (
    httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol,
    httpx.InvalidURL, UnicodeError,
)  # fmt: skip


class AddressRefused(network.AddressRefused):
    """The receiver is where webhooks may not go: this machine, a link-local network or a cloud's metadata service.

    An administrator can allow a network with WEBHOOK_NETWORKS.
    """


def allowed(address: str) -> bool:
    """Whether webhooks may go to this IP address."""
    ip = network.meant(address)
    if any(ip in net for net in settings.WEBHOOK_NETWORKS):
        return True
    return not any(ip in net for net in (*network.THIS_MACHINE, *network.NO_RECEIVER))


class Caller:
    """Keeps its connections until it is closed. Of one thread."""

    def __init__(self) -> None:
        self._network = network.Network(allowed, AddressRefused)
        self._pool = httpcore.ConnectionPool(ssl_context=httpx.create_ssl_context(), network_backend=self._network)

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> tuple[int, str | None]:
        """Status and Retry-After of the answer. Raises one of ``ERRORS``."""
        self._network.until = time.monotonic() + SECONDS
        with self._pool.stream("POST", _target(url), headers=[*headers.items()], content=body) as answer:
            self._network.until = min(self._network.until, time.monotonic() + BODY_SECONDS)
            _drain(answer)
        told = {name.lower(): value for name, value in answer.headers}
        return answer.status, told.get(b"retry-after", b"").decode("latin-1") or None


def _drain(answer: httpcore.Response) -> None:
    """What becomes of the body doesn't matter: the status has been told."""
    read = 0
    with suppress(*ERRORS):
        for part in answer.iter_stream():
            read += len(part)
            if read > BODY:
                return


def _target(url: str) -> httpcore.URL:
    parts = httpx.URL(url)
    return httpcore.URL(scheme=parts.raw_scheme, host=parts.raw_host, port=parts.port, target=parts.raw_path)
