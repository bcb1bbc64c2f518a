"""POST to an address that a user chose: only to where such an address may lead.

The name is resolved here, once, and the connection goes to the very address that was looked at, so that a name can't
mean another one a moment later (DNS rebinding). The certificate is still checked against the name. Redirects aren't
followed, proxies of the environment aren't used: they would resolve the name again.

Receivers of hospitals are on private networks, which are therefore allowed. This machine, link-local addresses and the
metadata services of clouds aren't, unless WEBHOOK_NETWORKS says so.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import httpcore
import httpx
from django.conf import settings

SECONDS = 10.0  # for connecting, and for each read and write
_TIMEOUT = dict.fromkeys(("connect", "read", "write", "pool"), SECONDS)
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
    """Sockets to allowed addresses."""

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = AddressRefused(host)
        for address in filter(allowed, _resolve(host, port)):
            try:
                return self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error  # the name may have other addresses
        raise failed


class Caller:
    """Keeps its connections until it is closed. Of one thread."""

    def __init__(self) -> None:
        self._pool = httpcore.ConnectionPool(ssl_context=httpx.create_ssl_context(), network_backend=_Network())

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> tuple[int, str | None]:
        """Status and Retry-After of the answer. Raises one of ``ERRORS``."""
        answer = self._pool.request(
            "POST", _target(url), headers=[*headers.items()], content=body, extensions={"timeout": _TIMEOUT}
        )
        told: dict[bytes, bytes] = {name.lower(): value for name, value in answer.headers}
        return answer.status, told.get(b"retry-after", b"").decode("latin-1") or None


def _target(url: str) -> httpcore.URL:
    parts: Any = httpx.URL(url)
    return httpcore.URL(scheme=parts.raw_scheme, host=parts.raw_host, port=parts.port, target=parts.raw_path)
