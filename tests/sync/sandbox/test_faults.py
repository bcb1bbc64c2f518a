"""Which fault is taken, and how often."""

from __future__ import annotations

import time

import pytest

from sync.sandbox.faults import Faults


def test_a_fault_is_taken_as_often_as_it_was_asked_for() -> None:
    faults = Faults()
    faults.add(kind="hang", count=2)

    assert [faults.take("hang") is not None for _ in range(3)] == [True, True, False]
    assert faults.active() == []


def test_a_fault_waits_for_the_record_it_is_meant_for() -> None:
    faults = Faults()
    faults.add(kind="reject", match="000002")

    assert faults.take("reject", text=lambda: "MDM-IT-000001") is None
    assert faults.take("reject", text=lambda: "MDM-IT-000002") is not None


def test_a_fault_that_lasts_ends_by_itself() -> None:
    faults = Faults()
    faults.add(kind="refuse", seconds=0.1)

    assert [faults.take("refuse") is not None for _ in range(5)] == [True] * 5
    time.sleep(0.15)
    assert faults.take("refuse") is None


def test_a_fault_of_another_kind_is_left() -> None:
    faults = Faults()
    faults.add(kind="nak")

    assert faults.take("hang", "429") is None
    assert len(faults.active()) == 1


def test_a_fault_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="Unknown fault melt; known are"):
        Faults().add(kind="melt")
