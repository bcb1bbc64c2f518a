"""One seed: writers at work, harm of every kind, then rest, and the check. And how long recovering takes."""

from __future__ import annotations

import datetime as dt
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import psutil
from django.db import connection
from django.db.models.functions import Now

from mdm.models import ChangeEvent, GoldenRecord, User
from sync import services
from sync.alone import DELIVERY_LOCKS
from sync.models import Attempt, Lane, Target
from tests.faults.chaos import checker, harm
from tests.faults.chaos.world import DOMAIN, HOT, LEASE, TICK, World, patiently

WRITERS = 3
REST = 90.0  # seconds that the targets have to be in step again after the last harm
ON_THE_WIRE = 0.1  # seconds without a statement, after which a worker waits for its target


@dataclass
class Writers:
    """Clients of the web server who change names for as long as they are let; they know what they were promised."""

    world: World
    seed: int
    promised: dict[str, int] = field(default_factory=dict)
    answered: int = 0
    failed: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def at_work(self, ids: list[str]) -> Iterator[Writers]:
        threads = [threading.Thread(target=self._write, args=(ids, number)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()

    def _write(self, ids: list[str], number: int) -> None:
        dice = random.Random(self.seed * 100 + number)
        while not self.stop.is_set():
            public_id = dice.choice(ids[:HOT] if dice.random() < 0.4 else ids)
            version = change(self.world, public_id, f"Name {self.seed}.{number}.{dice.randrange(10**9)}")
            with self.lock:
                if version is None:
                    self.failed += 1
                else:
                    self.answered += 1
                    self.promised[public_id] = max(version, self.promised.get(public_id, 0))
            self.stop.wait(dice.expovariate(1 / 0.05) if version else 0.3)


def change(world: World, public_id: str, name: str) -> int | None:
    """The version that the web server promised; None when it didn't."""
    body = {"values": {"name": name}, "reason": "chaos"}
    url = f"http://127.0.0.1:{world.port}/api/v1/cost-centers/{public_id}"
    try:
        answer = httpx.patch(url, json=body, headers={"Authorization": f"Bearer {world.key}"}, timeout=10)
        return int(answer.json()["version"]) if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, ValueError):
        return None


@dataclass
class Outcome:
    seed: int
    findings: checker.Findings
    harms: int
    promised: int
    unanswered: int
    attempts: int
    rest: float  # seconds from the last harm until everything was in step


def run(world: World, seed: int, seconds: float, promised: dict[str, int]) -> Outcome:
    """``promised`` is what earlier seeds were promised, and is added to."""
    dice = random.Random(seed)
    ids = list(GoldenRecord.objects.filter(domain=DOMAIN).order_by("pk").values_list("public_id", flat=True))
    before, harms = patiently(Attempt.objects.count), 0
    end = time.monotonic() + seconds
    with Writers(world, seed, promised).at_work(ids) as writers:
        kinds = dice.sample(harm.ALWAYS, len(harm.ALWAYS))
        while time.monotonic() < end:
            if not kinds:
                kinds = dice.sample(harm.ALWAYS, len(harm.ALWAYS))
            kinds.pop()(world, dice)
            harms += 1
            time.sleep(dice.uniform(0.2, 1.2))
    began = time.monotonic()
    come_to_rest(world)
    rest = time.monotonic() - began
    patiently(_sequenced)
    findings = checker.check(world.sandbox, DOMAIN, promised)
    attempts = Attempt.objects.count() - before
    return Outcome(seed, findings, harms, writers.answered, writers.failed, attempts, rest)


def come_to_rest(world: World) -> None:
    """The targets answer; a steward has what was refused tried again; wait until nothing is left to do."""
    for target in world.sandbox.targets:
        world.sandbox.clear(target)
    until = time.monotonic() + REST
    while time.monotonic() < until and patiently(_busy):
        time.sleep(0.1)


def _busy() -> bool:
    dead = list(Lane.objects.filter(state=Lane.State.DEAD).select_related("record"))
    if dead:
        services.retry(lanes=dead, actor=User.objects.system(), reason="the target is mended")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sync_lane WHERE due_at IS NOT NULL OR state <> 'open'")
        return bool(cursor.fetchone()[0])


def _sequenced() -> None:
    """The feed has all events: a beat comes by every two seconds."""
    until = time.monotonic() + 20
    while time.monotonic() < until and ChangeEvent.objects.filter(position__isnull=True).exists():
        time.sleep(0.1)


# ------------------------------------------------------------------------------------------------------- recovering


@dataclass
class Recovery:
    name: str
    seconds: float
    limit: float


def recoveries(world: World) -> list[Recovery]:
    """How long each takes, one after the other, in a world at rest."""
    found = []
    for measure in (_worker, _redis, _postgres):
        come_to_rest(world)
        time.sleep(2)
        found.append(measure(world))
    come_to_rest(world)
    return found


def _some(world: World, count: int = 6) -> None:
    ids = list(GoldenRecord.objects.filter(domain=DOMAIN).order_by("pk").values_list("public_id", flat=True)[:count])
    for public_id in ids:
        assert change(world, public_id, f"Name {time.time_ns()}") is not None


def _worker(world: World) -> Recovery:
    """From kill -9 of the worker that has the lanes, until another one has delivered them."""
    world.sandbox.fault("ehr", "hang", count=1, delay=30)
    _some(world, 1)
    until, victim = time.monotonic() + LEASE, None
    while victim is None and time.monotonic() < until:
        victim = next((worker for worker in world.of("worker") if worker.name == _sending()), None)
    assert victim is not None, "nobody delivers"
    family = victim.children()
    began = time.monotonic()
    victim.signal(signal.SIGKILL)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _until(lambda: not Lane.objects.filter(target__code="ehr", due_at__isnull=False).exists())
    return Recovery("recovery after worker -9", time.monotonic() - began, LEASE + 2)


def _sending() -> str:
    """The name of the worker that has a lease on a lane of the EHR's and waits for its answer: one that is only between
    two statements has sent nothing yet, and the next worker would meet what was meant to hold it up.
    """
    ehr = Target.objects.get(code="ehr")
    if not Lane.objects.filter(target=ehr, due_at__gt=Now() + dt.timedelta(seconds=LEASE / 2)).exists():
        return ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
            "WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = %s AND a.state = 'idle' "
            "AND a.state_change < clock_timestamp() - %s * interval '1 second'",
            [DELIVERY_LOCKS, ehr.pk, ON_THE_WIRE],
        )
        row = cursor.fetchone()
        return row[0] if row else ""


def _redis(world: World) -> Recovery:
    """From kill -9 of Redis until a change that was made meanwhile has been delivered."""
    began = time.monotonic()
    world.redis().kill()
    _some(world, 1)
    _until_rest(20)
    return Recovery("recovery after Redis -9", time.monotonic() - began, TICK + 3)


def _postgres(world: World) -> Recovery:
    """From when PostgreSQL accepts connections again until what it was told next has been delivered."""
    world.postgres().kill()
    time.sleep(0.1)
    patiently(Lane.objects.first)
    began = time.monotonic()
    while not change(world, GoldenRecord.objects.filter(domain=DOMAIN).latest("pk").public_id, f"n {time.time_ns()}"):
        time.sleep(0.05)
    _until_rest(20)
    return Recovery("recovery after PostgreSQL -9", time.monotonic() - began, 5.0)


def _until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and not patiently(done):
        time.sleep(0.02)


def _until_rest(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and patiently(_busy):
        time.sleep(0.02)
