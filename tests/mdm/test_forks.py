"""Several processes at one piece of work."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mdm import forks

pytestmark = pytest.mark.django_db(transaction=True)


def double(number: int) -> int:
    time.sleep(0.02 * (number % 3))
    return 2 * number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers: int) -> None:
    assert list(forks.spread(double, range(20), workers=workers)) == [2 * number for number in range(20)]


def test_an_error_in_a_process_reaches_who_asked() -> None:
    with pytest.raises(TypeError):
        list(forks.spread(double, ["a"], workers=2))  # type: ignore[list-item]


def test_inside_a_transaction_there_is_one_process() -> None:
    from django.db import transaction

    with transaction.atomic():
        assert forks.workers(10**9, 1) == 1


def test_processes_that_fail_are_counted(tmp_path: Path) -> None:
    def work() -> None:
        try:
            (tmp_path / "first").touch(exist_ok=False)
        except FileExistsError:
            os._exit(3)

    assert forks.together(work, workers=2, beat=lambda: True) == 1


def test_a_beat_that_says_no_ends_them() -> None:
    started = time.monotonic()
    assert forks.together(lambda: time.sleep(60), workers=2, beat=lambda: False) == 0
    assert time.monotonic() - started < 30
