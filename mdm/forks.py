"""Work that several processes of this machine share, each with its own connection to the database."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import TypeVar

from django.db import connection, connections

from matching import parallel

Given = TypeVar("Given")
Done = TypeVar("Done")
EVERY = 1.0  # seconds between looks at processes that work


def workers(size: int, many: int) -> int:
    """How many processes share work of this size: one inside a transaction, which other processes have no part in."""
    return 1 if connection.in_atomic_block else parallel.processes(size, many)


def spread(work: Callable[[Given], Done], given: Iterable[Given], *, workers: int) -> Iterator[Done]:
    """What ``work`` makes of each, in order; see ``matching.parallel``."""
    if workers > 1:
        connections.close_all()  # a connection that two processes hold is of use to neither
    yield from parallel.spread(work, given, workers=workers)


def together(work: Callable[[], object], *, workers: int, beat: Callable[[], bool]) -> int:
    """Let so many processes do the same until each is done; how many of them failed.

    They find in memory what there is now. ``beat`` is called every second: if it answers False or raises, they end.
    """
    connections.close_all()
    gc.freeze()  # a collection in a forked process would write to, and so copy, all that it inherits
    started = [get_context("fork").Process(target=work, daemon=True) for _ in range(workers)]
    for process in started:
        process.start()
    try:
        while any(process.is_alive() for process in started) and beat():
            wait([process.sentinel for process in started if process.is_alive()], timeout=EVERY)
    finally:
        for process in started:
            process.terminate()
            process.join()
        gc.unfreeze()
    return sum(process.exitcode not in (0, -signal.SIGTERM) for process in started)
