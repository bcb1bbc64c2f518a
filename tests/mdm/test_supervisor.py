"""The supervisor: what dies is started again, and nothing is left behind however it ends."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from mdm.supervisor import Backoff, Program, Supervisor

STUBBORN = "trap '' TERM INT; echo deaf; while :; do sleep 0.1; done"
RUNAWAY = "setsid sleep 300 & echo gone; wait"  # its child leaves the process group


def script(*programs: str, ready: str = "None") -> list[str]:
    code = f"""
from mdm.supervisor import Backoff, Program, Supervisor
programs = [{", ".join(programs)}]
Supervisor(programs, backoff=Backoff(first=0.05, most=0.2), on_ready=lambda: print({ready}, flush=True)).run()
"""
    return [sys.executable, "-c", code]


def shell(name: str, line: str, rest: str = "") -> str:
    return f"Program({name!r}, ['sh', '-c', {line!r}], grace=0.5{rest})"


@contextmanager
def running(command: list[str], **env: str) -> Iterator[subprocess.Popen[str]]:
    """The command; at the end nothing of what it started may be alive."""
    with subprocess.Popen(
        command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True, env={**os.environ, **env}
    ) as process:
        try:
            yield process
        finally:
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
            process.kill()


def read_until(process: subprocess.Popen[str], text: str, times: int = 1) -> list[str]:
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        times -= text in line
        if not times:
            return lines
    pytest.fail(f"{text!r} never came; it said {lines}")


def descendants(process: subprocess.Popen[str], at_least: int) -> list[psutil.Process]:
    assert eventually(lambda: len(psutil.Process(process.pid).children(recursive=True)) >= at_least)
    return psutil.Process(process.pid).children(recursive=True)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def eventually(condition: Callable[[], object], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_every_line_says_which_program_it_is_from() -> None:
    programs = shell("web", "echo hello; sleep 300"), shell("worker", "echo hello; sleep 300")
    with running(script(*programs)) as process:
        lines = read_until(process, "hello", times=2)
    assert sorted(line for line in lines if "hello" in line) == ["   web │ hello", "worker │ hello"]


def test_a_long_line_and_one_without_an_end_come_through() -> None:
    with running(script(shell("web", "head -c 300000 /dev/zero | tr '\\0' x; echo; printf end"))) as process:
        lines = read_until(process, "│ end")
    assert max(map(len, lines)) == 300_000 + len("web │ ")


def test_what_dies_is_started_again() -> None:
    with running(script(shell("web", "echo up; exit 3"))) as process:
        lines = read_until(process, "│ up", times=3)
    assert any("ended with 3; starting again" in line for line in lines)


def test_the_last_words_of_what_dies_are_heard() -> None:
    with running(script(shell("web", "echo why; exec kill -9 $$"))) as process:
        lines = read_until(process, "ended with -9")
    assert any("│ why" in line for line in lines)


def test_what_has_done_its_work_is_not_started_again() -> None:
    programs = shell("once", "echo done", ", once=True"), shell("tick", "while :; do echo tick; sleep 0.2; done")
    with running(script(*programs)) as process:
        lines = read_until(process, "tick", times=5)
    assert sum("│ done" in line for line in lines) == 1


def test_restarts_are_put_off_longer_each_time_and_anew_after_a_steady_run() -> None:
    backoff, delay, delays = Backoff(first=1, most=5, steady=60), 0.0, []
    for run in (0, 0, 0, 0, 90, 0):
        delay = backoff.after(run, delay)
        delays.append(delay)
    assert delays == [1, 2, 4, 5, 1, 2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_even_what_is_deaf_or_ran_away(number: signal.Signals) -> None:
    with running(script(shell("deaf", STUBBORN), shell("away", RUNAWAY), shell("web", "sleep 300"))) as process:
        read_until(process, "deaf")
        started = descendants(process, at_least=5)
        process.send_signal(number)
        process.communicate(timeout=20)
        assert process.returncode == 0
        assert alive(started) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children of their parent's death on Linux only")
def test_nothing_is_left_when_the_supervisor_itself_is_killed() -> None:
    with running(script(shell("web", "exec sleep 300"), shell("worker", "exec sleep 300"))) as process:
        started = descendants(process, at_least=2)
        process.kill()
        assert eventually(lambda: not alive(started))


def test_it_stops_in_the_middle_of_a_wait_for_a_restart() -> None:
    slow = script(shell("web", "exit 1")).copy()
    slow[2] = slow[2].replace("first=0.05, most=0.2", "first=300, most=300")
    with running(slow) as process:
        read_until(process, "starting again in 300 s")
        process.terminate()
        process.communicate(timeout=20)
        assert process.returncode == 0


def test_it_says_when_everything_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = f"Program('web', ['{sys.executable}', '-m', 'http.server', '--bind', '127.0.0.1', '{port}'], port={port})"
    with running(script(server, ready="'all ready'")) as process:
        read_until(process, "all ready")
        assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 200


def test_names_line_up_and_are_plain_where_nobody_looks() -> None:
    out = io.StringIO()
    supervisor = Supervisor([Program("web", ["true"]), Program("sandbox", ["true"])], out=out)
    supervisor._say("web", "one")
    supervisor._say("sandbox", "two")
    assert out.getvalue() == "    web │ one\nsandbox │ two\n"


def test_up_says_so_when_its_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Cannot listen on 127.0.0.1:{port} .* choose another"):
            call_command("up", port=port)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_up_runs_web_worker_and_beat_and_leaves_nothing_behind(environment: dict[str, str], tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    env = {**environment, "CONCORD_VAR": str(tmp_path)}
    with running([*manage, "up", "--port", str(port), "--web", "1", "--workers", "1"], **env) as process:
        read_until(process, "Concord: http://")
        assert eventually(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200)
        assert eventually(lambda: _doctor_finds_everything_at_work(manage, env), seconds=60)
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) >= 4
        process.terminate()
        process.communicate(timeout=60)
        assert process.returncode == 0
        assert alive(started) == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children of their parent's death on Linux only")
def test_up_can_end_with_the_process_that_started_it(environment: dict[str, str], tmp_path: Path) -> None:
    up = [sys.executable, "manage.py", "up", "--web", "0", "--workers", "0", "--sandbox"]
    code = f"""
import subprocess
from mdm.supervisor import die_with_parent
subprocess.run({up!r}, preexec_fn=die_with_parent)
"""
    with running([sys.executable, "-c", code], **environment, CONCORD_VAR=str(tmp_path)) as parent:
        assert eventually((tmp_path / "sandbox/sandbox.json").exists, seconds=60)
        started = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
        assert eventually(lambda: not alive(started))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_told_to_stop_puts_away_what_it_began(number: signal.Signals, environment: dict[str, str]) -> None:
    code = "import time\ntry: print('begun', flush=True); time.sleep(60)\nfinally: print('put away')"
    with running([sys.executable, "manage.py", "shell", "--no-imports", "-c", code], **environment) as process:
        read_until(process, "begun")
        process.send_signal(number)
        out, _ = process.communicate(timeout=20)
        assert (out, process.returncode) == ("put away\n", 128 + number)


def _doctor_finds_everything_at_work(manage: list[str], env: dict[str, str]) -> bool:
    said = subprocess.run([*manage, "doctor"], env={**os.environ, **env}, capture_output=True, text=True).stdout
    return "✓ worker" in said and "✓ beat" in said
