"""The whole process: start, look, misbehave, crash, come back, stop."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from sync.adapters.base import State
from sync.sandbox.launch import ROOT, Sandbox
from tests.sync.adapters import factory
from tests.sync.adapters.conftest import TARGETS, deliver

from .conftest import adapter_for

each_target = pytest.mark.parametrize("target", TARGETS)


@each_target
def test_a_killed_sandbox_has_what_it_acknowledged_and_applies_nothing_twice(sandbox: Sandbox, target: str) -> None:
    adapter = adapter_for(sandbox, target, timeout=5)
    batch = factory.rendered(adapter, *(factory.message("supplier", n) for n in range(1, 41)))
    before = deliver(adapter, *batch[:20])

    adapter.send(batch[20:])  # some of it may be on its way, some not
    sandbox.kill()
    during = adapter.send(batch)
    sandbox.restart()
    after = deliver(adapter, *batch)

    assert {o.state for o in during} <= {State.UNKNOWN, State.RETRY}
    assert {o.state for o in after} == {State.ACKNOWLEDGED}
    assert [o.target_code for o in after[:20]] == [o.target_code for o in before]
    assert [e["times"] for e in sandbox.effects(target)] == [1] * 40
    adapter.close()


def test_a_file_that_was_left_in_the_inbound_folder_is_worked_through_at_the_next_start(sandbox: Sandbox) -> None:
    adapter = adapter_for(sandbox, "supply")
    sandbox.fault("supply", "late", delay=60)
    adapter.send(factory.rendered(adapter, factory.message()))
    sandbox.kill()
    sandbox.restart()

    end = time.monotonic() + 10
    while not (receipts := adapter.collect()) and time.monotonic() < end:
        time.sleep(0.05)

    assert [r.outcome.state for r in receipts] == [State.ACKNOWLEDGED]
    adapter.close()


def test_ports_and_credentials_outlive_a_restart(sandbox: Sandbox) -> None:
    before = sandbox.info
    sandbox.kill()
    sandbox.restart()

    assert sandbox.info["ports"] == before["ports"]
    assert sandbox.info["targets"] == before["targets"]


def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        process = sandbox._process
        process.terminate()

        assert process.wait(10) == 0


def test_it_goes_when_the_process_that_started_it_is_gone(tmp_path: Path) -> None:
    code = f"import time, pathlib; from sync.sandbox.launch import Sandbox; Sandbox(pathlib.Path({str(tmp_path)!r})); "
    parent = subprocess.Popen([sys.executable, "-c", code + "print('ready', flush=True); time.sleep(60)"],
                              cwd=ROOT, stdout=subprocess.PIPE)  # fmt: skip
    assert parent.stdout is not None
    parent.stdout.readline()
    pid = json.loads((tmp_path / "sandbox.json").read_text())["pid"]

    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()

    psutil.Process(pid).wait(10) if psutil.pid_exists(pid) else None
    assert not psutil.pid_exists(pid)


def test_what_holds_secrets_is_for_its_owner_only(sandbox: Sandbox) -> None:
    names = ("sandbox.json", "client_secret", "supply/keys/client", "supply/keys/host")

    assert {stat.S_IMODE((sandbox.directory / name).stat().st_mode) for name in names} == {0o600}


def test_state_is_shown_in_the_counterparts_own_names(sandbox: Sandbox) -> None:
    expected = {"ehr": "DISPLAY_NAME", "erp": "shortText", "supply": "text"}
    for target, name in expected.items():
        adapter = adapter_for(sandbox, target)
        deliver(adapter, *factory.rendered(adapter, factory.message()))
        (held,) = sandbox.state(target, "item")
        assert held["fields"][name] == "Catheter Foley 16FR 5CC"
        adapter.close()


def test_the_page_shows_what_arrived_and_escapes_it(sandbox: Sandbox) -> None:
    adapter = adapter_for(sandbox, "erp")
    deliver(adapter, *factory.rendered(adapter, factory.message(description="<script>alert(1)</script>")))

    overview = httpx.get(f"{sandbox.info['admin']}/").text
    records = httpx.get(f"{sandbox.info['admin']}/", params={"target": "erp", "domain": "item"}).text

    assert "ERP (REST JSON)" in overview
    assert "MDM-IT-000001" in records
    assert "&lt;script&gt;" in records
    assert "<script>" not in records
    adapter.close()


def test_an_unknown_fault_or_counterpart_is_refused_with_the_known_ones(sandbox: Sandbox) -> None:
    admin = sandbox.info["admin"]

    assert "known are refuse, hang" in httpx.post(f"{admin}/faults/ehr", json={"kind": "melt"}).json()["error"]
    assert httpx.post(f"{admin}/faults/ehr", json={"kind": "hang", "often": 3}).status_code == 400
    assert "known are ehr, erp, supply" in httpx.get(f"{admin}/state/fax").text


def test_faults_can_be_looked_at_and_cleared(sandbox: Sandbox) -> None:
    sandbox.fault("ehr", "nak", count=3)
    sandbox.clear("ehr")
    adapter = adapter_for(sandbox, "ehr")

    (outcome,) = deliver(adapter, *factory.rendered(adapter, factory.message()))

    assert outcome.state is State.ACKNOWLEDGED
    adapter.close()


def test_an_outage_ends_after_its_time(sandbox: Sandbox) -> None:
    sandbox.fault("erp", "refuse", seconds=0.5)
    adapter = adapter_for(sandbox, "erp", timeout=2)
    batch = factory.rendered(adapter, factory.message())

    during = adapter.send(batch)[0]
    time.sleep(0.6)
    after = adapter.send(batch)[0]

    assert (during.state, during.connection) == (State.RETRY, True)
    assert after.state is State.ACKNOWLEDGED
    adapter.close()
