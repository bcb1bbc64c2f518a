"""Work that processes of this machine share. They are forked, so they find in memory what there is: only what they make
of it travels, and not even that where they write into arrays that they share.
"""

from __future__ import annotations

import gc
import mmap
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import current_process, get_all_start_methods, get_context
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Given = TypeVar("Given")
Done = TypeVar("Done")

_work: Callable[[Any], Any] | None = None  # what forked processes find in memory


def processes(size: int, many: int) -> int:
    """How many processes share work of this size. One where processes can't be forked, or where one has threads."""
    apart = "fork" in get_all_start_methods() and threading.active_count() == 1 and not current_process().daemon
    return (os.cpu_count() or 1) if apart and size >= many else 1


def spread(work: Callable[[Given], Done], given: Iterable[Given], *, workers: int) -> Iterator[Done]:
    """What ``work`` makes of each, in order. With one worker it runs here; only one such thing happens at a time.

    No more than three for each process are under way, because what waits takes memory.
    """
    if workers == 1:
        yield from map(work, given)
        return
    global _work
    _work = work
    gc.freeze()  # a collection in a forked process would write to, and so copy, all that it inherits
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("fork"), initializer=gc.disable) as pool:
            rest = iter(given)
            waiting: list[Future[Any]] = [pool.submit(_do, one) for one in islice(rest, 3 * workers)]
            while waiting:
                done = waiting.pop(0).result()
                waiting += [pool.submit(_do, one) for one in islice(rest, 1)]
                yield done
    finally:
        gc.unfreeze()
        _work = None


def _do(given: Any) -> Any:
    if _work is None:
        raise RuntimeError("this process was not forked to work")
    return _work(given)


def shared(size: int, dtype: Any) -> NDArray[Any]:
    """An array of zeros that processes forked from now on write to as if it were their own."""
    kind = np.dtype(dtype)
    return np.frombuffer(mmap.mmap(-1, max(1, size * kind.itemsize)), dtype=kind, count=size)
