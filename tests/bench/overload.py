"""`make bench-lookup ARGS=--overload`: twice as many lookups as the server can answer, and what becomes of it.

Requests come by the clock, not when the last one was answered, as from many clients that don't know of each other; a
request's time runs from when it was due. Before, the capacity is measured; after, how soon answers are quick again.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from tests.bench.load import Connection, drive

CLIENTS, BUSY = 256, 16  # connections
FILL = 60_000  # requests until both processes remember as many answers as they ever will
CALM = 0.4  # of the capacity, before and after
ALLOWED = {200, 429, 503}
RECOVERED_WITHIN, CALM_SECONDS = 10, 12
Make = Callable[[], bytes]


@dataclass
class Told:
    """What came of the requests of one phase."""

    statuses: Counter[str] = field(default_factory=Counter)
    times: list[tuple[float, float]] = field(
        default_factory=list
    )  # (second in which it was due, time) of those answered

    def p99(self, since: float = 0.0, until: float = float("inf")) -> float:
        """Milliseconds."""
        found = sorted(took for due, took in self.times if since <= due < until)
        return round(found[int(len(found) * 0.99)] * 1e3, 1) if found else 0.0


def capacity(port: int, make: Make, seconds: float) -> float:
    """Answers per second that busy clients get, once the processes remember as much as they ever will."""
    run = drive(port, lambda *_: make(), connections=BUSY, each=FILL // BUSY)
    run = drive(port, lambda *_: make(), connections=BUSY, each=int(seconds * run.requests / run.seconds / BUSY))
    return run.requests / run.seconds


def send(port: int, make: Make, rate: float, seconds: float) -> Told:
    """``rate`` requests a second for so long, each by the first client that is free."""
    told, lock, numbers = Told(), threading.Lock(), iter(range(int(rate * seconds)))
    begin = time.perf_counter() + 0.2

    def work() -> None:
        connection: Connection | None = None
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            due = number / rate
            time.sleep(max(begin + due - time.perf_counter(), 0))
            try:
                connection = connection or Connection(port)
                status = str(connection.send(make())[0])
            except OSError as error:
                connection, status = None, type(error).__name__
            took = time.perf_counter() - begin - due
            with lock:
                told.statuses[status] += 1
                if status == "200":
                    told.times.append((due, took))

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


class Memory(threading.Thread):
    """MB that the processes have to themselves, every half second."""

    def __init__(self, processes: Sequence[psutil.Process]) -> None:
        super().__init__(daemon=True)
        self.processes, self.found, self.over = processes, [], threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.5):
            self.found.append(sum(one.memory_info().rss for one in self.processes) / 1e6)


def measure(port: int, make: Make, processes: Sequence[psutil.Process], seconds: float) -> dict[str, Any]:
    able = capacity(port, make, 5)
    before = send(port, make, able * CALM, CALM_SECONDS)
    memory = Memory(processes)
    memory.start()
    rush = send(port, make, able * 2, seconds)
    after = send(port, make, able * CALM, CALM_SECONDS)
    memory.over.set()
    memory.join()
    third = max(len(memory.found) // 3, 1)
    first, last = statistics.median(memory.found[:third]), statistics.median(memory.found[-third:])
    calm = before.p99()
    seconds_to_calm = next((n for n in range(CALM_SECONDS) if after.p99(n) <= max(2 * calm, 50)), CALM_SECONDS)
    statuses = before.statuses + rush.statuses + after.statuses
    return {
        "name": "overload",
        "capacity": round(able),
        "offered": round(able * 2),
        "seconds": seconds,
        "statuses": dict(rush.statuses),
        "p99_ms": {"before": calm, "during": rush.p99(), "after": after.p99(RECOVERED_WITHIN)},
        "recovered_s": seconds_to_calm,
        "memory_mb": {"first_third": round(first), "last_third": round(last)},
        "holds": set(map(str, ALLOWED)) >= set(statuses) and seconds_to_calm < RECOVERED_WITHIN and last < 1.1 * first,
    }
