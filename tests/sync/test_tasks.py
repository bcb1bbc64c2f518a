"""Tasks carry wake-ups: each may be lost, doubled or late without harm. And the commands that do without a broker."""

from __future__ import annotations

import threading
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from mdm.models import ChangeEvent
from sync import alerting, objectives, outbox, pins, tasks
from sync.adapters.base import ErrorClass, Outcome, State
from sync.alone import alone
from sync.models import Lane, Reconciliation, Target
from tests.sync import kit
from tests.sync.peers import Peer


def test_a_wake_up_delivers_what_is_due(target: Target, peer: Peer) -> None:
    golden = kit.create()
    tasks.deliver(target.pk)
    assert kit.lane(target, golden).in_step


def test_a_wake_up_for_nobody_or_for_nothing_does_nothing(target: Target, peer: Peer) -> None:
    tasks.deliver(target.pk + 1000)
    tasks.deliver(target.pk)
    Target.objects.update(adapter="carrier pigeon")
    kit.create()
    tasks.deliver(target.pk)
    assert peer.received == []


def test_the_beat_finds_what_lost_its_wake_up(target: Target, peer: Peer, woken: list[int]) -> None:
    quiet = kit.make_target("quiet", subscriptions={"location": {}})
    kit.create("supplier")
    woken.clear()
    tasks.tick()
    assert woken == [target.pk]
    tasks.deliver(target.pk)
    woken.clear()
    tasks.tick()
    assert woken == []
    assert quiet.pk not in woken


def test_the_beat_leaves_paused_targets_alone(target: Target, woken: list[int]) -> None:
    kit.create()
    Target.objects.update(paused=True)
    woken.clear()
    tasks.tick()
    assert woken == []


def test_one_process_at_a_time_delivers_to_a_target(target: Target, peer: Peer, woken: list[int]) -> None:
    golden = kit.create()
    entered, leave = threading.Event(), threading.Event()

    def other_worker() -> None:
        with alone(target) as mine:
            assert mine
            entered.set()
            leave.wait(10)
        connection.close()

    thread = threading.Thread(target=other_worker)
    thread.start()
    entered.wait(10)
    woken.clear()
    tasks.deliver(target.pk)
    assert peer.received == []
    assert woken == []  # the other one looks once more when it is done
    leave.set()
    thread.join()
    tasks.deliver(target.pk)
    assert kit.lane(target, golden).in_step


def test_a_worker_that_hangs_past_its_lease_loses_the_target_to_another(
    target: Target, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped, or on a machine that is gone without a word: its connection stands, and with it the lock."""
    golden = kit.create()
    Target.objects.update(lease_seconds=1)
    target.refresh_from_db()
    entered, leave, ended = threading.Event(), threading.Event(), []

    def hanging_worker() -> None:
        try:
            with alone(target):
                outbox.claim(target)
                entered.set()
                leave.wait(10)
        except DatabaseError as error:
            ended.append(type(error).__name__)
        connection.close()

    thread = threading.Thread(target=hanging_worker)
    thread.start()
    entered.wait(10)
    tasks.deliver(target.pk)
    assert peer.received == []
    time.sleep(1.1)
    tasks.deliver(target.pk)
    assert kit.lane(target, golden).in_step
    leave.set()
    thread.join()
    assert ended == ["OperationalError"]


def test_a_task_whose_time_is_up_wakes_the_next(
    target: Target, peer: Peer, woken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.create()
    woken.clear()
    monkeypatch.setattr(tasks, "SECONDS", 0.0)
    tasks.deliver(target.pk)
    assert woken == [target.pk]


def test_a_target_that_does_not_answer_is_not_woken_for_in_circles(
    target: Target, peer: Peer, woken: list[int]
) -> None:
    kit.create()
    peer.down = True
    for _ in range(6):
        kit.make_due(target)
        tasks.deliver(target.pk)
    kit.make_due(target)
    woken.clear()
    tasks.deliver(target.pk)
    tasks.tick()
    assert woken == []


def test_late_acknowledgements_are_collected_by_the_same_task(target: Target, peer: Peer) -> None:
    golden = kit.create()
    peer.late = True
    tasks.deliver(target.pk)
    Target.objects.update(collect_at=None)
    tasks.deliver(target.pk)
    assert kit.lane(target, golden).in_step


def test_events_get_their_positions(target: Target) -> None:
    kit.create()
    tasks.sequence()
    assert list(ChangeEvent.objects.values_list("position", flat=True)) != [None]


def test_the_nightly_tasks_send_and_compare_everything(
    target: Target, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (tasks.nightly_sync, tasks.compare):  # a task of its own for each target
        monkeypatch.setattr(one, "delay", one)
    golden = kit.create()
    tasks.deliver(target.pk)
    tasks.full_sync()
    tasks.deliver(target.pk)
    assert len(peer.said(golden.public_id)) == 2
    tasks.reconcile_all()
    assert Reconciliation.objects.get().equal == 1
    tasks.check_lanes()
    tasks.resolve_pending()


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("deliver", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_delivers_what_is_due_to_every_target(target: Target, peer: Peer) -> None:
    kit.make_target("ehr")
    kit.create_many("supplier", 3)
    assert run().splitlines() == ["ehr: 3 acknowledged", "erp: 3 acknowledged"]
    assert run("--target", "erp").splitlines() == ["erp: nothing due"]
    with pytest.raises(CommandError, match="ehr, erp"):
        run("--target", "wms")


def test_until_idle_waits_for_retries_and_late_acknowledgements(target: Target, peer: Peer) -> None:
    Target.objects.update(pace=0.01)
    golden = kit.create()
    peer.late = True
    peer.answers[golden.public_id] = Outcome(State.RETRY, error="busy", error_class=ErrorClass.BUSY)
    timer = threading.Timer(0.3, peer.answers.clear)
    timer.start()
    run("--until-idle", "--seconds", "30")
    timer.join()
    assert all(lane.in_step for lane in Lane.objects.all())


def test_what_was_answered_while_nobody_looked_is_not_sent_again(target: Target, peer: Peer) -> None:
    kit.create()
    peer.late = True
    kit.deliver(target)
    kit.make_due(target)  # its deadline has passed, in a pause
    assert run().splitlines() == ["erp: 1 collected"]
    assert len(peer.received) == 1


def test_until_idle_gives_up_when_its_time_is_over(target: Target, peer: Peer) -> None:
    kit.create()
    peer.down = True
    run("--until-idle", "--seconds", "0.5")
    assert Lane.objects.get().acked == 0


def test_a_full_sync_from_the_command_line_is_delivered_next(target: Target, peer: Peer) -> None:
    golden = kit.create()
    run()
    call_command("full_sync", "--target", "erp", "--domain", "supplier", stdout=StringIO())
    run()
    assert len(peer.said(golden.public_id)) == 2
    with pytest.raises(CommandError):
        call_command("full_sync", "--target", "wms")


def test_a_step_of_the_watch_that_fails_keeps_no_other_from_being_done(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def fail(**_: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(pins, "expire", fail)
    monkeypatch.setattr(objectives, "watch", lambda: done.append("watched"))
    monkeypatch.setattr(alerting, "tell_due", lambda: done.append("told"))
    tasks.watch()
    assert done == ["watched", "told"]


def test_what_takes_all_of_a_target_in_hand_has_the_time_for_it_and_is_not_begun_twice() -> None:
    """The broker gives a task that is acknowledged late to another worker after 120 seconds."""
    for task in (tasks.backfill, tasks.compare, tasks.nightly_sync):
        assert (task.acks_late, task.soft_time_limit) == (False, 1700)
