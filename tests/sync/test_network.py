"""Where targets may be, whichever adapter asks."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from typing import Any

import pytest

from sync import network
from sync.adapters.base import ErrorClass, State
from tests.sync.adapters import factory
from tests.sync.adapters.conftest import Make, make, running_sandbox, sandbox

__all__ = ["make", "running_sandbox", "sandbox"]
METADATA = ("169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "224.0.0.1")


@pytest.mark.parametrize("address", METADATA)
def test_no_target_is_where_clouds_have_their_metadata(address: str) -> None:
    assert not network.target_may(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "203.0.113.9"])
def test_a_target_may_be_inside_the_hospital(address: str) -> None:
    assert network.target_may(address)


def test_with_a_list_only_what_it_names_is_allowed(settings: Any) -> None:
    settings.TARGET_NETWORKS = [ip_network("10.20.0.0/16")]
    assert network.target_may("10.20.3.4")
    assert network.target_may("::ffff:10.20.3.4")
    assert not network.target_may("10.21.0.1")
    assert not network.target_may("127.0.0.1")


@pytest.mark.parametrize("target", ["ehr", "erp", "supply"])
def test_no_adapter_connects_to_an_address_that_is_not_allowed(
    make: Make, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name means an allowed address when it is asked for the first time only."""
    connected: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda address, *_, **__: connected.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, **_: [(0, 0, 0, "", ("169.254.169.254", port))])
    names = {"base_url": "http://erp.example.org/api", "token_url": "http://erp.example.org/token"}
    adapter = make(target, **(names if target == "erp" else {"host": "target.example.org"}))

    (outcome,) = adapter.send(factory.rendered(adapter, factory.message("supplier")))

    assert connected == []
    assert (outcome.state, outcome.error_class) == (State.RETRY, ErrorClass.CONNECTION)
    assert "TARGET_NETWORKS" in outcome.error


def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(0, 0, 0, "", (address, port)) for address in ("169.254.169.254", "127.0.0.1")]

    with socket.create_server(("127.0.0.1", 0)) as server:
        real = socket.create_connection
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(socket, "create_connection", lambda address, timeout: _raw(real, address))
        with network.target_socket("ehr.example.org", server.getsockname()[1], 2.0) as opened:
            assert opened.getpeername()[0] == "127.0.0.1"
    assert asked == ["ehr.example.org"]


def _raw(_: Any, address: tuple[str, int]) -> socket.socket:
    opened = socket.socket()
    opened.connect(address)
    return opened
