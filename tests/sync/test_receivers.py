"""Lanes are written in the transaction that makes the change, for every target that subscribes."""

from __future__ import annotations

import pytest
from celery import current_app
from django.db import transaction

from mdm.models import GoldenRecord
from mdm.services.events import announce
from mdm.signals import GoldenChange, golden_changed
from sync import configuring, receivers, reconcile, tasks, wakeups
from sync.models import Lane, Target, Weighing
from tests.sync import kit
from tests.sync.peers import Peer

REAL_WAKE = wakeups.wake


def test_a_change_makes_one_lane_per_target_that_subscribes(target: Target) -> None:
    kit.make_target("ehr", subscriptions={"item": {}})
    kit.make_target("old", active=False)
    supplier, item = kit.create("supplier"), kit.create("item")
    lanes = set(Lane.objects.values_list("target__code", "record__public_id", "head"))
    assert lanes == {("erp", supplier.public_id, 1), ("erp", item.public_id, 1), ("ehr", item.public_id, 1)}


def test_lanes_are_rolled_back_with_the_change(target: Target, woken: list[int]) -> None:
    golden = kit.create()
    woken.clear()

    @transaction.atomic
    def fail_after_the_change() -> None:
        kit.update(golden, name="never")
        assert kit.lane(target, golden).head == 2
        raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_the_change()
    assert kit.lane(target, golden).head == 1
    assert woken == []


