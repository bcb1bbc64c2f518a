"""The checks of these tests can fail: with one of the three safeguards taken away, one at a time, each of them does.

The safeguards are the fence, SKIP LOCKED and locking the record first. They are taken away here, never in the product.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from mdm.models import ChangeEvent, CodeSystem, GoldenRecord, SourceSystem, User
from mdm.services import change, ingest, resolve
from sync import outbox, settle
from sync.models import Lane, Target
from tests.faults.test_simulation import simulate
from tests.sync import kit
from tests.sync.peers import Peer


def taken_away(patch: pytest.MonkeyPatch, owner: object, name: str, part: str, instead: str = "") -> None:
    """A statement of the product without one part of it."""
    whole = getattr(owner, name)
    assert part in whole
    patch.setattr(owner, name, whole.replace(part, instead))


def test_without_the_fence_the_simulation_finds_what_goes_wrong(
    db: None, peers: dict[str, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_away(monkeypatch, settle, "SETTLE_SQL", "AND o.fence = v.fence")
    with pytest.raises((AssertionError, IntegrityError)):
        simulate(monkeypatch, 60)


# --------------------------------------------------------------------------------------------------- SKIP LOCKED


@contextmanager
def elsewhere(work: Callable[[], None]) -> Iterator[threading.Event]:
    """Do something in another session and stay in its transaction until the block ends."""
    done, leave = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with transaction.atomic():
                work()
                done.set()
                leave.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert done.wait(10)
    try:
        yield leave
    finally:
        leave.set()
        thread.join()


def two_workers_claim(target: Target) -> list[int]:
    """Lanes that are claimed while another worker is in the middle of claiming the first two; each only once."""
    kit.create_many("supplier", 4)
    Target.objects.update(batch_size=2)
    target.refresh_from_db()
    with elsewhere(lambda: outbox.claim(target) and None), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '300ms'")
        second = [claim.lane for claim in outbox.claim(target)]
    assert sorted(Lane.objects.values_list("fence", flat=True)) == [1, 1, 1, 1]
    return second


def test_two_workers_claim_at_once_and_neither_waits(target: Target, peer: Peer) -> None:
    assert len(two_workers_claim(target)) == 2


def test_without_skip_locked_a_worker_waits_for_the_other(
    target: Target, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_away(monkeypatch, outbox, "CLAIM_SQL", "SKIP LOCKED")
    with pytest.raises(OperationalError, match="lock timeout"):
        two_workers_claim(target)


def test_without_locking_at_all_a_lane_is_claimed_twice(
    target: Target, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_away(monkeypatch, outbox, "CLAIM_SQL", "FOR UPDATE OF l SKIP LOCKED")
    kit.create_many("supplier", 2)
    claims: list[int] = []

    def other() -> None:
        claims.extend(claim.lane for claim in outbox.claim(target))
        connection.close()

    with elsewhere(lambda: claims.extend(claim.lane for claim in outbox.claim(target))) as leave:
        thread = threading.Thread(target=other)
        thread.start()
        _until_somebody_waits()
        leave.set()
        thread.join()
    assert sorted(Lane.objects.values_list("fence", flat=True)) == [2, 2]
    assert len(claims) == 4


def _until_somebody_waits() -> None:
    until = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted LIMIT 1")
            if cursor.fetchone():
                return
    raise AssertionError("nobody waits")


# ------------------------------------------------------------------------------------------------------ lock first


def two_writers_take_a_version() -> list[int]:
    """The versions of a record that two writers change at once, through the product's own service."""
    golden, actor = _golden(), User.objects.system()
    problems: list[Exception] = []

    def name(value: str) -> None:
        change.override(golden=golden, path="name", value=value, actor=actor, reason="agreed")

    def second() -> None:
        try:
            name("second")
        except DatabaseError as error:
            problems.append(error)
        connection.close()

    with elsewhere(lambda: name("first")) as leave:
        thread = threading.Thread(target=second)
        thread.start()
        _until_somebody_waits()
        leave.set()
        thread.join()
    if problems:
        raise problems[0]
    return sorted(ChangeEvent.objects.filter(record=golden).values_list("version", flat=True))


def _golden() -> GoldenRecord:
    actor = User.objects.system()
    system, _ = SourceSystem.objects.get_or_create(code="finance", defaults={"name": "Finance", "kind": "erp"})
    run = ingest.begin(code_system=CodeSystem.objects.own(system, "cost_center"), channel="feed", actor=actor)
    values = {"code": "6010", "name": "Telemetry", "lifecycle": "active"}
    ingest.land(ingest=run, rows=[ingest.Row(1, "6010", values, values)])
    resolve.resolve_pending(domain="cost_center", actor=actor, limit=1)
    return GoldenRecord.objects.get(domain="cost_center")


def test_two_writers_of_a_record_take_one_version_each(target: Target, peer: Peer) -> None:
    assert two_writers_take_a_version() == [1, 2, 3]


def test_without_locking_the_record_first_a_version_is_taken_twice(
    target: Target, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database's constraint stops it; a lane whose version isn't its record's would be the harm."""
    monkeypatch.setattr(type(GoldenRecord.objects), "select_for_update", lambda rows, **_: rows.get_queryset())
    with pytest.raises(IntegrityError):
        two_writers_take_a_version()
