"""What stewards do with deliveries: retry, edit and retry, skip, pause, replay, full sync; all audited."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from mdm.exceptions import Forbidden, NeedsReason
from mdm.models import AuditEntry, User, WorkItem
from sync import configuring, outbox, services, status, targets
from sync.adapters.base import ErrorClass, Outcome, State
from sync.models import Attempt, Lane, Letter, Target
from tests.sync import kit
from tests.sync.peers import Peer

REJECTED = Outcome(State.REJECTED, error="no such unit", error_class=ErrorClass.VALIDATION)


@pytest.fixture
def steward(target: Target) -> User:
    return kit.make_user("mdm.manage_sync")


def failed(target: Target, peer: Peer, name: str = "bad"):
    golden = kit.create(name=name)
    peer.answers[golden.public_id] = REJECTED
    kit.deliver(target)
    peer.answers.clear()
    assert kit.lane(target, golden).state == Lane.State.DEAD
    return golden


def test_a_retry_sends_the_same_bytes_and_closes_the_work_item(target: Target, peer: Peer, steward: User) -> None:
    golden = failed(target, peer)
    assert services.retry(lanes=[kit.lane(target, golden)], actor=steward, reason="unit added") == 1
    kit.deliver(target)
    assert peer.bodies[0] == peer.bodies[1]
    assert kit.lane(target, golden).in_step
    item = WorkItem.objects.get()
    assert (item.state, item.resolution, item.resolved_by) == ("done", "retry", steward)
    entry = AuditEntry.objects.get(action="delivery.retry", object_type="lane", golden=golden)
    assert (entry.actor, entry.reason) == (steward, "unit added")


def test_a_retry_after_the_mapping_was_mended_goes_by_the_new_one(target: Target, peer: Peer, steward: User) -> None:
    golden = failed(target, peer)
    mended = {"mapping": {"supplier": {"name": {"case": "upper"}}}}
    configuring.configure(code=target.code, settings=mended, actor=kit.make_user("mdm.administer"))
    target.refresh_from_db()
    services.retry_class(target=target, error_class="validation", actor=steward)
    kit.deliver(target)
    assert peer.records[golden.public_id].values["name"] == "BAD"
    assert kit.lane(target, golden).in_step


def test_failures_of_one_class_are_retried_together(target: Target, peer: Peer, steward: User) -> None:
    goldens = [failed(target, peer, f"bad {n}") for n in range(3)]
    Lane.objects.filter(record=goldens[0]).update(error_class="refused")
    assert services.retry_class(target=target, error_class="validation", actor=steward) == 2
    kit.deliver(target)
    assert kit.lane(target, goldens[0]).state == Lane.State.DEAD
    assert Lane.objects.filter(state=Lane.State.DEAD).count() == 1


def test_a_retry_leaves_alone_what_has_not_failed(target: Target, peer: Peer, steward: User) -> None:
    golden = kit.create()
    kit.deliver(target)
    assert services.retry(lanes=[kit.lane(target, golden)], actor=steward) == 0
    assert kit.deliver(target).claimed == 0
    assert not AuditEntry.objects.filter(action="delivery.retry").exists()


def test_a_skip_needs_a_reason_and_goes_on_with_the_next_version(target: Target, peer: Peer, steward: User) -> None:
    golden = failed(target, peer)
    lane = kit.lane(target, golden)
    with pytest.raises(NeedsReason):
        services.skip(lanes=[lane], actor=steward, reason=" ")
    assert services.skip(lanes=[lane], actor=steward, reason="entered there by hand") == 1
    lane.refresh_from_db()
    assert (lane.state, lane.acked, lane.due_at, lane.active) == ("open", 1, None, False)
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["rejected", "skipped"]
    assert peer.records == {}

    kit.update(golden, name="newer")
    kit.deliver(target)
    assert peer.said(golden.public_id)[-1] == (2, "upsert")


def test_a_skipped_merge_lets_what_follows_through(target: Target, peer: Peer, steward: User) -> None:
    survivor, loser = kit.create(name="survivor"), kit.create(name="loser")
    kit.deliver(target)
    peer.answers[loser.public_id] = REJECTED
    kit.merge(loser, survivor)
    kit.deliver(target)
    kit.update(loser, kit.Kind.UNMERGED)
    peer.answers.clear()
    services.skip(lanes=[kit.lane(target, loser)], actor=steward, reason="merged there already")
    kit.deliver(target)
    assert kit.versions(peer.said(loser.public_id)) == [1, 2, 3]
    assert kit.lane(target, loser).in_step


def test_edit_and_retry_raises_the_generation(
    target: Target, peer: Peer, steward: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = failed(target, peer)

    def override(*, golden, path, value, actor, reason):
        kit.update(golden, **{path: value})

    monkeypatch.setattr(services.golden_values, "override", override)
    lane = kit.lane(target, golden)
    services.edit_and_retry(lane=lane, path="name", value="Acme", actor=steward, reason="too long")
    kit.deliver(target)
    assert peer.records[golden.public_id].values["name"] == "Acme"
    assert (peer.records[golden.public_id].version, peer.records[golden.public_id].generation) == (2, 2)


def test_a_replay_raises_the_generation_so_that_the_target_takes_it(target: Target, peer: Peer, steward: User) -> None:
    first, second = kit.create(name="first"), kit.create(name="second")
    kit.deliver(target)
    assert services.replay(target=target, records=[first], actor=steward, reason="lost there") == 1
    kit.deliver(target)
    assert peer.said(second.public_id) == [(1, "upsert")]
    one, two = (m for m in peer.received if m.record == first.public_id)
    assert (one.version, two.version, one.generation, two.generation) == (1, 1, 1, 2)
    assert one.key != two.key
    assert kit.lane(target, first).in_step


def test_a_replay_since_a_time_takes_what_was_confirmed_after_it(target: Target, peer: Peer, steward: User) -> None:
    early, late = kit.create(name="early"), kit.create(name="late")
    kit.deliver(target)
    Attempt.objects.filter(lane__record=early).update(finished_at=timezone.now() - dt.timedelta(days=2))
    since = timezone.now() - dt.timedelta(days=1)
    assert services.replay(target=target, since=since, actor=steward, reason="restored a backup") == 1
    assert kit.lane(target, late).generation == 2


def test_a_replay_during_a_delivery_is_delivered_after_it(target: Target, peer: Peer, steward: User) -> None:
    golden = kit.create()
    kit.deliver(target)
    kit.update(golden, name="newer")

    def meanwhile(batch: object) -> None:
        peer.during_send = None
        services.replay(target=target, records=[golden], actor=steward, reason="again")

    peer.during_send = meanwhile
    kit.deliver(target)
    assert [(m.version, m.generation) for m in peer.received] == [(1, 1), (2, 1), (2, 2)]
    assert kit.lane(target, golden).in_step


def test_a_replay_while_an_answer_is_awaited_is_delivered_after_it(target: Target, peer: Peer, steward: User) -> None:
    golden = kit.create()
    peer.late = True
    kit.deliver(target)
    services.replay(target=target, actor=steward, reason="restored a backup")
    assert outbox.collect(target, targets.adapter_of(target)) == 1
    assert not kit.lane(target, golden).in_step
    kit.deliver(target)
    Target.objects.update(collect_at=None)
    assert outbox.collect(target, targets.adapter_of(target)) == 1
    assert [m.generation for m in peer.received] == [1, 2]
    assert kit.lane(target, golden).in_step


def test_a_full_sync_sends_every_live_record_again_and_no_other(target: Target, peer: Peer, steward: User) -> None:
    live, retired = kit.create(name="live"), kit.create(name="retired")
    kit.deliver(target)
    kit.update(retired, kit.Kind.RETIRED)
    kit.deliver(target)
    assert services.full_sync(target=target, actor=steward) == 1
    kit.deliver(target)
    assert peer.said(live.public_id) == [(1, "upsert"), (1, "upsert")]
    assert peer.said(retired.public_id) == [(1, "upsert"), (2, "retire")]
    assert AuditEntry.objects.get(action="delivery.full_sync").after == {"lanes": 1}


def test_a_pause_holds_messages_back_and_a_resume_wakes_the_workers(
    target: Target, peer: Peer, steward: User, woken: list[int]
) -> None:
    with pytest.raises(NeedsReason):
        services.pause(target=target, actor=steward, reason="")
    services.pause(target=target, actor=steward, reason="upgrade")
    golden = kit.create()
    assert kit.deliver(target).claimed == 0
    woken.clear()
    services.resume(target=target, actor=steward)
    assert woken == [target.pk]
    kit.deliver(target)
    assert kit.lane(target, golden).in_step
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"target.pause", "target.resume"}


@pytest.mark.parametrize("action", ["retry", "skip"])
def test_who_may_not_manage_synchronisation_is_refused(target: Target, peer: Peer, action: str) -> None:
    viewer = kit.make_user("mdm.view_masters")
    lane = kit.lane(target, failed(target, peer))
    with pytest.raises(Forbidden):
        getattr(services, action)(lanes=[lane], actor=viewer, reason="because")
    for call in (services.pause, services.resume, services.full_sync, services.replay):
        with pytest.raises(Forbidden):
            call(target=target, actor=viewer, reason="because")
    lane.refresh_from_db()
    assert lane.state == Lane.State.DEAD


def test_the_status_counts_lanes_and_the_lag(target: Target, peer: Peer) -> None:
    ok, bad = kit.create(name="ok"), kit.create(name="bad")
    waiting = kit.create("item", preferred_supplier=bad)
    unheard = kit.create(name="never told")
    kit.update(unheard, kit.Kind.RETIRED)
    peer.answers[bad.public_id] = REJECTED
    kit.deliver(target)
    row = status.statuses()[0]
    counts = (row.lanes, row.delivered, row.acknowledged, row.live, row.held, row.dead, row.pending)
    assert counts == (4, 2, 1, 1, 1, 1, 0)
    assert row.breaker == "closed"
    assert 0 < status.lag_p95(target) < 60
    assert kit.lane(target, ok).in_step
    assert kit.lane(target, waiting).state == "held"
    assert Letter.objects.count() == 2
