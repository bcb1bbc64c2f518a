"""Change events: written with the change, placed in the feed in the order in which nobody can come before them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection, connections, transaction

from mdm.changes import Change
from mdm.models import ChangeEvent, GoldenRecord, User
from mdm.services import events
from mdm.services.storage import new_goldens, write
from mdm.signals import golden_changed
from tests.mdm import kit

pytestmark = pytest.mark.django_db(transaction=True)


def announce() -> GoldenRecord:
    """A golden record with its first event, in the current transaction."""
    change = Change.begin(User.objects.system(), "test")
    golden = new_goldens("item", 1, change)[0]
    golden.version = 1
    write(change, [golden], created={golden.pk})
    events.announce(change, [(golden, ChangeEvent.Kind.CREATED, ("description",))])
    return golden


def position(golden: GoldenRecord) -> int | None:
    return golden.events.get().position


@contextmanager
def open_transaction() -> Iterator[GoldenRecord]:
    """Another session that has announced a change and not committed yet."""
    ready, done = threading.Event(), threading.Event()
    made: list[GoldenRecord] = []

    def work() -> None:
        try:
            with transaction.atomic():
                made.append(announce())
                ready.set()
                done.wait(timeout=60)
        finally:
            ready.set()
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(timeout=60)
    try:
        yield made[0]
    finally:
        done.set()
        thread.join(timeout=60)


def test_an_event_says_what_changed_and_tells_receivers_in_the_same_transaction() -> None:
    told = []

    def receive(changes: object, **_: object) -> None:
        told.append((connection.in_atomic_block, changes))

    golden_changed.connect(receive)
    try:
        with transaction.atomic():
            golden = announce()
    finally:
        golden_changed.disconnect(receive)
    ((inside, [change]),) = told
    assert inside
    assert (change.golden, change.version, change.kind, change.changed) == (golden, 1, "created", ("description",))
    assert change.event == golden.events.get()


def test_nothing_to_announce_is_no_event() -> None:
    assert events.announce(Change.begin(User.objects.system(), "test"), []) == []


def test_events_get_rising_positions_once() -> None:
    with transaction.atomic():
        first, second = announce(), announce()
    assert events.sequence() == 2
    one, two = position(first), position(second)
    assert one is not None
    assert two == one + 1
    assert events.sequence() == 0
    assert position(first) == one


def test_a_limit_leaves_the_rest_for_the_next_pass() -> None:
    with transaction.atomic():
        made = [announce() for _ in range(3)]
    assert [events.sequence(limit=2), events.sequence(limit=2)] == [2, 1]
    positions = [position(golden) for golden in made]
    assert positions == sorted(positions, key=lambda p: p or 0)


def test_a_transaction_that_is_still_open_holds_back_everything_that_began_after_it() -> None:
    before = announce()
    with open_transaction() as slow:
        after = announce()
        assert events.sequence() == 1
        assert position(before) is not None
        assert position(after) is None  # the slow one could still come before it
    assert events.sequence() == 2
    places = [position(golden) for golden in (before, slow, after)]
    assert None not in places
    assert places == sorted(places, key=lambda p: p or 0)


def test_two_sequencers_at_once_give_no_position_twice() -> None:
    with transaction.atomic():
        made = [announce() for _ in range(30)]
    kit.in_threads(*[lambda: events.sequence(limit=10) for _ in range(4)])
    while events.sequence():
        pass
    positions = [position(golden) for golden in made]
    assert None not in positions
    assert len(set(positions)) == 30
    assert positions == sorted(positions, key=lambda p: p or 0)


def test_the_database_lets_an_event_only_get_its_position() -> None:
    golden = announce()
    event = golden.events.get()
    for wrong in ({"kind": "updated"}, {"version": 2}, {"changed": []}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ChangeEvent.objects.filter(pk=event.pk).update(**wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        ChangeEvent.objects.filter(pk=event.pk).delete()
    events.sequence()
    with pytest.raises(IntegrityError), transaction.atomic():
        ChangeEvent.objects.filter(pk=event.pk).update(position=99)


def test_one_event_a_version() -> None:
    golden = announce()
    with pytest.raises(IntegrityError, match="one_per_version"), transaction.atomic():
        events.announce(Change.begin(User.objects.system(), "test"), [(golden, ChangeEvent.Kind.UPDATED, ())])
