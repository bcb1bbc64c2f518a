"""Targets behind an in-memory peer; wake-ups stay at home, so that no worker of somebody else takes part."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync import targets, wakeups
from sync.adapters import registry
from sync.models import Target
from tests.sync import kit
from tests.sync.peers import PEERS, Peer


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The targets that workers were woken for."""
    calls: list[int] = []
    monkeypatch.setattr(wakeups, "wake", lambda target_id: calls.append(target_id) or True)
    return calls


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch, woken: list[int]) -> Iterator[dict[str, Peer]]:
    monkeypatch.setitem(registry.ADAPTERS, "peer", ("In-memory peer", "tests.sync.peers:PeerAdapter"))
    PEERS.clear()
    targets.forget_all()
    yield PEERS
    targets.forget_all()


@pytest.fixture
def target(transactional_db: None, peers: dict[str, Peer]) -> Target:
    return kit.make_target()


@pytest.fixture
def peer(target: Target) -> Peer:
    return kit.peer_of(target)
