"""Processes that die at once at a given point, as by kill -9: forked, so that a death costs no start of Django."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import connections

from sync import outbox, settle
from sync.adapters.http import Pool
from sync.adapters.rest_json.client import RestAdapter
from tests.sync import kit

DIED = 9
# point -> (owner, name, dies before the call or after it), in the second batch that is delivered
WORKER_POINTS: dict[str, tuple[Any, str, str]] = {
    "before claiming": (outbox, "claim", "before"),
    "after claiming": (outbox, "claim", "after"),
    "after storing the letters": (outbox, "compose", "after"),
    "before sending": (RestAdapter, "send", "before"),
    "after sending, before the reply": (Pool, "_body", "before"),
    "after the reply": (RestAdapter, "send", "after"),
    "before the settling commits": (settle, "_write", "after"),
    "after settling": (outbox, "settle", "after"),
}
# … in the first change that is written
WRITER_POINTS: dict[str, tuple[Any, str, str]] = {
    "after locking the record": (kit, "_next", "after"),
    "before the commit": (kit, "announce", "after"),
    "after the commit": (kit, "update", "after"),
}


@dataclass
class Forked:
    """A child of this process."""

    pid: int
    code: int | None = None

    def ended(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def wait(self, seconds: float) -> int:
        until = time.monotonic() + seconds
        while not self.ended() and time.monotonic() < until:
            time.sleep(0.005)
        assert self.code is not None, "it runs on"
        return self.code

    def kill(self) -> None:
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            self.wait(10)


def fork(work: Callable[[], object]) -> Forked:
    """Do it in a child with database connections of its own."""
    if pid := os.fork():
        return Forked(pid)
    try:
        for connection in connections.all(initialized_only=True):
            connection.connection = None  # the parent's: its socket must not be written to
        work()
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run on in the child
        os._exit(1)
    os._exit(0)


def deliver() -> None:
    """A worker, until nothing is left to do."""
    call_command("deliver", "--until-idle", "--seconds", "60", stdout=StringIO())


def dying_at(point: tuple[Any, str, str], work: Callable[[], object], *, calls: int) -> Callable[[], None]:
    """The work, in which the so many-th call of the point is the last thing that happens."""
    owner, name, when = point
    original, counted = getattr(owner, name), 0

    def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal counted
        counted += 1
        if counted == calls and when == "before":
            os._exit(DIED)
        result = original(*args, **kwargs)
        if counted == calls:
            os._exit(DIED)
        return result

    def run() -> None:
        setattr(owner, name, dying)
        work()

    return run
