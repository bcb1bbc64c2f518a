"""POST to an address that a user chose: only to where such an address may lead.

The name is resolved here, once, and the connection goes to the very address that was looked at, so that a name can't
mean another one a moment later (DNS rebinding). The certificate is still checked against the name. Redirects aren't
followed, proxies of the environment aren't used: they would resolve the name again.

Receivers of hospitals are on private networks, which are therefore allowed. This machine, link-local addresses and the
metadata services of clouds aren't, unless WEBHOOK_NETWORKS says so.

A call as a whole has so many seconds, however slowly the receiver reads or writes. Of the answer's body only a little
is read, so that the connection can be used again.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import httpcore
import httpx
from django.conf import settings

SECONDS = 10.0  # that a call may take
BODY, BODY_SECONDS = 16_384, 1.0  # bytes of an answer's body, and the time for them; else the connection is closed
# The bases of httpcore's errors, and what a name that can't be one raises.
ERRORS = (
    httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol,
    httpx.InvalidURL, UnicodeError,
)  # fmt: skip
_REFUSED = [
    ip_network(network)
    for network in (
        "0.0.0.0/8", "127.0.0.0/8", "::/127",  # this machine
        "169.254.0.0/16", "fe80::/10",  # link-local, where most clouds have their metadata
        "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::/32",  # Alibaba, Azure, Oracle, AWS
        "224.0.0.0/3", "ff00::/8",  # multicast, reserved, broadcast
    )
]  # fmt: skip
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: the IPv4 address is in the last 32 bits


class AddressRefused(httpcore.ConnectError):
    """The receiver is where webhooks may not go: this machine, a link-local network or a cloud's metadata service.

    An administrator can allow a network with WEBHOOK_NETWORKS.
    """


def allowed(address: str) -> bool:
    """Whether webhooks may go to this IP address."""
    ip = _meant(ip_address(address))
    return any(ip in network for network in settings.WEBHOOK_NETWORKS) or not any(ip in net for net in _REFUSED)


def _meant(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(ip, IPv4Address):
        return ip
    return ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip)


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return [str(address[0]) for *_, address in found]


class _Network(httpcore.NetworkBackend):
    """Sockets to allowed addresses, of use until a moment that is set anew for each call."""

    def __init__(self) -> None:
        self.until = time.monotonic() + SECONDS
        self._sockets = httpcore.SyncBackend()

    def left(self) -> float:
        if (seconds := self.until - time.monotonic()) <= 0:
            raise httpcore.ReadTimeout("The receiver took too long.")
        return seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = AddressRefused(host)
        addresses = [address for address in _resolve(host, port) if allowed(address)]
        for number, address in enumerate(addresses):
            share = self.left() / (len(addresses) - number)  # if it leads nowhere, the others have the rest
            try:
                return _Stream(self._sockets.connect_tcp(address, port, share, local_address, socket_options), self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


class _Stream(httpcore.NetworkStream):
    """Every step has what is left of the call's time, instead of a time of its own that a trickle renews for ever."""

    def __init__(self, stream: httpcore.NetworkStream, network: _Network) -> None:
        self._stream, self._network = stream, network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._network.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._network.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, self._network.left()), self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Caller:
    """Keeps its connections until it is closed. Of one thread."""

    def __init__(self) -> None:
        self._network = _Network()
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
