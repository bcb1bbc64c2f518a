"""When a target is sent something, and how much."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from mdm.models import GoldenRecord
from sync import outbox, schedule
from sync.models import Target
from tests.sync import kit
from tests.sync.peers import Peer

NIGHT = {"from": "22:00", "to": "02:00", "days": ["sat"]}


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """The site's clock, whatever TIME_ZONE says."""
    with timezone.override(dt.UTC):
        yield


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("moment", "shut"),
    [
        ("2026-11-28 21:59", False),
        ("2026-11-28 22:00", True),  # a Saturday
        ("2026-11-29 01:59", True),
        ("2026-11-29 02:00", False),
        ("2026-11-29 22:30", False),
    ],
)
def test_a_blackout_past_midnight_ends_on_the_next_day(moment: str, shut: bool) -> None:
    assert schedule.in_blackout({"blackout": [NIGHT]}, at(moment)) is shut


def test_a_blackout_without_days_is_on_every_day() -> None:
    assert schedule.in_blackout({"blackout": [{"from": "12:00", "to": "13:00"}]}, at("2026-11-25 12:30"))


@pytest.mark.parametrize(
    ("moment", "ended"),
    [
        ("2026-11-29 02:00", "2026-11-29 02:00"),  # a Sunday
        ("2026-11-29 10:00", "2026-11-29 02:00"),
        ("2026-12-05 21:59", "2026-11-29 02:00"),
    ],
)
def test_the_last_blackout_ended_when_it_did(moment: str, ended: str) -> None:
    assert schedule.opened({"blackout": [NIGHT]}, at(moment)) == at(ended)


@pytest.mark.parametrize(
    ("plan", "since", "until", "waited"),
    [
        ({}, "2026-11-28 10:00", "2026-11-28 12:00", []),
        ({"every": 15}, "2026-11-28 10:05", "2026-11-28 10:16", [("2026-11-28 10:05", "2026-11-28 10:15")]),
        ({"every": 15}, "2026-11-28 10:05", "2026-11-28 10:09", [("2026-11-28 10:05", "2026-11-28 10:09")]),
        ({"every": 420}, "2026-11-28 22:30", "2026-11-29 01:00", [("2026-11-28 22:30", "2026-11-29 00:00")]),
        ({"blackout": [NIGHT]}, "2026-11-28 21:00", "2026-11-29 03:00", [("2026-11-28 22:00", "2026-11-29 02:00")]),
        ({"blackout": [NIGHT]}, "2026-11-28 23:00", "2026-11-29 01:00", [("2026-11-28 23:00", "2026-11-29 01:00")]),
        ({"blackout": [NIGHT]}, "2026-11-29 03:00", "2026-12-05 21:00", []),
    ],
)
def test_what_a_change_waited_for_is_told_by_the_schedule(plan, since, until, waited) -> None:
    found = schedule.waits(plan, at(since), at(until))
    assert [*found] == [(at(start), at(end)) for start, end in waited]


NEW_YORK = "America/New_York"  # summer time began on 2026-03-08 at 02:00 and ended on 2026-11-01 at 02:00


@pytest.mark.parametrize(
    ("window", "moment", "shut"),
    [
        (("22:00", "02:00"), "2026-07-04 02:30", True),  # 22:30 there
        (("22:00", "02:00"), "2026-07-03 22:30", False),
        (("22:00", "02:00"), "2026-12-05 02:30", False),  # 21:30 there: an hour later in winter
        (("01:00", "01:45"), "2026-11-01 05:30", True),  # 01:30, and…
        (("01:00", "01:45"), "2026-11-01 06:40", True),  # … 01:40 once more: one blackout all the time
        (("01:00", "01:45"), "2026-11-01 06:45", False),
        (("01:00", "02:30"), "2026-03-08 07:29", True),  # 03:29; there was no 02:30
        (("01:00", "02:30"), "2026-03-08 07:30", False),
        (("02:15", "02:45"), "2026-03-08 07:20", True),  # not skipped with its hour
    ],
)
def test_a_blackout_follows_the_clock_of_the_site(window: tuple[str, str], moment: str, shut: bool) -> None:
    with timezone.override(NEW_YORK):
        assert schedule.in_blackout({"blackout": [dict(zip(("from", "to"), window, strict=True))]}, at(moment)) is shut


