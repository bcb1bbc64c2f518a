"""Targets set up and changed: by whom, with what consequences, and what is kept of it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from mdm.exceptions import Forbidden, InvalidValue, Stale
from mdm.models import AuditEntry, User
from sync import configuring, services
from sync.adapters.base import ErrorClass, Outcome, State
from sync.models import Lane, Target, TargetVersion
from tests.sync import kit
from tests.sync.peers import Peer

REJECTED = Outcome(State.REJECTED, error="no", error_class=ErrorClass.REFUSED)


def change(target: Target, secrets: dict[str, str] | None = None, **settings: Any) -> configuring.Configured:
    admin = kit.make_user("mdm.administer")
    return configuring.configure(code=target.code, settings=settings, secrets=secrets, actor=admin, reason="because")


def test_every_change_is_a_version_with_its_author_and_reason(target: Target) -> None:
    change(target, per_minute=60)
    change(target, schedule={"every": 15})
    newest, before = TargetVersion.objects.filter(target=target)
    assert (newest.number, newest.content["schedule"], before.content["schedule"]) == (2, {"every": 15}, {})
    assert newest.reason == "because"
    assert AuditEntry.objects.filter(action="target.changed").latest("pk").after["changed"] == ["schedule"]


def test_the_same_settings_again_change_nothing(target: Target) -> None:
    change(target, per_minute=60)
    assert change(target, per_minute=60).lanes == 0
    assert TargetVersion.objects.count() == 1


SAP = {"adapter": "odata_v2", "config": {"base_url": "https://sap.test", "username": "c", "password": "P"}}


def test_a_new_target_is_told_what_its_adapter_carries_and_none_is_told_more(target: Target) -> None:
    admin, secrets = kit.make_user("mdm.administer"), {"P": "x"}
    made = configuring.configure(code="sap", settings=SAP | {"system": "erp"}, secrets=secrets, actor=admin)
    assert made.target.subscriptions == {"supplier": {}, "item": {}}
    with pytest.raises(InvalidValue, match="carries supplier, item as it is configured: subscribe it to no location"):
        change(made.target, subscriptions={"item": {}, "location": {}})


def test_an_earlier_version_is_brought_back(target: Target) -> None:
    change(target, per_minute=60)
    change(target, per_minute=1)
    first = TargetVersion.objects.get(number=1)
    done = configuring.bring_back(version=first, actor=kit.make_user("mdm.administer"), reason="too slow")
    assert (done.target.per_minute, done.target.version) == (60, 3)


def test_only_administrators_change_targets_and_never_over_each_other(target: Target) -> None:
    with pytest.raises(Forbidden):
        configuring.configure(code="erp", settings={}, actor=kit.make_user("mdm.manage_sync"))
    change(target, per_minute=60)
    with pytest.raises(Stale):
        configuring.configure(code="erp", settings={"name": "x"}, actor=User.objects.system(), expected_version=0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"adapter": "carrier pigeon"}, "Unknown adapter"),
        ({"pace": 3}, "no setting pace"),
        ({"schedule": {"every": 0}}, "delta"),
        ({"subscriptions": {"drug": {}}}, "Unknown domain"),
        ({"subscriptions": {"item": {"preferred_supplier": ["MDM-SU-000001"]}}}, "plain values"),
        ({"system": "ehr"}, "for good"),
        ({"per_minute": 0}, "throttle"),
        ({"batch_size": "many"}, "integer"),
    ],
)
def test_what_is_no_setting_is_refused(target: Target, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        change(target, **settings)
    assert not TargetVersion.objects.exists()


def test_a_filter_says_beforehand_what_it_sends_and_deactivates(target: Target, peer: Peer) -> None:
    kit.create(supplier_type="gpo")
    kit.create(name="maker", supplier_type="manufacturer")
    kit.deliver(target)
    kit.create(name="untyped")
    narrower = {"supplier": {"supplier_type": ["gpo", None]}}
    drafted = configuring.draft(code="erp", settings={"subscriptions": narrower})
    effect = {one.domain: one for one in configuring.effects(drafted)}["supplier"]
    assert (effect.send, effect.deactivate, effect.keep) == (1, 1, 1)
    done = change(target, subscriptions=narrower)
    assert done.lanes == 2
    kit.deliver(done.target)
    assert sum(record.active for record in peer.records.values()) == 2


def test_a_new_secret_reaches_the_adapter_with_the_next_batch_and_loses_nothing(target: Target, peer: Peer) -> None:
    change(target, {"token": "old"})
    target.refresh_from_db()
    golden = kit.create()
    peer.down = True
    kit.deliver(target)
    before = kit.lane(target, golden)
    change(target, {"token": "new", "left blank": ""})
    fresh = Target.objects.get()
    assert fresh.secrets == {"token": "new"}
    assert kit.lane(target, golden).letter.key == before.letter.key
    peer.down = False
    kit.make_due(target)
    kit.deliver(fresh)
    assert kit.lane(target, golden).in_step
    kept = json.dumps([row.content for row in TargetVersion.objects.all()])
    kept += json.dumps([row.after for row in AuditEntry.objects.all()])
    assert ('"secrets": ["token"]' in kept, "old" in kept, '"new"' in kept) == (True, False, False)


def test_a_domain_that_is_subscribed_to_again_comes_back_as_it_is_now(target: Target, peer: Peer) -> None:
    same, changed = kit.create(name="same"), kit.create(name="changed")
    kit.deliver(target)
    change(target, subscriptions={"item": {}})
    kit.deliver(read_before(target))
    assert not any(record.active for record in peer.records.values())
    kit.update(changed, name="newer")
    change(target, subscriptions=kit.ALL)
    kit.deliver(read_before(target))
    assert all(record.active for record in peer.records.values())
    assert peer.records[changed.public_id].values["name"] == "newer"
    assert kit.lane(target, same).in_step
    assert kit.lane(target, changed).in_step


def test_what_waits_for_a_domain_goes_on_when_the_target_leaves_it(target: Target, peer: Peer) -> None:
    supplier = kit.create()
    item = kit.create("item", preferred_supplier=supplier)
    peer.answers[supplier.public_id] = REJECTED
    kit.deliver(target)
    assert kit.lane(target, item).state == Lane.State.HELD
    change(target, subscriptions={"item": {}})
    kit.deliver(read_before(target))
    assert kit.lane(target, item).in_step


def read_before(target: Target) -> Target:
    """The target as a worker knows it that has been delivering for a while."""
    return Target.objects.select_related("system").get(pk=target.pk)


def test_a_worker_that_knows_the_old_filter_settles_nothing_that_the_new_one_asks_for(
    target: Target, peer: Peer
) -> None:
    golden = kit.create(supplier_type="manufacturer")
    kit.deliver(target)
    worker = read_before(target)
    change(target, subscriptions=kit.ALL | {"supplier": {"supplier_type": ["distributor"]}})
    assert kit.deliver(worker).claimed == 0
    kit.deliver(read_before(target))
    assert not peer.records[golden.public_id].active


def test_a_worker_that_knows_the_old_mapping_writes_nothing_that_is_to_go_by_the_new_one(
    target: Target, peer: Peer
) -> None:
    golden = kit.create(name="Acme")
    kit.deliver(target)
    worker = read_before(target)
    change(target, mapping={"supplier": {"name": {"case": "upper"}}})
    services.replay(target=target, actor=kit.make_user("mdm.manage_sync"), reason="names in capitals")
    kit.deliver(worker)
    kit.deliver(read_before(target))
    assert [m.payload["attributes"]["name"] for m in peer.received] == ["Acme", "ACME"]
    assert kit.lane(target, golden).in_step


def test_the_command_goes_on_by_settings_that_changed_meanwhile(target: Target, peer: Peer) -> None:
    Target.objects.update(batch_size=1)
    kit.create_many("supplier", 3)  # the second may be ready before the first is on its way

    def meanwhile(batch: object) -> None:
        peer.during_send = None
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(changed).result()

    def changed() -> None:
        change(target, mapping={"supplier": {"name": {"case": "upper"}}}, batch_size=1)
        connection.close()

    peer.during_send = meanwhile
    call_command("deliver")
    assert peer.received[-1].payload["attributes"]["name"] == "RECORD 3"
    assert all(lane.in_step for lane in Lane.objects.all())


def test_a_target_is_kept_as_a_file_and_made_from_it(target: Target, tmp_path: Path, capsys: Any) -> None:
    change(target, schedule={"every": 15}, per_minute=60)
    call_command("export_target", "erp")
    told = json.loads(capsys.readouterr().out)
    path = tmp_path / "two.json"
    path.write_text(json.dumps(told | {"code": "two", "name": "Two"}))
    kit.create()
    call_command("import_target", str(path))
    assert "1 records will be sent" in capsys.readouterr().out
    two = Target.objects.get(code="two")
    assert (two.schedule, two.per_minute, two.adapter) == ({"every": 15}, 60, "peer")
    assert Lane.objects.filter(target=two).count() == 1
    toml = tmp_path / "two.toml"
    toml.write_text('code = "two"\nper_minute = 5\n[subscriptions.supplier]\n')
    call_command("import_target", str(toml))
    two.refresh_from_db()
    assert (two.per_minute, two.subscriptions, two.schedule) == (5, {"supplier": {}}, {"every": 15})


@pytest.mark.parametrize("content", ["", "[]", "{", '{"code": "x", "adapter": "peer"}', '{"name": "x"}'])
def test_a_file_that_holds_no_target_is_refused(target: Target, tmp_path: Path, content: str) -> None:
    path = tmp_path / "target.json"
    path.write_text(content)
    with pytest.raises(CommandError):
        call_command("import_target", str(path))


def test_targets_are_paused_resumed_and_told_again_from_the_command_line(target: Target, peer: Peer) -> None:
    golden, other = kit.create(), kit.create(name="other")
    kit.deliver(target)
    with pytest.raises(CommandError, match="reason"):
        call_command("sync_pause", "erp")
    call_command("sync_pause", "erp", "--reason", "month end")
    assert Target.objects.get().paused
    call_command("sync_pause", "erp", "--resume")
    call_command("sync_replay", "erp", "--reason", "backup", "--record", golden.public_id)
    assert kit.deliver(target).claimed == 1
    call_command("sync_replay", "erp", "--reason", "backup", "--since", "2020-01-01", "--domain", "supplier")
    assert kit.deliver(target).claimed == 2
    assert len(peer.said(other.public_id)) == 2
    for wrong in (["--since", "soon"], ["--record", "MDM-IT-999999"]):
        with pytest.raises(CommandError):
            call_command("sync_replay", "erp", "--reason", "x", *wrong)


def test_deliveries_are_settled_while_the_target_is_being_changed(target: Target) -> None:
    golden = kit.create()

    def deliver() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '5s'")
            kit.deliver(target)
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as threads:
        change(target, batch_size=7)
        threads.submit(deliver).result()
    assert kit.lane(target, golden).in_step
