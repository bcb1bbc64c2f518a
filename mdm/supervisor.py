"""Runs Concord's processes as one: prefixes their output, restarts what dies, stops all of them together.

Each program leads a session of its own, so Ctrl-C reaches the supervisor alone, which then stops everything in order.
Nothing is left behind: what ignores SIGTERM is killed with its whole process group, what left the group is found as a
descendant, and on Linux the kernel ends the programs should the supervisor itself be killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

import psutil

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
COLOURS = ("36", "32", "33", "35", "34", "31")

_prctl = ctypes.CDLL(None).prctl if LINUX else None


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)  # on top of our own
    port: int = 0  # TCP port on loopback that says it has started; 0: nothing to wait for
    grace: float = 10.0  # seconds between SIGTERM and SIGKILL
    once: bool = False  # has done its work when it exits with 0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait before a restart: doubling from ``first`` to ``most``, anew after a run of ``steady``."""

    first: float = 0.5
    most: float = 30.0
    steady: float = 30.0

    def after(self, run: float, delay: float) -> float:
        return self.first if run >= self.steady or not delay else min(delay * 2, self.most)


class Supervisor:
    """``run()`` returns when SIGINT, SIGTERM or SIGHUP came and every program has ended."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        out: TextIO = sys.stdout,
        backoff: Backoff | None = None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self.programs, self.out, self.on_ready = programs, out, on_ready
        self.backoff = backoff or Backoff()
        self._width = max(len(program.name) for program in programs)
        self._colours = dict(zip((p.name for p in programs), COLOURS * len(programs), strict=False))

    def run(self) -> None:
        if _prctl:
            _prctl(PR_SET_CHILD_SUBREAPER, 1)  # orphans of our programs come to us, where _sweep finds them
        try:
            asyncio.run(self._run())
        finally:
            _sweep()

    async def _run(self) -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        tasks = [asyncio.create_task(self._keep(program)) for program in self.programs]
        tasks.append(asyncio.create_task(self._announce()))
        await stopping.wait()
        self._say("", "stopping")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, program: Program) -> None:
        delay = 0.0
        while True:
            started = time.monotonic()
            process, output = await _start(program)
            reader = asyncio.create_task(self._copy(program.name, output))
            try:
                code = await process.wait()
            finally:
                await _stop(process, program.grace)
                await asyncio.wait({reader}, timeout=1)  # its last words; an escaped grandchild may hold the pipe
                reader.cancel()
            if program.once and code == 0:
                return
            delay = self.backoff.after(time.monotonic() - started, delay)
            self._say(program.name, f"ended with {code}; starting again in {delay:g} s")
            await asyncio.sleep(delay)

    async def _copy(self, name: str, output: asyncio.StreamReader) -> None:
        """Line by line, but read in blocks: a line of any length must not stop the supervisor."""
        rest = b""
        while block := await output.read(65536):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                self._say(name, line.decode(errors="replace"))
        if rest:
            self._say(name, rest.decode(errors="replace"))

    async def _announce(self) -> None:
        for port in (program.port for program in self.programs if program.port):
            while not await _listens(port):
                await asyncio.sleep(0.1)
        self.on_ready()

    def _say(self, name: str, line: str) -> None:
        prefix = f"{name:>{self._width}} │"
        if name and self.out.isatty():
            prefix = f"\033[{self._colours[name]}m{prefix}\033[0m"
        with contextlib.suppress(OSError, ValueError):  # a closed terminal must not keep us from stopping
            self.out.write(f"{prefix} {line}\n")
            self.out.flush()


async def _start(program: Program) -> tuple[Process, asyncio.StreamReader]:
    """The process and what it writes. The pipe is ours: asyncio's own would make wait() last until every
    grandchild that inherited it has ended, too."""
    read_end, write_end = os.pipe()
    output = asyncio.StreamReader()
    pipe = os.fdopen(read_end, "rb", buffering=0)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), pipe)
    try:
        process = await asyncio.create_subprocess_exec(
            *program.command,
            env={**os.environ, **program.env},
            stdin=DEVNULL,
            stdout=write_end,
            stderr=STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    finally:
        os.close(write_end)
    return process, output


def die_with_parent() -> None:
    """In the child, before exec: have the kernel, where it is Linux, send SIGTERM when the parent is gone."""
    if _prctl:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def _stop(process: Process, grace: float) -> None:
    """SIGTERM to the program, which stops its own children in order; SIGKILL to whatever is left of its group."""
    with contextlib.suppress(ProcessLookupError, asyncio.TimeoutError):
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), grace)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _sweep() -> None:
    """End descendants that left their process group: they came to us when their parents died."""
    left = [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    for child in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(left, timeout=5)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