def test_a_blackout_in_the_night_of_twenty_five_hours_ended_once() -> None:
    night = {"blackout": [{"from": "01:00", "to": "01:45"}]}
    with timezone.override(NEW_YORK):
        assert schedule.opened(night, at("2026-11-01 08:00")) == at("2026-11-01 06:45")
        assert schedule.opened(night, at("2026-11-01 06:00")) == at("2026-10-31 05:45")


def test_deltas_go_on_through_the_hour_that_comes_twice() -> None:
    with timezone.override(NEW_YORK):
        assert schedule.cutoff({"every": 15}, at("2026-11-01 06:20")) == at("2026-11-01 06:15")


def test_a_time_with_a_zone_that_a_target_has_from_before_is_meant_in_that_zone() -> None:
    old = {"blackout": [{"from": "22:00Z", "to": "02:00"}]}
    with timezone.override(NEW_YORK):
        assert schedule.in_blackout(old, at("2026-07-04 22:30"))
        assert not schedule.in_blackout(old, at("2026-07-04 21:30"))


def test_of_several_blackouts_the_one_that_ended_last_counts() -> None:
    noon = {"from": "12:00", "to": "13:00"}
    assert schedule.opened({"blackout": [noon, NIGHT]}, at("2026-11-29 11:00")) == at("2026-11-29 02:00")
    assert schedule.opened({"blackout": [NIGHT, noon]}, at("2026-11-29 14:00")) == at("2026-11-29 13:00")
    assert schedule.opened({}, at("2026-11-29 14:00")) is None


def test_a_delta_takes_what_came_due_before_it_began() -> None:
    assert schedule.cutoff({"every": 15}, at("2026-11-25 10:44:59")) == at("2026-11-25 10:30")
    assert schedule.cutoff({}, at("2026-11-25 10:44:59")) is None


@pytest.mark.parametrize(
    "wrong",
    [
        [], {"at": 1}, {"every": 0}, {"every": True}, {"every": "15"}, {"every": 2000}, {"blackout": NIGHT},
        {"blackout": [{"from": "22:00"}]}, {"blackout": [{"from": "late", "to": "02:00"}]},
        {"blackout": [{"from": "02:00", "to": "02:00"}]}, {"blackout": [NIGHT | {"days": ["someday"]}]},
        {"blackout": [{"from": 1, "to": 2}]},
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        schedule.check(wrong)


@pytest.mark.parametrize("time", ["22:00Z", "22:00+01:00"])
def test_a_time_with_a_zone_is_refused_with_a_word_on_why(time: str) -> None:
    for window in ({"from": time, "to": "02:00"}, {"from": "02:00", "to": time}):
        with pytest.raises(ValidationError, match="without a zone"):
            schedule.check({"blackout": [window]})


def test_in_a_blackout_lanes_fill_and_nothing_is_sent(target: Target, peer: Peer) -> None:
    kit.create()
    target.schedule = {"blackout": [{"from": "00:00", "to": "12:00"}, {"from": "12:00", "to": "00:00"}]}
    assert kit.deliver(target).claimed == 0
    assert not outbox.claimable(target)
    target.schedule = {}
    assert kit.deliver(target).claimed == 1


def test_what_came_due_during_a_delta_waits_for_the_next(target: Target, peer: Peer) -> None:
    target.schedule = {"every": 24 * 60}
    kit.create()
    assert kit.deliver(target).claimed == 0
    assert not outbox.claimable(target)


def test_a_throttle_lets_so_many_through_in_a_minute(target: Target, peer: Peer) -> None:
    kit.create_many("supplier", 5)
    target.per_minute = 3
    assert kit.deliver(target).claimed == 3
    assert not outbox.claimable(target)
    target.per_minute = 4
    assert kit.deliver(target).claimed == 1


def test_critical_records_overtake_what_waits(target: Target, peer: Peer) -> None:
    target.batch_size = 1
    plain = [kit.create(name=f"plain {n}") for n in range(2)]
    critical = kit.create(name="critical")
    GoldenRecord.objects.filter(pk=critical.pk).update(criticality="high")
    kit.update(GoldenRecord.objects.get(pk=critical.pk))
    for _ in range(3):
        kit.deliver_batch(target)
    assert [m.record for m in peer.received] == [critical.public_id, *(one.public_id for one in plain)]