def test_a_receiver_that_fails_rolls_the_change_back(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = kit.create()
    monkeypatch.setattr(receivers, "BUMP_SQL", "SELECT 1 / 0 WHERE " + " OR ".join(["%s IS NOT NULL"] * 4))
    with pytest.raises(Exception, match="division by zero"):
        kit.update(golden, name="never")
    assert GoldenRecord.objects.get(pk=golden.pk).version == 1


def test_workers_are_woken_once_per_target_after_the_commit(target: Target, woken: list[int]) -> None:
    with transaction.atomic():
        kit.create_many("supplier", 5)
        assert woken == []
    assert woken == [target.pk]


def test_what_is_not_published_reaches_nobody(target: Target) -> None:
    golden = kit.create()
    Lane.objects.all().delete()
    with transaction.atomic():
        golden.approved_version, golden.version = 0, 2
        golden.save()
        announce(kit.change(), [(golden, kit.Kind.UPDATED, ())])
    assert not Lane.objects.exists()


def test_hundreds_of_changes_are_one_statement(target: Target, django_assert_num_queries) -> None:
    kit.make_target("ehr")
    rows = kit.create_many("supplier", 300)
    changes = [GoldenChange(row, 2, kit.Kind.UPDATED, True, (), row.events.get()) for row in rows]
    with transaction.atomic(), django_assert_num_queries(1):
        golden_changed.send(sender=GoldenRecord, changes=changes)
    assert set(Lane.objects.values_list("head", flat=True)) == {2}


def test_two_versions_of_a_record_in_one_announcement_make_one_lane(target: Target) -> None:
    golden = kit.create()
    with transaction.atomic():
        newer = GoldenRecord.objects.get(pk=golden.pk)
        golden.version = golden.approved_version = 2
        newer.version = newer.approved_version = 3
        announce(kit.change(), [(newer, kit.Kind.UPDATED, ()), (golden, kit.Kind.UPDATED, ())])
    assert kit.lane(target, golden).head == 3


def test_a_broker_that_is_down_never_fails_the_commit(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = current_app.connection_for_write(url="redis://127.0.0.1:1/0", transport_options=wakeups.IMPATIENT).Pool(1)
    monkeypatch.setattr(wakeups, "wake", REAL_WAKE)
    monkeypatch.setattr(wakeups, "_connections", lambda pid: nobody)
    monkeypatch.setattr(wakeups, "_quiet_until", 0.0)
    wakeups.heard(target.pk)
    golden = kit.create()
    assert kit.lane(target, golden).head == 1
    assert wakeups._quiet_until > 0
    assert wakeups.wake(target.pk) is False


def test_while_a_wake_up_waits_in_the_queue_a_second_is_left_out(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(tasks.deliver, "apply_async", lambda args, **options: sent.extend(args))
    monkeypatch.setattr(wakeups, "_quiet_until", 0.0)
    wakeups.heard(target.pk)
    assert [REAL_WAKE(target.pk) for _ in range(3)] == [True] * 3
    assert sent == [target.pk]
    tasks.deliver(target.pk)  # heard: what is committed from now on needs its own
    REAL_WAKE(target.pk)
    assert sent == [target.pk] * 2


def test_a_new_target_gets_what_is_already_there(target: Target) -> None:
    live, retired = kit.create(), kit.create(name="gone")
    kit.update(retired, kit.Kind.RETIRED)
    new = kit.make_target("ehr")
    assert list(Lane.objects.filter(target=new).values_list("record", flat=True)) == [live.pk]
    kit.deliver(new)
    assert set(kit.peer_of(new).records) == {live.public_id}


def test_a_target_that_subscribes_to_more_gets_the_rest(target: Target) -> None:
    new = kit.make_target("ehr", subscriptions={"item": {}})
    supplier = kit.create()
    admin = kit.make_user("mdm.administer")
    configuring.configure(code="ehr", settings={"subscriptions": kit.ALL}, actor=admin, reason="now suppliers too")
    assert Lane.objects.filter(target=new, record=supplier).exists()


def test_a_narrower_filter_deactivates_what_falls_out_of_it(target: Target, peer: Peer) -> None:
    kept, dropped = kit.create(supplier_type="gpo"), kit.create(name="maker", supplier_type="manufacturer")
    kit.deliver(target)
    admin = kit.make_user("mdm.administer")
    narrower = kit.ALL | {"supplier": {"supplier_type": ["gpo"]}}
    target = configuring.configure(
        code="erp", settings={"subscriptions": narrower}, actor=admin, reason="GPOs only"
    ).target
    kit.deliver(target)
    assert peer.records[kept.public_id].active
    assert not peer.records[dropped.public_id].active


@pytest.mark.parametrize("wrong", [{"nurse": {}}, {"item": {"colour": ["red"]}}, {"item": {"brand": "Acme"}}, []])
def test_a_subscription_that_names_nothing_known_is_refused(target: Target, wrong: object) -> None:
    from django.core.exceptions import ValidationError

    target.subscriptions = wrong
    with pytest.raises(ValidationError):
        target.full_clean()


def test_secrets_are_not_readable_in_the_database(target: Target) -> None:
    target.secrets = {"ERP_CLIENT_SECRET": "hunter2"}
    target.save()
    stored = Target.objects.get(pk=target.pk)
    assert stored.secrets == {"ERP_CLIENT_SECRET": "hunter2"}
    assert b"hunter2" not in bytes(stored.sealed_secrets)


def test_a_large_target_gets_its_lanes_chunk_by_chunk_the_first_at_once(
    transactional_db: None, peers: dict[str, Peer], woken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.create_many("supplier", 5)
    monkeypatch.setattr(receivers, "CHUNK", 2)
    asked: list[int] = []
    monkeypatch.setattr(tasks.backfill, "delay", asked.append)
    target = kit.make_target()
    assert (Lane.objects.count(), asked) == (2, [target.pk])
    tasks.backfill(target.pk)
    assert Lane.objects.count() == 5
    assert receivers.backfill(target) == 0


def test_a_first_sync_that_was_interrupted_is_gone_on_with(
    transactional_db: None, peers: dict[str, Peer], woken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.create_many("supplier", 5)
    monkeypatch.setattr(receivers, "CHUNK", 2)
    monkeypatch.setattr(tasks.backfill, "delay", lambda target: None)
    kit.make_target()
    assert [(f["finding"], f["lanes"]) for f in reconcile.check_lanes()] == [("missing", 3)]
    assert Lane.objects.count() == 5


# ------------------------------------------------------------------------------------------------ a filter that changed
@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Targets whose lanes a worker was to go on with; two lanes a transaction."""
    monkeypatch.setattr(receivers, "CHUNK", 2)
    calls: list[int] = []
    monkeypatch.setattr(tasks.backfill, "delay", calls.append)
    return calls


def narrow(*kinds: str) -> configuring.Configured:
    filters = kit.ALL | {"supplier": {"supplier_type": list(kinds)}}
    return configuring.configure(code="erp", settings={"subscriptions": filters}, actor=kit.make_user("mdm.administer"))


def generations() -> list[int]:
    return list(Lane.objects.filter(record__domain="supplier").order_by("record").values_list("generation", flat=True))


def test_a_changed_filter_is_told_to_many_records_chunk_by_chunk_the_first_at_once(
    target: Target, peer: Peer, asked: list[int], django_capture_on_commit_callbacks
) -> None:
    kit.create_many("supplier", 5)
    item = kit.create("item")
    kit.deliver(target)
    with django_capture_on_commit_callbacks(execute=True):
        done = narrow("gpo")
    assert (done.lanes, asked) == (5, [target.pk])
    assert generations() == [2, 2, 1, 1, 1]
    tasks.backfill(target.pk)
    assert generations() == [2] * 5
    assert kit.lane(target, item).generation == 1
    assert not Weighing.objects.exists()
    assert reconcile.check_lanes() == []
    kit.deliver(done.target)
    assert [record.active for record in peer.records.values()].count(True) == 1


def test_after_a_kill_each_record_is_still_asked_for_once(
    target: Target, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.create_many("supplier", 7)
    narrow("gpo")
    one, chunks = receivers._readdress, iter([True])

    def dies(*args: object) -> int:
        next(chunks)  # one chunk, and then the worker is gone
        return one(*args)

    with monkeypatch.context() as patch:
        patch.setattr(receivers, "_readdress", dies)
        with pytest.raises(StopIteration):
            receivers.readdress(target)
    assert generations() == [2, 2, 2, 2, 1, 1, 1]
    assert reconcile.check_lanes() == [{"finding": "unweighed", "target": "erp", "lanes": 3}]
    assert generations() == [2] * 7


def test_a_chunk_that_is_rolled_back_is_done_anew(target: Target, asked: list[int]) -> None:
    kit.create_many("supplier", 4)
    narrow("gpo")

    @transaction.atomic
    def fail_after_the_chunk() -> None:
        receivers._readdress(target, "supplier")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_the_chunk()
    assert generations() == [2, 2, 1, 1]
    assert receivers.readdress(target) == 2
    assert generations() == [2] * 4


def test_a_filter_that_changes_again_half_way_begins_anew(target: Target, peer: Peer, asked: list[int]) -> None:
    kinds = ["gpo", "manufacturer", "gpo", "distributor"]
    made = [kit.create(name=f"No {n}", supplier_type=kind) for n, kind in enumerate(kinds)]
    kit.deliver(target)
    narrow("gpo")
    done = narrow("gpo", "distributor")
    receivers.readdress(target)
    assert generations() == [3, 3, 2, 2]
    kit.deliver(done.target)
    assert [peer.records[golden.public_id].active for golden in made] == [True, False, True, True]
