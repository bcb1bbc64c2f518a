"""Work in forked processes: in order, into arrays that they share, and failures come back."""

from __future__ import annotations

import gc
import os
import threading

import numpy as np
import pytest

from matching import parallel
from matching.parallel import processes, shared, spread


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_order(workers: int) -> None:
    assert list(spread(lambda n: n * n, range(50), workers=workers)) == [n * n for n in range(50)]
    assert list(spread(lambda n: n, [], workers=workers)) == []


def test_the_work_is_done_elsewhere_and_writes_to_what_is_shared() -> None:
    written = shared(8, np.int64)

    def work(place: int) -> int:
        written[place] = place + 1
        return os.getpid()

    assert os.getpid() not in set(spread(work, range(8), workers=2))
    assert written.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert shared(0, np.int32).tolist() == []


def test_a_failure_is_raised_here_and_leaves_nothing_behind() -> None:
    def work(n: int) -> float:
        return 1 / n

    with pytest.raises(ZeroDivisionError):
        list(spread(work, [1, 0, 2], workers=2))
    assert parallel._work is None
    assert gc.isenabled()
    assert list(spread(abs, [-1], workers=2)) == [1]


def test_a_process_with_threads_works_alone() -> None:
    assert processes(10, 20) == 1
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert processes(20, 10) == 1
    finally:
        stop.set()
        thread.join()
