"""Work that several processes of this machine share, each with its own connection to the database."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import TypeVar

from django.db import connection, connections

from matching.table import processes

Given = TypeVar("Given")
Done = TypeVar("Done")
EVERY = 1.0  # seconds between looks at processes that work


def workers(size: int, many: int) -> int:
    """How many processes share work of this size: one inside a transaction, which other processes have no part in."""
    return 1 if connection.in_atomic_block else processes(size, many)


def spread(work: Callable[[Given], Done], given: Iterable[Given], *, workers: int) -> Iterator[Done]:
    """What ``work`` makes of each, in order; with no more than two each under way, because what waits takes memory.

    ``work`` must be a function of a module. With one worker it runs here.
    """
    if workers == 1:
        yield from map(work, given)
        return
    connections.close_all()  # a connection that two processes hold is of use to neither
    given = iter(given)
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        waiting: list[Future[Done]] = [pool.submit(work, one) for one in islice(given, 2 * workers)]
        while waiting:
            done = waiting.pop(0).result()
            waiting += [pool.submit(work, one) for one in islice(given, 1)]
            yield done


def together(work: Callable[[], object], *, workers: int, beat: Callable[[], bool]) -> int:
    """Let so many processes do the same until each is done; how many of them failed.

    They find in memory what there is now. ``beat`` is called every second: if it answers False or raises, they end.
    """
    connections.close_all()
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
    return sum(process.exitcode not in (0, -signal.SIGTERM) for process in started)
