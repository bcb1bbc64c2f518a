"""One change on its way to a target: what is sent, in which order, and what the lane says afterwards."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.utils import timezone

from mdm.models import AuditEntry, Crosswalk, Delivered, WorkItem
from sync import backoff, outbox, settle, targets
from sync.adapters.base import ErrorClass, Outcome, Receipt, State
from sync.compose import compose
from sync.models import Attempt, Breaker, Lane, Letter, Target
from sync.verdicts import judge
from tests.sync import kit
from tests.sync.kit import Kind
from tests.sync.peers import Peer

REJECTED = Outcome(State.REJECTED, error="no such unit", error_class=ErrorClass.VALIDATION)
LOST = Outcome(State.UNKNOWN, error="no usable answer", error_class=ErrorClass.PROTOCOL)
BUSY = Outcome(State.RETRY, error="busy", error_class=ErrorClass.BUSY, retry_after=90)


def test_a_change_is_delivered_acknowledged_and_remembered(target: Target, peer: Peer) -> None:
    golden = kit.create("supplier", "Acme Medical")

    tally = kit.deliver(target)

    lane = kit.lane(target, golden)
    assert tally.outcomes == {"acknowledged": 1}
    assert (lane.acked, lane.head, lane.state, lane.due_at, lane.active) == (1, 1, "open", None, True)
    assert peer.records[golden.public_id].values["name"] == "Acme Medical"
    told = Delivered.objects.get(system=target.system, golden=golden)
    assert (told.version, told.values["name"]) == (1, "Acme Medical")
    assert Crosswalk.objects.get(code=f"T-{golden.public_id}").golden == golden
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.receipt, attempt.version) == ("acknowledged", "ok", 1)


def test_the_own_code_that_a_target_gave_goes_out_with_the_next_version(target: Target, peer: Peer) -> None:
    golden = kit.create()
    kit.deliver(target)
    kit.update(golden, name="Acme 2")
    kit.deliver(target)
    assert [m.payload["target_codes"] for m in peer.received] == [[], [{"code": f"T-{golden.public_id}", "uom": ""}]]


@pytest.mark.parametrize("state", [State.REJECTED, State.RETRY, State.ACKNOWLEDGED])
def test_words_of_a_peer_that_no_column_takes_stop_nothing(target: Target, peer: Peer, state: State) -> None:
    golden = kit.create()
    words = "bad\x00 \ud800 news"
    peer.answers[golden.public_id] = Outcome(state, receipt=words, error=words, error_class=ErrorClass.VALIDATION)
    kit.deliver(target)
    assert Attempt.objects.get().receipt == "bad\N{REPLACEMENT CHARACTER} ? news"


def test_words_of_a_peer_that_are_too_long_leave_the_batch_to_be_settled(target: Target, peer: Peer) -> None:
    coded, refused, other = (kit.create(name=name) for name in ("coded", "refused", "other"))
    peer.answers[coded.public_id] = Outcome(State.ACKNOWLEDGED, target_code="X" * 500)
    peer.answers[refused.public_id] = Outcome(State.REJECTED, "r" * 5000, error="e" * 5000, error_class="c" * 50)
    kit.deliver(target)
    assert [kit.lane(target, golden).acked for golden in (coded, refused, other)] == [1, 0, 1]
    assert kit.lane(target, refused).state == Lane.State.DEAD
    assert Crosswalk.objects.get().golden == other


def test_nothing_is_sent_while_a_transaction_is_open(target: Target, peer: Peer) -> None:
    kit.create()
    with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
        kit.deliver(target)
    assert peer.received == []


def test_snapshots_are_coalesced_to_the_newest(target: Target, peer: Peer) -> None:
    golden = kit.create(name="one")
    for name in ("two", "three", "four"):
        kit.update(golden, name=name)
    kit.deliver(target)
    assert peer.said(golden.public_id) == [(4, "upsert")]
    assert peer.records[golden.public_id].values["name"] == "four"


def test_retirement_merge_and_unmerge_are_never_coalesced(target: Target, peer: Peer) -> None:
    survivor, loser = kit.create(name="survivor"), kit.create(name="loser")
    kit.deliver(target)
    kit.merge(loser, survivor)
    kit.update(loser, Kind.UNMERGED)
    kit.update(loser, name="again")
    kit.update(loser, Kind.RETIRED)
    kit.deliver(target)
    assert peer.said(loser.public_id) == [(1, "upsert"), (2, "merge"), (3, "unmerge"), (5, "retire")]
    merge = next(m for m in peer.received if m.kind == "merge")
    assert (merge.payload["status"], merge.payload["merged_into"]) == ("merged", survivor.public_id)
    assert not peer.records[loser.public_id].active


def test_a_merged_record_waits_until_the_target_confirms_its_survivor(target: Target, peer: Peer) -> None:
    survivor, loser = kit.create(name="survivor"), kit.create(name="loser")
    kit.deliver(target)
    peer.answers[survivor.public_id] = BUSY
    kit.merge(loser, survivor)
    kit.deliver(target)
    held = kit.lane(target, loser)
    assert (held.state, held.waits_for, held.waits_version) == ("held", survivor, 2)

    peer.answers.clear()
    kit.make_due(target)
    kit.deliver(target)
    assert peer.said(loser.public_id)[-1] == (2, "merge")
    assert kit.lane(target, loser).in_step


def test_what_a_target_was_never_told_is_not_retired_there(target: Target, peer: Peer) -> None:
    golden = kit.create()
    kit.update(golden, Kind.RETIRED)
    kit.deliver(target)
    assert peer.received == []
    assert kit.lane(target, golden).in_step


def test_every_attempt_sends_the_same_bytes_under_the_same_key(target: Target, peer: Peer) -> None:
    golden = kit.create()
    peer.answers[golden.public_id] = LOST
    kit.deliver(target)
    type(golden.attributes).objects.update(name="changed without a version")  # rendering again would show it
    peer.answers.clear()
    kit.make_due(target)
    kit.deliver(target)
    first, second = peer.received
    assert first.key == second.key
    assert peer.bodies[0] == peer.bodies[1]
    assert set(peer.effects.values()) == {1}
    hashes = Attempt.objects.values_list("payload_hash", flat=True)
    assert len({bytes(h) for h in hashes}) == 1


def test_versions_of_a_record_arrive_in_order_however_they_fail(target: Target, peer: Peer) -> None:
    golden = kit.create()
    peer.answers[golden.public_id] = LOST
    for number in range(5):
        kit.deliver(target)
        kit.update(golden, name=f"name {number}")
        kit.make_due(target)
    peer.answers.clear()
    kit.deliver(target)
    sent = kit.versions(peer.said(golden.public_id))
    assert sent == sorted(sent)
    assert sent[-1] == 6
    assert peer.records[golden.public_id].version == 6


def test_the_lane_of_a_crashed_worker_comes_due_by_itself(target: Target, peer: Peer) -> None:
    golden = kit.create()
    assert len(outbox.claim(target)) == 1  # and then the worker dies
    assert outbox.claim(target) == []
    kit.make_due(target)
    kit.deliver(target)
    assert kit.lane(target, golden).acked == 1


def claim_and_send(target: Target) -> list:
    """A worker's work up to the moment before it settles."""
    adapter = targets.adapter_of(target)
    shipments = compose(target, adapter, outbox.claim(target)).shipments
    outcomes = adapter.send([shipment.letter.rendered for shipment in shipments])
    return [
        judge(target, s.claim, s.step, s.letter, outcome, timezone.now())
        for s, outcome in zip(shipments, outcomes, strict=True)
    ]


