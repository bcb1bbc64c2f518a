"""The kinds of harm, each a function of the world and the dice."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psutil
import redis
from django.conf import settings
from django.db import DatabaseError, connection

from tests.faults.chaos.world import LEASE, TARGETS, World

Harm = Callable[[World, random.Random], None]


def kill_worker(world: World, dice: random.Random) -> None:
    dice.choice(world.of("worker")).signal(signal.SIGKILL)


def kill_child(world: World, dice: random.Random) -> None:
    _kill(dice.choice(world.of("worker")).children(), dice)


def kill_web(world: World, dice: random.Random) -> None:
    (web,) = world.of("web")
    if dice.random() < 0.5:
        web.signal(signal.SIGKILL)
    _kill(web.children(), dice)


def _kill(processes: list[psutil.Process], dice: random.Random) -> None:
    if processes:
        with suppress(psutil.NoSuchProcess):
            dice.choice(processes).kill()


def stop_past_the_lease(world: World, dice: random.Random) -> None:
    """A whole worker stands still until its lanes are anybody's, and then goes on as if nothing had been."""
    worker = dice.choice(world.of("worker"))
    family = worker.children()
    _each(family, signal.SIGSTOP)
    time.sleep(LEASE + 1)
    _each(family, signal.SIGCONT)


def _each(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def end_worker(world: World, dice: random.Random) -> None:
    """SIGTERM in flight."""
    dice.choice(world.of("worker")).signal(signal.SIGTERM)


def cut_connections(world: World, dice: random.Random) -> None:
    with suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )


def kill_postgres(world: World, dice: random.Random) -> None:
    with suppress(psutil.NoSuchProcess, OSError):
        world.postgres().kill()


def kill_redis(world: World, dice: random.Random) -> None:
    with suppress(psutil.NoSuchProcess, OSError):
        world.redis().kill()


def pause_redis(world: World, dice: random.Random) -> None:
    with suppress(psutil.NoSuchProcess, OSError):
        process = world.redis()
        process.suspend()
        time.sleep(1.5)
        process.resume()


def flush_redis(world: World, dice: random.Random) -> None:
    with suppress(redis.RedisError, OSError), redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()


def refusal(world: World, dice: random.Random) -> None:
    """Each target refuses a record once: a steward has to say that it is to be tried again."""
    for target in TARGETS:
        world.sandbox.fault(target, "reject", count=1)


def outage(world: World, dice: random.Random) -> None:
    for target in TARGETS:
        world.sandbox.fault(target, "refuse", seconds=dice.uniform(1, 3))


def lost_answers(world: World, dice: random.Random) -> None:
    """Applied, and the connection breaks instead of an answer; or the answer comes too late."""
    for target in TARGETS:
        world.sandbox.fault(target, dice.choice(("disconnect_after", "disconnect_after", "hang")), count=2, delay=3)


def kill_sandbox(world: World, dice: random.Random) -> None:
    world.sandbox.kill()
    time.sleep(0.5)
    world.sandbox.restart()


ALWAYS: tuple[Harm, ...] = (
    kill_worker, kill_child, kill_web, stop_past_the_lease, end_worker, cut_connections, kill_postgres, kill_redis,
    flush_redis, pause_redis, kill_sandbox, refusal, outage, lost_answers,
)  # fmt: skip
