"""Losing a task, a broker or a worker costs time, never data."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from kombu.exceptions import OperationalError

from mdm.models import SourceRecord, SourceRevision, User
from sync.inbound import services, tasks
from sync.models import FeedRun
from tests.sync.inbound.kit import Sender, csv_bytes, many

EARLIER = timedelta(minutes=5)
WORKER = """
import sys, time
import django
django.setup()
from sync.inbound import reading, runner
reading.BATCH = 10
real = runner.landing.land
def slow(**how):
    time.sleep(0.1)
    return real(**how)
runner.landing.land = slow
runner.run(int(sys.argv[1]))
"""


def test_a_task_does_a_run_to_its_end(erp: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[bool] = []
    monkeypatch.setattr(tasks.sweep_feeds, "delay", lambda: swept.append(True))
    run = erp.queue(csv_bytes())
    tasks.import_feed(run.pk)
    run.refresh_from_db()
    assert run.state == FeedRun.State.DONE
    assert swept, "a run that waited for this one is looked for"


def test_a_task_whose_time_is_up_asks_for_the_next_slice(
    erp: Sender, woken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "SECONDS", 0.0)
    run = erp.queue(csv_bytes())
    tasks.import_feed(run.pk)
    assert woken == [run.pk]


def test_a_run_that_must_wait_is_not_asked_for_again_and_again(erp: Sender, woken: list[int]) -> None:
    erp.queue(csv_bytes())
    tasks.import_feed(erp.queue(csv_bytes()).pk)
    assert woken == []


def test_the_sweep_takes_up_what_nobody_works_on_the_oldest_of_a_system_first(erp: Sender, woken: list[int]) -> None:
    lost, _behind = erp.queue(csv_bytes()), erp.queue(csv_bytes())
    dead = Sender("ehr", "cost_center", User.objects.system()).queue(csv_bytes())
    busy = Sender("scm", "cost_center", User.objects.system()).queue(csv_bytes())
    over = Sender("lab", "cost_center", User.objects.system()).send(csv_bytes())
    FeedRun.objects.filter(pk=dead.pk).update(lease_until=timezone.now() - EARLIER, state="landing")
    FeedRun.objects.filter(pk=busy.pk).update(lease_until=timezone.now() + EARLIER, state="landing")
    tasks.sweep_feeds()
    assert sorted(woken) == sorted([lost.pk, dead.pk])
    assert over.pk not in woken


def test_without_a_broker_the_run_waits_for_the_sweep(erp: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def delay(run_id: int) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.import_feed, "delay", delay)
    run = erp.queue(csv_bytes())
    services.wake(run.pk)
    run.refresh_from_db()
    assert run.state == FeedRun.State.QUEUED


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_during_an_import_loses_nothing_and_does_nothing_twice(woken: list[int], store: Path) -> None:
    erp = Sender("erp", "cost_center", User.objects.system())
    run = erp.queue(csv_bytes([*many(120), ("x", "Bad", "A", "soon")]))
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(run.pk)], env=_environment(store))
    try:
        _until(lambda: FeedRun.objects.get(pk=run.pk).landed_row > 30)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    run.refresh_from_db()
    assert run.state == FeedRun.State.LANDING
    assert 0 < SourceRecord.objects.count() < 120
    tasks.sweep_feeds()
    assert woken == [run.pk], "from when it was queued"
    FeedRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - EARLIER)
    tasks.sweep_feeds()
    assert woken == [run.pk, run.pk]
    run = services.run(run.pk)
    assert (run.state, run.new, run.changed, run.unchanged, run.quarantined) == ("done", 120, 0, 0, 1)
    assert len(erp.codes()) == SourceRecord.objects.count() == 120
    assert SourceRevision.objects.count() == 0


def _environment(store: Path) -> dict[str, str]:
    """Of a worker on the test's database and store."""
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"
    code = f"from mdm.settings import *\nMEDIA_ROOT = {str(store)!r}\n"
    (store.parent / "killed_settings.py").write_text(code)
    path = os.pathsep.join([str(settings.BASE_DIR), str(store.parent)])
    mine = {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "killed_settings", "PYTHONPATH": path, "CONCORD_HTTPS": "0"}
    return dict(os.environ) | mine


def _until(condition: object, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "the worker didn't get there"
        time.sleep(0.05)
