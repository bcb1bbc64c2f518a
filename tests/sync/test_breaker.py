"""A target that stops answering: nothing is claimed for it until one lane got through."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from sync import breaker, outbox
from sync.adapters.base import ErrorClass, Outcome, State
from sync.breaker import Admission
from sync.models import Attempt, Breaker, Lane, Target
from tests.sync import kit
from tests.sync.peers import Peer

REJECTED = Outcome(State.REJECTED, error="bad", error_class=ErrorClass.REFUSED)


def fail(target: Target, times: int = 1) -> None:
    """Batches that meet a dead connection."""
    for _ in range(times):
        kit.make_due(target)
        kit.deliver_batch(target)


def past(target: Target) -> None:
    """As if the breaker's wait were over."""
    Breaker.objects.filter(target=target).update(retry_at=timezone.now())


def test_it_opens_after_five_failures_in_a_row_and_stops_claiming(target: Target, peer: Peer) -> None:
    kit.create_many("supplier", 10)
    peer.down = True
    fail(target, 4)
    assert Breaker.objects.get().state == "closed"
    fail(target)
    assert Breaker.objects.get().state == "open"

    attempts = list(Lane.objects.order_by("pk").values_list("attempts", flat=True))
    fail(target, 3)
    assert list(Lane.objects.order_by("pk").values_list("attempts", flat=True)) == attempts
    assert outbox.due_targets() == []


def test_records_that_somebody_edits_at_the_target_do_not_stop_the_others(target: Target, peer: Peer) -> None:
    conflict = Outcome(State.RETRY, error="changed meanwhile", error_class=ErrorClass.CONFLICT)
    peer.answers = {record.public_id: conflict for record in kit.create_many("supplier", 5)}
    fail(target, 6)
    assert not Breaker.objects.exclude(state="closed").exists()
    assert not Attempt.objects.filter(peer_failed=True).exists()


def test_a_success_in_between_starts_the_count_anew(target: Target, peer: Peer) -> None:
    kit.create_many("supplier", 3)
    peer.down = True
    fail(target, 4)
    peer.down = False
    fail(target)
    assert Breaker.objects.get().failures == 0
    kit.create("location")
    peer.down = True
    fail(target, 4)
    assert Breaker.objects.get().state == "closed"


def test_after_the_wait_one_lane_tries_and_its_failure_costs_no_attempt(target: Target, peer: Peer) -> None:
    kit.create_many("supplier", 10)
    peer.down = True
    fail(target, 5)
    before = list(Lane.objects.order_by("pk").values_list("attempts", flat=True))
    tried = Attempt.objects.count()
    past(target)
    fail(target)
    assert Attempt.objects.count() == tried + 1
    assert list(Lane.objects.order_by("pk").values_list("attempts", flat=True)) == before
    assert Breaker.objects.get().state == "open"


def test_each_failed_try_doubles_the_wait_up_to_ten_minutes(target: Target, peer: Peer) -> None:
    Target.objects.update(pace=1.0)
    target.refresh_from_db()
    kit.create()
    peer.down = True
    fail(target, 5)
    waits = []
    for _ in range(6):
        waits.append((Breaker.objects.get().retry_at - timezone.now()).total_seconds())
        past(target)
        fail(target)
    assert waits == pytest.approx([30, 60, 120, 240, 480, 600], abs=3)


def test_it_closes_when_the_try_gets_an_answer_and_everything_is_delivered(target: Target, peer: Peer) -> None:
    kit.create_many("supplier", 10)
    peer.down = True
    fail(target, 5)
    peer.down = False
    past(target)
    kit.make_due(target)
    kit.deliver(target)
    row = Breaker.objects.get()
    assert (row.state, row.failures, row.trips, row.retry_at) == ("closed", 0, 0, None)
    assert len(peer.records) == 10


def test_a_refusal_is_an_answer(target: Target, peer: Peer) -> None:
    golden = kit.create()
    peer.down = True
    fail(target, 5)
    peer.down = False
    peer.answers[golden.public_id] = REJECTED
    past(target)
    fail(target)
    assert Breaker.objects.get().state == "closed"


def test_only_one_worker_gets_the_try(target: Target, peer: Peer) -> None:
    kit.create_many("supplier", 3)
    peer.down = True
    fail(target, 5)
    past(target)
    kit.make_due(target)
    assert len(outbox.claim(target)) == 1
    assert outbox.claim(target) == []


def test_the_try_is_given_again_when_its_worker_dies(target: Target, peer: Peer) -> None:
    kit.create()
    peer.down = True
    fail(target, 5)
    past(target)
    kit.make_due(target)
    outbox.claim(target)
    assert Breaker.objects.get().retry_at > timezone.now() + dt.timedelta(seconds=target.lease_seconds - 5)
    past(target)
    kit.make_due(target)
    assert len(outbox.claim(target)) == 1


def test_a_try_without_a_lane_is_not_used_up(target: Target, peer: Peer) -> None:
    kit.create()
    peer.down = True
    fail(target, 5)
    past(target)
    Lane.objects.update(due_at=timezone.now() + dt.timedelta(hours=1))
    assert outbox.claim(target) == []
    assert Breaker.objects.get().state == "open"


def test_a_try_whose_lane_has_nothing_to_send_passes_to_the_next(target: Target, peer: Peer) -> None:
    supplier = kit.create("supplier")
    peer.down = True
    fail(target, 5)
    peer.down = False
    item = kit.create("item", preferred_supplier=supplier)
    kit.make_due(target)
    Lane.objects.filter(record=item).update(due_at=timezone.now() - dt.timedelta(hours=1))  # the oldest: it tries first
    past(target)
    kit.deliver(target)
    assert Breaker.objects.get().state == "closed"
    assert set(peer.records) == {supplier.public_id, item.public_id}


def test_it_opens_when_half_of_the_last_minute_failed(target: Target, peer: Peer) -> None:
    golden = kit.create()
    now = timezone.now()

    def attempts(count: int, *, failed: bool, age: float = 1) -> None:
        at = now - dt.timedelta(seconds=age)
        Attempt.objects.bulk_create(
            Attempt(
                lane=kit.lane(target, golden), target=target, version=1, generation=1, kind="upsert", outcome="retry",
                peer_failed=failed, payload_hash=b"", started_at=at, finished_at=at,
            )
            for _ in range(count)
        )  # fmt: skip

    def opens() -> bool:
        Breaker.objects.all().delete()
        Breaker.objects.create(target=target, changed_at=now - dt.timedelta(hours=1))
        with transaction.atomic():
            breaker.observe(target, [True, False])
            return Breaker.objects.get().state == "open"

    attempts(9, failed=True)
    attempts(10, failed=False)
    assert not opens()  # too few to tell
    attempts(50, failed=False, age=120)
    attempts(1, failed=True)
    assert opens()  # 10 of 20, those of two minutes ago don't count
    attempts(2, failed=False)
    assert not opens()  # 10 of 22


def test_it_is_shared_through_the_database(target: Target, peer: Peer) -> None:
    Breaker.objects.create(
        target=target, state="open", changed_at=timezone.now(), retry_at=timezone.now() + dt.timedelta(minutes=1)
    )
    kit.create()
    with transaction.atomic():
        assert breaker.admission(target) is Admission.NONE
    assert kit.deliver(target).claimed == 0


def test_a_dead_target_does_not_hold_up_another(target: Target, peer: Peer) -> None:
    other = kit.make_target("supply")
    kit.create_many("supplier", 20)
    peer.down = True
    fail(target, 6)
    kit.deliver(other)
    assert len(kit.peer_of(other).records) == 20
