"""How much memory everything takes together: this process, what it started, and the embedded servers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

EVERY = 0.5  # seconds


class Peak:
    def __init__(self, var: Path) -> None:
        self._var = str(var)
        self._stop = threading.Event()
        self.mb = 0.0

    def look(self) -> None:
        """Proportional set size where the kernel tells it: shared pages of PostgreSQL count once."""
        self.mb = max(self.mb, sum(map(_memory, self._processes())) / 2**20)

    def _processes(self) -> set[psutil.Process]:
        ours = {psutil.Process()}
        for process in psutil.process_iter(["cmdline"]):
            if any(self._var in part for part in process.info["cmdline"] or ()):
                ours.add(process)
        for process in list(ours):
            try:
                ours.update(process.children(recursive=True))
            except psutil.NoSuchProcess:
                continue
        return ours

    def run(self) -> None:
        while not self._stop.wait(EVERY):
            self.look()

    def stop(self) -> None:
        self._stop.set()


def _memory(process: psutil.Process) -> int:
    try:
        info = process.memory_full_info()
        return int(getattr(info, "pss", 0) or info.rss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


@contextmanager
def watched(var: Path) -> Iterator[Peak]:
    """Sample the memory of the whole process tree while the block runs."""
    peak = Peak(var)
    thread = threading.Thread(target=peak.run, name="memory", daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        peak.look()
        peak.stop()
        thread.join()
