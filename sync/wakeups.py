"""Wake-ups: a word to the workers that a target has something due. Losing one costs a tick of the beat, not data.

One word a target is enough until a worker has heard it: while it waits in the queue, others are left out.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import cache

import structlog
from celery import current_app
from django.core.cache import cache as shared
from kombu.connection import ConnectionPool
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

SILENCE = 5.0  # seconds without wake-ups after the broker failed: commits must not wait for it one by one
CONNECTIONS = 10
HEARD_WITHIN = 5  # seconds after which a word counts as lost
# kombu's own defaults try for six seconds, in the request that has just committed
IMPATIENT = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0, "socket_connect_timeout": 1}
_quiet_until = 0.0


def wake(target_id: int) -> bool:
    """Ask a worker to deliver to a target now. False when the broker can't be reached; the beat will find the work."""
    from sync.tasks import deliver

    global _quiet_until
    if time.monotonic() < _quiet_until:
        return False
    try:
        if not shared.add(_word(target_id), 1, timeout=HEARD_WITHIN):
            return True
        with _connections(os.getpid()).acquire(block=True) as connection:
            deliver.apply_async(args=(target_id,), producer=connection.Producer(), retry=False)
    except (OperationalError, RedisError, OSError) as error:
        _quiet_until = time.monotonic() + SILENCE
        log.warning("no wake-up: broker unreachable", target=target_id, error=type(error).__name__)
        return False
    return True


def heard(target_id: int) -> None:
    """A worker sets about delivering: what becomes due from now on needs a wake-up of its own."""
    with suppress(RedisError, OSError):
        shared.delete(_word(target_id))


def _word(target_id: int) -> str:
    return f"wake:{target_id}"


@cache
def _connections(pid: int) -> ConnectionPool:
    """Of this process: a forked worker must not write on its parent's sockets."""
    pool: ConnectionPool = current_app.connection_for_write(transport_options=IMPATIENT).Pool(CONNECTIONS)
    return pool