def stale_rejection_kills_the_lane(target: Target, peer: Peer) -> bool:
    """A worker stalls past its lease, another one delivers, then the first one settles a rejection."""
    golden = kit.create()
    peer.answers[golden.public_id] = REJECTED
    late = claim_and_send(target)
    peer.answers.clear()
    kit.make_due(target)
    kit.deliver(target)
    valid = settle.settle(target, late)
    lane = kit.lane(target, golden)
    return lane.state == Lane.State.DEAD or bool(valid)


def test_a_worker_that_comes_back_late_settles_nothing(target: Target, peer: Peer) -> None:
    assert not stale_rejection_kills_the_lane(target, peer)
    assert Attempt.objects.count() == 1
    assert not WorkItem.objects.exists()


def test_without_the_fence_the_late_worker_would_do_harm(
    target: Target, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfenced = settle.SETTLE_SQL.replace("AND o.fence = v.fence", "")
    assert unfenced != settle.SETTLE_SQL
    monkeypatch.setattr(settle, "SETTLE_SQL", unfenced)
    assert stale_rejection_kills_the_lane(target, peer)


def test_a_late_worker_does_not_replace_the_letter_of_a_newer_one(target: Target, peer: Peer) -> None:
    golden = kit.create()
    adapter = targets.adapter_of(target)
    late = outbox.claim(target)
    kit.make_due(target)
    kit.update(golden, name="newer")
    assert kit.deliver(target).outcomes == {"acknowledged": 1}
    assert compose(target, adapter, late).shipments == []
    assert Letter.objects.get().version == 2


def test_a_write_shortens_neither_a_lease_nor_a_backoff(target: Target, peer: Peer) -> None:
    golden = kit.create()
    peer.answers[golden.public_id] = BUSY
    kit.deliver(target)
    waits = kit.lane(target, golden).due_at
    kit.update(golden, name="newer")
    assert kit.lane(target, golden).due_at == waits
    assert kit.deliver(target).claimed == 0


def test_what_changes_while_a_message_is_under_way_is_sent_next(target: Target, peer: Peer) -> None:
    golden = kit.create()

    def meanwhile(batch: object) -> None:
        peer.during_send = None
        kit.update(golden, name="newer")

    peer.during_send = meanwhile
    kit.deliver(target)
    assert peer.said(golden.public_id) == [(1, "upsert"), (2, "upsert")]
    assert kit.lane(target, golden).in_step


def test_a_rejected_record_asks_a_person_and_blocks_only_its_own_lane(target: Target, peer: Peer) -> None:
    bad, good = kit.create(name="bad"), kit.create(name="good")
    peer.answers[bad.public_id] = REJECTED
    kit.deliver(target)

    lane = kit.lane(target, bad)
    assert (lane.state, lane.error, lane.error_class, lane.due_at) == ("dead", "no such unit", "validation", None)
    assert kit.lane(target, good).in_step
    item = WorkItem.objects.get()
    assert (item.kind, item.golden, item.state, item.reason) == ("failed_delivery", bad, "open", "no such unit")
    assert AuditEntry.objects.filter(action="delivery.failed", golden=bad).count() == 1


def test_a_newer_version_supersedes_a_failed_one_and_closes_the_question(target: Target, peer: Peer) -> None:
    golden = kit.create()
    peer.answers[golden.public_id] = REJECTED
    kit.deliver(target)
    peer.answers.clear()
    kit.update(golden, name="corrected")
    kit.deliver(target)
    assert kit.lane(target, golden).in_step
    item = WorkItem.objects.get()
    assert (item.state, item.resolution) == ("done", "delivered")


def test_a_rejected_merge_is_not_superseded(target: Target, peer: Peer) -> None:
    survivor, loser = kit.create(name="survivor"), kit.create(name="loser")
    kit.deliver(target)
    peer.answers[loser.public_id] = REJECTED
    kit.merge(loser, survivor)
    kit.deliver(target)
    kit.update(loser, Kind.UNMERGED)
    kit.deliver(target)
    assert kit.lane(target, loser).state == Lane.State.DEAD
    assert kit.lane(target, loser).acked == 1


def test_a_value_that_the_target_cannot_hold_goes_to_a_person_unsent(target: Target, peer: Peer) -> None:
    target.config = {**target.config, "too_long": 10}
    target.save()
    golden = kit.create(name="a name that is too long")
    kit.deliver(target)
    assert kit.lane(target, golden).error_class == "validation"
    assert (peer.received, Attempt.objects.get().outcome) == ([], "rejected")


def test_attempts_wait_longer_and_longer_and_then_a_person_decides(target: Target, peer: Peer) -> None:
    golden = kit.create()
    peer.answers[golden.public_id] = Outcome(State.RETRY, error="not yet", error_class=ErrorClass.REFUSED)
    tried = 0
    while kit.lane(target, golden).state != Lane.State.DEAD:
        kit.make_due(target)
        kit.deliver(target)
        tried += 1
        assert tried <= backoff.ATTEMPTS
    assert tried == backoff.ATTEMPTS == 9
    assert kit.lane(target, golden).error == "not yet"


@pytest.mark.parametrize("attempts", range(1, 10))
def test_the_wait_is_the_table_within_half_of_it(attempts: int) -> None:
    base = backoff.DELAYS[min(attempts, len(backoff.DELAYS)) - 1]
    drawn = [backoff.delay(attempts, pace=1.0) for _ in range(200)]
    assert base * 0.5 <= min(drawn) < max(drawn) <= base * 1.5
    assert max(drawn) - min(drawn) > base * 0.5


def test_the_wait_that_a_target_asks_for_is_kept(target: Target, peer: Peer) -> None:
    golden = kit.create()
    peer.answers[golden.public_id] = BUSY
    before = timezone.now()
    kit.deliver(target)
    due = kit.lane(target, golden).due_at
    assert dt.timedelta(seconds=89) < due - before < dt.timedelta(seconds=100)


@pytest.mark.parametrize(("asked", "least"), [(0.0, 900), (1.0, 900), (7200.0, 7200), (1e9, 86400)])
def test_a_target_that_says_come_back_at_once_uses_up_no_attempts(asked: float, least: int) -> None:
    assert backoff.delay(5, pace=1.0, retry_after=asked) >= least


def test_a_wait_in_whole_seconds_settles_beside_one_that_is_not(target: Target, peer: Peer) -> None:
    """PostgreSQL's driver refuses arrays of both, and with one verdict it would refuse the whole batch."""
    busy, lost = kit.create(name="busy"), kit.create(name="lost")
    peer.answers |= {busy.public_id: BUSY, lost.public_id: LOST}
    assert kit.deliver(target).outcomes == {"retry": 1, "unknown": 1}


def test_messages_behind_a_broken_connection_are_not_counted_as_attempts(target: Target, peer: Peer) -> None:
    first, second = kit.create(name="first"), kit.create(name="second")
    peer.down = True
    kit.deliver_batch(target)
    assert (kit.lane(target, first).attempts, kit.lane(target, second).attempts) == (1, 0)
    assert Attempt.objects.count() == 1
    assert kit.lane(target, second).due_at is not None


def test_a_late_acknowledgement_settles_the_lane(target: Target, peer: Peer) -> None:
    golden = kit.create()
    peer.late = True
    kit.deliver(target)
    lane = kit.lane(target, golden)
    assert (lane.state, lane.acked) == ("sent", 0)
    assert lane.due_at > timezone.now() + dt.timedelta(hours=3)

    assert outbox.collect(target, targets.adapter_of(target)) == 1
    assert kit.lane(target, golden).in_step
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["sent", "acknowledged"]


def test_in_a_blackout_no_answers_are_looked_for(target: Target, peer: Peer) -> None:
    kit.create()
    peer.late = True
    kit.deliver(target)
    target.schedule = {"blackout": [{"from": "00:00", "to": "12:00"}, {"from": "12:00", "to": "00:00"}]}
    assert outbox.collect(target, targets.adapter_of(target)) == 0
    target.schedule = {}
    assert outbox.collect(target, targets.adapter_of(target)) == 1


def test_a_change_waits_while_an_acknowledgement_is_awaited(target: Target, peer: Peer) -> None:
    golden = kit.create()
    peer.late = True
    kit.deliver(target)
    kit.update(golden, name="newer")
    assert kit.deliver(target).claimed == 0
    outbox.collect(target, targets.adapter_of(target))
    kit.deliver(target)
    assert peer.said(golden.public_id) == [(1, "upsert"), (2, "upsert")]


def test_what_is_never_acknowledged_is_sent_again_and_at_last_asks_a_person(target: Target, peer: Peer) -> None:
    golden = kit.create()
    peer.late = True
    for _ in range(backoff.ATTEMPTS):
        kit.deliver(target)
        kit.make_due(target)
    assert kit.lane(target, golden).state == Lane.State.DEAD
    assert "never acknowledged" in kit.lane(target, golden).error
    assert len({m.key for m in peer.received}) == 1


def test_an_answer_that_comes_after_it_was_given_up_is_taken_all_the_same(target: Target, peer: Peer) -> None:
    golden = kit.create()
    peer.late = True
    for _ in range(backoff.ATTEMPTS):
        kit.deliver(target)
        kit.make_due(target)
    kit.create(name="the next that waits")
    kit.deliver(target)
    assert outbox.collect(target, targets.adapter_of(target)) == 2
    assert kit.lane(target, golden).in_step
    assert WorkItem.objects.get().state == "done"


def test_an_answer_for_many_is_for_those_that_were_sent_so_and_what_is_said_of_one_goes_first(
    target: Target, peer: Peer
) -> None:
    taken, refused, elsewhere = (kit.create(name=name) for name in ("taken", "refused", "elsewhere"))
    for golden, file in ((taken, "ITEM_1_a"), (refused, "ITEM_1_a"), (elsewhere, "ITEM_12_b")):
        peer.answers[golden.public_id] = Outcome(State.SENT, receipt=file)
    kit.deliver(target)
    key = str(kit.lane(target, refused).letter.key)
    peer.receipts += [Receipt(key, REJECTED), Receipt("", Outcome(State.ACKNOWLEDGED, "997"), sent_as="ITEM_1_")]
    assert outbox.collect(target, targets.adapter_of(target)) == 2
    assert [kit.lane(target, golden).state for golden in (taken, refused, elsewhere)] == ["open", "dead", "sent"]
    assert kit.lane(target, taken).in_step


def test_who_does_not_look_for_answers_leaves_the_probe_to_a_lane(target: Target, peer: Peer) -> None:
    peer.answers[kit.create(name="awaited").public_id] = Outcome(State.SENT)
    kit.deliver(target)
    waits = kit.create(name="waits")
    now = timezone.now()
    Breaker.objects.create(target=target, state="open", changed_at=now, retry_at=now)
    Target.objects.update(collect_at=now + dt.timedelta(hours=1))  # somebody has looked just now
    assert outbox.collect(target, targets.adapter_of(target)) == 0
    kit.deliver(target)
    assert kit.lane(target, waits).in_step
    assert Breaker.objects.get().state == "closed"


def test_receipts_that_come_twice_or_for_nothing_are_ignored(target: Target, peer: Peer) -> None:
    kit.create()
    peer.late = True
    kit.deliver(target)
    adapter = targets.adapter_of(target)
    assert outbox.collect(target, adapter) == 1
    kit.create(name="another")
    kit.deliver(target)
    del peer.receipts[-1]
    Target.objects.update(collect_at=None)
    assert outbox.collect(target, adapter) == 0


def test_an_adapter_that_raises_costs_a_retry_not_the_worker(target: Target, peer: Peer) -> None:
    golden = kit.create()

    def explode(batch: object) -> None:
        raise KeyError("bug")

    peer.during_send = explode
    assert kit.deliver(target).outcomes == {"unknown": 1}
    lane = kit.lane(target, golden)
    assert (lane.state, lane.error_class, lane.due_at is None) == ("open", "internal", False)


def test_a_paused_target_gets_lanes_and_no_messages(target: Target, peer: Peer) -> None:
    Target.objects.update(paused=True)
    golden = kit.create()
    assert kit.deliver(target).claimed == 0
    Target.objects.update(paused=False)
    kit.deliver(target)
    assert kit.lane(target, golden).in_step


def test_a_record_that_leaves_the_filter_is_deactivated_there_once(target: Target, peer: Peer) -> None:
    Target.objects.update(subscriptions={"supplier": {"supplier_type": ["distributor"]}})
    target.refresh_from_db()
    golden = kit.create(supplier_type="distributor")
    other = kit.create(name="maker", supplier_type="manufacturer")
    kit.deliver(target)
    kit.update(golden, supplier_type="manufacturer")
    kit.deliver(target)
    kit.update(golden, name="renamed")
    kit.deliver(target)
    assert peer.said(golden.public_id) == [(1, "upsert"), (2, "retire")]
    assert peer.said(other.public_id) == []
    assert not kit.lane(target, golden).active

    kit.update(golden, supplier_type="distributor")
    kit.deliver(target)
    assert peer.said(golden.public_id)[-1] == (4, "unmerge")
    assert peer.records[golden.public_id].active


def test_workers_share_the_lanes_and_none_is_delivered_twice(target: Target, peer: Peer) -> None:
    count = 60
    kit.create_many("supplier", count)
    Target.objects.update(batch_size=4)
    target.refresh_from_db()
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        kit.deliver(target)
        targets.forget_all()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(peer.received) == count == len(peer.records)
    assert all(lane.in_step for lane in Lane.objects.all())


def test_writers_and_workers_on_the_same_records_never_lose_the_newest_version(target: Target, peer: Peer) -> None:
    goldens = [kit.create(name=f"record {n}") for n in range(6)]
    stop = threading.Event()

    def write() -> None:
        for number in range(10):
            for golden in goldens:
                kit.update(golden, name=f"{golden.pk} {number}")
        connection.close()

    def work() -> None:
        while not stop.is_set():
            kit.deliver(target)
        targets.forget_all()
        connection.close()

    with ThreadPoolExecutor() as threads:
        writers, workers = [threads.submit(write) for _ in range(2)], [threads.submit(work) for _ in range(2)]
        wait(writers)
        stop.set()
        for future in (*writers, *workers):
            future.result()  # raises what was raised in the thread
    kit.deliver(target)

    assert {r.version for r in peer.records.values()} == {21}
    assert set(peer.effects.values()) == {1}
    for golden in goldens:
        sent = kit.versions(peer.said(golden.public_id))
        assert sent == sorted(sent)
        assert len(sent) == len(set(sent))


def test_a_slow_target_is_given_what_it_can_answer_within_the_lease(
    target: Target, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second a message, and a lease of 120: with 200 at once nothing would ever be settled."""
    kit.create_many("supplier", 100)
    monkeypatch.setattr(outbox, "_strides", {})
    sizes, clock = [], SimpleNamespace(now=0.0)
    monkeypatch.setattr(outbox.time, "monotonic", lambda: clock.now)

    def answer(seconds: float) -> Callable[[Sequence[object]], None]:
        def wait(batch: Sequence[object]) -> None:
            sizes.append(len(batch))
            clock.now += seconds * len(batch)

        return wait

    for seconds in (0.01, 2.0, 1.0):
        peer.during_send = answer(seconds)
        kit.deliver_batch(target)
    assert sizes == [20, 40, 20]  # quick, then 80 s, then 20 s
    assert outbox.stride(target) == 20


def test_delivery_takes_a_fixed_number_of_queries_per_batch(
    target: Target, peer: Peer, django_assert_max_num_queries
) -> None:
    kit.create_many("supplier", 100)
    with django_assert_max_num_queries(35):
        kit.deliver_batch(target)
