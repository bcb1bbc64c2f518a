"""Batches that overlap: the next is made ready while one is on the wire, and nothing of the order is lost by it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from sync import outbox
from sync.models import Attempt, Target
from sync.steps import Claim
from tests.sync import kit
from tests.sync.peers import Peer

PATIENCE = 10  # seconds


@pytest.fixture
def second_claim(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once two batches have been claimed."""
    claims, event, original = 0, threading.Event(), outbox.claim

    def claim(target: Target, *, limit: int | None = None) -> list[Claim]:
        nonlocal claims
        found = original(target, limit=limit)
        claims += 1
        if claims == 2:
            event.set()
        return found

    monkeypatch.setattr(outbox, "claim", claim)
    return event


def test_the_next_batch_is_claimed_while_one_is_on_the_wire(
    target: Target, peer: Peer, second_claim: threading.Event
) -> None:
    goldens = kit.create_many("supplier", 3)
    target.batch_size = 1
    peer.during_send = lambda batch: claimed.append(second_claim.wait(PATIENCE))
    claimed: list[bool] = []
    assert kit.deliver(target).outcomes == {"acknowledged": 3}
    assert all(claimed)
    assert [message.record for message in peer.received] == [golden.public_id for golden in goldens]


def test_what_was_made_ready_behind_a_dead_connection_is_not_tried(target: Target, peer: Peer) -> None:
    first, second = kit.create(name="first"), kit.create(name="second")
    target.batch_size = 1
    peer.down = True
    assert kit.deliver(target).outcomes == {"retry": 1, "not_sent": 1}
    assert (kit.lane(target, first).attempts, kit.lane(target, second).attempts) == (1, 0)
    assert Attempt.objects.count() == 1


def test_a_batch_whose_lease_ends_before_its_turn_is_not_sent(
    target: Target, peer: Peer, second_claim: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.create_many("supplier", 2)
    target.batch_size, target.lease_seconds = 1, 10
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(outbox.time, "monotonic", lambda: clock.now)

    def slow(batch: Sequence[object]) -> None:
        assert second_claim.wait(PATIENCE)
        clock.now += 11

    peer.during_send = slow
    assert kit.deliver(target).outcomes == {"acknowledged": 1, "not_sent": 1}
    assert len(peer.received) == 1


def test_a_throttle_counts_every_batch_before_the_next_is_claimed(target: Target, peer: Peer) -> None:
    kit.create_many("supplier", 4)
    target.batch_size, target.per_minute = 1, 2
    assert kit.deliver(target).outcomes == {"acknowledged": 2}
