"""A worker may die at any moment: nothing is lost, nothing takes effect twice, and the next worker goes on."""

from __future__ import annotations

import random
import time

import pytest

from mdm.models import ChangeEvent
from sync.models import Attempt, Lane, Target
from sync.sandbox.launch import Sandbox
from tests.faults.crashes import DIED, WORKER_POINTS, WRITER_POINTS, Forked, deliver, dying_at, fork
from tests.sync import kit

RECORDS = 200
SEED = 20261122


def check(sandbox: Sandbox, expected: dict[str, int]) -> list[str]:
    """What is wrong at the target: {public id: version} is what it should hold, each applied once."""
    held = {row["id"]: row["version"] for row in sandbox.state("erp", "supplier")}
    wrong = [f"lost {record}" for record in expected.keys() - held.keys()]
    wrong += [f"phantom {record}" for record in held.keys() - expected.keys()]
    wrong += [f"stale {record}" for record, version in held.items() if expected.get(record, version) != version]
    wrong += [f"twice {row['id']} v{row['version']}" for row in sandbox.effects("erp") if row["times"] != 1]
    return wrong + [f"open {lane.pk}" for lane in Lane.objects.all() if not lane.in_step]


def progress(worker: Forked, attempts: int) -> None:
    """Wait until this many attempts are settled, or the worker has ended."""
    while not worker.ended() and Attempt.objects.count() < attempts:
        time.sleep(0.005)


def test_kill_9_during_delivery_loses_and_duplicates_nothing(erp: Target, sandbox: Sandbox) -> None:
    dice = random.Random(SEED)
    rows = kit.create_many("supplier", RECORDS)
    for kill in range(3):
        victim = fork(deliver)
        progress(victim, RECORDS * kill // 4 + dice.randint(1, 20))
        time.sleep(dice.random() * 0.02)
        victim.kill()
    changed = kit.update(rows[0], name="changed between the crashes")
    deliver()
    expected = {row.public_id: 1 for row in rows} | {changed.public_id: 2}
    assert check(sandbox, expected) == []


def test_two_workers_at_once_and_one_killed(erp: Target, sandbox: Sandbox) -> None:
    rows = kit.create_many("supplier", RECORDS)
    first, second = fork(deliver), fork(deliver)
    progress(first, 30)
    first.kill()
    assert second.wait(90) == 0
    deliver()
    assert check(sandbox, {row.public_id: 1 for row in rows}) == []


@pytest.mark.parametrize("point", WORKER_POINTS)
def test_a_worker_that_dies_at_a_given_point_is_made_up_for(erp: Target, sandbox: Sandbox, point: str) -> None:
    rows = kit.create_many("supplier", 60)
    assert fork(dying_at(WORKER_POINTS[point], deliver, calls=2)).wait(60) == DIED
    deliver()
    assert check(sandbox, {row.public_id: 1 for row in rows}) == []


@pytest.mark.parametrize("point", WRITER_POINTS)
def test_a_writer_that_dies_leaves_a_whole_change_or_none(erp: Target, sandbox: Sandbox, point: str) -> None:
    """No wake-up was sent either: whoever looks for what is due finds it."""
    golden = kit.create("supplier", "Acme")
    deliver()
    write = dying_at(WRITER_POINTS[point], lambda: kit.update(golden, name="Acme Medical"), calls=1)
    assert fork(write).wait(60) == DIED
    version = 2 if point == "after the commit" else 1
    deliver()
    assert check(sandbox, {golden.public_id: version}) == []
    assert ChangeEvent.objects.filter(record=golden).count() == version
    assert kit.update(golden, name="and on").version == version + 1  # no lock was left behind


def test_the_checker_sees_a_loss_and_a_repetition(erp: Target, sandbox: Sandbox) -> None:
    """Without keys that the target recognises, and with a lane taken for done, the same check fails."""
    rows = kit.create_many("supplier", 3)
    sandbox.fault("erp", "forget", count=1000)
    deliver()
    Lane.objects.filter(record=rows[0]).update(acked=0, acked_generation=0, due_at=kit.change().at)
    lost = kit.create_many("location", 1)[0]
    Lane.objects.filter(record=lost).update(acked=1, acked_generation=1, due_at=None)
    deliver()
    sandbox.clear("erp")
    wrong = check(sandbox, {row.public_id: 1 for row in (*rows, lost)})
    assert sorted(wrong) == sorted([f"lost {lost.public_id}", f"twice {rows[0].public_id} v1"])
