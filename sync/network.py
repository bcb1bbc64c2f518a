"""Sockets to where they may lead, with one deadline for a whole exchange.

A name is resolved here, once, and the connection goes to the very address that was looked at, so that it can't mean
another one a moment later (DNS rebinding). Which addresses are allowed is the caller's to say: users choose where
webhooks go (``sync.calling``), administrators where targets are.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpcore
from django.conf import ENVIRONMENT_VARIABLE, settings

Address = IPv4Address | IPv6Address
May = Callable[[str], bool]

THIS_MACHINE = tuple(map(ip_network, ("0.0.0.0/8", "127.0.0.0/8", "::/127")))
# Where no receiver of records is: link-local, where most clouds have their metadata; the metadata services of Alibaba,
# Azure, Oracle and AWS; multicast, reserved, broadcast.
NO_RECEIVER = tuple(
    map(
        ip_network,
        (
            "169.254.0.0/16", "fe80::/10",
            "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::/32",
            "224.0.0.0/3", "ff00::/8",
        ),
    )
)  # fmt: skip
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the IPv4 address is in the last 32 bits


class AddressRefused(httpcore.ConnectError):
    """The address is none that Concord may connect to. An administrator can allow its network."""


class TargetRefused(AddressRefused):
    """The target's address is outside of TARGET_NETWORKS, or where clouds have their metadata."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host}: {' '.join((self.__doc__ or '').split())}")


def target_may(address: str) -> bool:
    """Whether a target may have this IP address: within TARGET_NETWORKS; if that is empty, wherever receivers are."""
    ip = meant(address)
    if allowed := _target_networks():
        return any(ip in network for network in allowed)
    return not any(ip in network for network in NO_RECEIVER)


def _target_networks() -> Sequence[IPv4Network | IPv6Network]:
    """TARGET_NETWORKS; none where an adapter is used by itself, in a program that has no settings."""
    if not settings.configured and ENVIRONMENT_VARIABLE not in os.environ:
        return ()
    networks: Sequence[IPv4Network | IPv6Network] = settings.TARGET_NETWORKS
    return networks


def meant(address: str) -> Address:
    """The IP address; the IPv4 one that an IPv6 one stands for, if it does."""
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return ip
    return ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip)


def resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return [str(address[0]) for *_, address in found]


def target_addresses(host: str, port: int) -> list[str]:
    """The addresses of a target. Raises OSError for a name that leads nowhere, or nowhere it may."""
    try:
        addresses = [address for address in resolve(host, port) if target_may(address)]
    except httpcore.ConnectError as error:
        raise OSError(str(error)) from error
    if not addresses:
        raise OSError(str(TargetRefused(host)))
    return addresses


def target_socket(host: str, port: int, timeout: float) -> socket.socket:
    """A connection to a target, to the first of its addresses that answers. Raises OSError."""
    end, failed = time.monotonic() + timeout, OSError(f"{host} has no address")
    addresses = target_addresses(host, port)
    for number, address in enumerate(addresses):
        share = max(end - time.monotonic(), 0.001) / (len(addresses) - number)
        try:
            return socket.create_connection((address, port), share)
        except OSError as error:
            failed = error
    raise failed


class Network(httpcore.NetworkBackend):
    """httpcore's sockets, to allowed addresses, of use until a moment that is set anew for each exchange."""

    def __init__(self, may: May, refused: type[AddressRefused] = AddressRefused) -> None:
        self.until = time.monotonic()
        self._may, self._refused = may, refused
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
        failed: Exception = self._refused(host)
        addresses = [address for address in resolve(host, port) if self._may(address)]
        for number, address in enumerate(addresses):
            share = self.left() / (len(addresses) - number)  # if it leads nowhere, the others have the rest
            try:
                return Stream(self._sockets.connect_tcp(address, port, share, local_address, socket_options), self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


class Stream(httpcore.NetworkStream):
    """Every step has what is left of the exchange's time, instead of its own that a trickle renews for ever."""

    def __init__(self, stream: httpcore.NetworkStream, network: Network) -> None:
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
        return Stream(self._stream.start_tls(ssl_context, server_hostname, self._network.left()), self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
