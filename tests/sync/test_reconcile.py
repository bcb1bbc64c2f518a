"""What the target holds, against what it acknowledged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from mdm.models import GoldenRecord, User
from sync import drift, reconcile, targets
from sync.adapters.base import TargetRecord
from sync.models import Breaker, Drift, Lane, Reconciliation, Target
from tests.sync import kit
from tests.sync.peers import Peer, spoil


def compare(target: Target) -> Reconciliation:
    return reconcile.compare(target, actor=User.objects.system())


def drifts(run: Reconciliation) -> dict[str, str]:
    return dict(run.drifts.values_list("public_id", "kind"))


def test_a_target_that_holds_what_it_confirmed_is_in_step(target: Target, peer: Peer) -> None:
    kit.create_many("supplier", 3)
    kit.create("item", "Catheter")
    kit.deliver(target)
    run = compare(target)
    assert (run.compared, run.equal, run.drifted, run.in_flight, run.error) == (4, 4, 0, 0, "")
    assert run.finished_at is not None


def test_a_value_that_somebody_changed_there_is_shown_with_both_sides(target: Target, peer: Peer) -> None:
    golden = kit.create(name="Acme")
    kit.deliver(target)
    spoil(peer, golden.public_id, name="ACME Inc.")
    run = compare(target)
    drift = run.drifts.get()
    assert (run.drifted, drift.kind, drift.record, drift.fields) == (
        1,
        "values",
        golden,
        {"name": ["Acme", "ACME Inc."]},
    )


def test_missing_stale_revived_and_unexpected_records_are_told_apart(target: Target, peer: Peer) -> None:
    missing, stale, revived = (kit.create(name=name) for name in ("missing", "stale", "revived"))
    kit.deliver(target)
    kit.update(stale, name="newer")
    kit.update(revived, kit.Kind.RETIRED)
    before = dict(peer.records)
    kit.deliver(target)
    del peer.records[missing.public_id]
    peer.records[stale.public_id] = before[stale.public_id]
    peer.records[revived.public_id] = replace(peer.records[revived.public_id], active=True)
    peer.records["MDM-SU-999999"] = replace(before[stale.public_id], id="MDM-SU-999999")
    assert drifts(compare(target)) == {
        missing.public_id: "missing",
        stale.public_id: "version",
        revived.public_id: "status",
        "MDM-SU-999999": "unexpected",
    }


def test_what_is_under_way_is_not_called_drift(target: Target, peer: Peer) -> None:
    golden = kit.create()
    kit.deliver(target)
    spoil(peer, golden.public_id, name="theirs")
    kit.update(golden, name="newer")
    run = compare(target)
    assert (run.drifted, run.in_flight, run.compared) == (0, 1, 0)


def test_what_was_delivered_while_the_target_was_read_is_not_called_drift(
    target: Target, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = kit.create(name="Acme")
    kit.deliver(target)
    adapter = targets.adapter_of(target)
    read = adapter.read

    def meanwhile(domain: str, ids: object = None) -> Iterator[TargetRecord]:
        rows = list(read(domain))
        if domain == "supplier":
            kit.update(golden, name="newer")
            kit.create(name="new")
            kit.deliver(target)
        return iter(rows)

    monkeypatch.setattr(adapter, "read", meanwhile)
    run = compare(target)
    assert (drifts(run), run.in_flight) == ({}, 1)


def test_whatever_a_target_holds_is_told(target: Target, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = kit.create(name="Acme")
    kit.deliver(target)
    ours = peer.records[golden.public_id]
    twins = [replace(ours, values={**ours.values, "name": name}) for name in ("nul \0", "other")]
    held = [*twins, replace(ours, id="MDM-SU-" + "9" * 80), replace(ours, id="half \ud800")]
    monkeypatch.setattr(targets.adapter_of(target), "read", lambda domain: iter(held if domain == "supplier" else ()))
    run = compare(target)
    assert run.error == ""
    assert sorted(run.drifts.values_list("kind", flat=True)) == ["unexpected", "unexpected", "values"]


def test_a_target_whose_records_can_not_be_read_says_so_and_stops_no_other(
    target: Target, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(domain: str, ids: object = None) -> Iterator[TargetRecord]:
        yield from [{}["version"]]

    monkeypatch.setattr(targets.adapter_of(target), "read", read)
    run = compare(target)
    assert "KeyError" in run.error
    assert run.finished_at is not None


def test_what_the_target_does_not_hold_because_it_never_should_is_no_drift(target: Target, peer: Peer) -> None:
    golden = kit.create()
    kit.update(golden, kit.Kind.RETIRED)
    kit.deliver(target)
    assert compare(target).drifted == 0


def test_pushing_ours_mends_the_drift(target: Target, peer: Peer) -> None:
    golden, other = kit.create(name="Acme"), kit.create(name="other")
    kit.deliver(target)
    spoil(peer, golden.public_id, name="ACME Inc.")
    run = compare(target)
    steward = kit.make_user("mdm.manage_sync")
    assert drift.push(run=run, actor=steward, reason="ours is right") == 1
    kit.deliver(target)
    assert peer.records[golden.public_id].values["name"] == "Acme"
    assert Drift.objects.get().resolution == "pushed"
    assert compare(target).drifted == 0
    assert len(peer.said(other.public_id)) == 1


def test_a_target_that_does_not_answer_is_noted(target: Target, peer: Peer) -> None:
    kit.create()
    kit.deliver(target)
    peer.down = True
    run = compare(target)
    assert (run.compared, run.error) == (0, "connection refused")
    with pytest.raises(CommandError):
        call_command("reconcile")


def test_a_wrong_configuration_is_noted(target: Target) -> None:
    Target.objects.update(adapter="carrier pigeon")
    target.refresh_from_db()
    targets.forget_all()
    assert "carrier pigeon" in compare(target).error


def test_lanes_that_nobody_looks_after_are_found(target: Target, peer: Peer) -> None:
    kit.create()
    Lane.objects.update(due_at=timezone.now() - dt.timedelta(seconds=2 * target.lease_seconds + 5))
    finding = reconcile.check_lanes()[0]
    assert (finding["finding"], finding["target"], finding["lanes"]) == ("overdue", "erp", 1)
    Breaker.objects.create(target=target, state="open", changed_at=timezone.now(), retry_at=timezone.now())
    assert reconcile.check_lanes() == []  # known not to answer


def test_lanes_that_wait_for_the_schedule_or_in_a_backlog_are_not_called_overdue(target: Target, peer: Peer) -> None:
    kit.create_many("supplier", 2)
    long_ago = timezone.now() - dt.timedelta(seconds=2 * target.lease_seconds + 5)
    Lane.objects.update(due_at=long_ago)
    always = [{"from": "00:00", "to": "12:00"}, {"from": "12:00", "to": "00:00"}]
    Target.objects.update(schedule={"blackout": always})
    assert reconcile.check_lanes() == []
    Target.objects.update(schedule={}, batch_size=1)
    target.refresh_from_db()
    kit.deliver_batch(target)
    assert Lane.objects.filter(due_at=long_ago).count() == 1  # its turn is to come
    assert reconcile.check_lanes() == []


def test_lanes_that_are_behind_or_missing_are_mended(target: Target, peer: Peer) -> None:
    behind, missing = kit.create(name="behind"), kit.create(name="missing")
    kit.deliver(target)
    GoldenRecord.objects.filter(pk=behind.pk).update(version=5, approved_version=5)
    Lane.objects.filter(record=missing).delete()
    assert {f["finding"]: f["lanes"] for f in reconcile.check_lanes()} == {"behind": 1, "missing": 1}
    kit.deliver(target)
    assert peer.said(behind.public_id)[-1] == (5, "upsert")
    assert kit.lane(target, missing).in_step
    assert reconcile.check_lanes() == []


def test_the_command_fails_on_drift_and_passes_when_in_step(target: Target, peer: Peer, capsys) -> None:
    golden = kit.create()
    kit.deliver(target)
    call_command("reconcile")
    assert "erp: 1 compared, 1 equal, 0 drifted" in capsys.readouterr().out
    spoil(peer, golden.public_id, name="theirs")
    with pytest.raises(CommandError, match="in step"):
        call_command("reconcile", "--target", "erp")
    assert golden.public_id in capsys.readouterr().out
