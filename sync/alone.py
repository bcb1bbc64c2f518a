"""One process a target, and one an inbound source: what hangs must not occupy every worker, and order is kept.

Correctness doesn't rest on it: fences, leases and how far a message is see to that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import structlog
from django.db import connection

from sync.models import InboundSource, Target

log = structlog.get_logger(__name__)

DELIVERY_LOCKS, INTAKE_LOCKS = 7_211_002, 0x1B0D  # the spaces of advisory locks: one per target, one per source
SILENCE = 300.0  # seconds without a question, in which any chunk of a message is taken
# Who has the lock and has asked nothing for so long hangs, or its machine is gone without a word. Ending its session
# gives the lock back and lets it settle nothing, should it wake up.
END_SILENT_SQL = """
SELECT count(pg_terminate_backend(a.pid, 1000)) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = %s AND l.objsubid = 2 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND a.state LIKE 'idle%%' AND a.state_change < clock_timestamp() - %s * interval '1 second'
"""


def alone(target: Target) -> AbstractContextManager[bool]:
    """True for the one process that delivers to a target. Who is silent for a lease has lost its lanes anyway."""
    return _holding(DELIVERY_LOCKS, target.pk, target.lease_seconds, f"target {target.code}")


def alone_with(source: InboundSource) -> AbstractContextManager[bool]:
    """True for the one process that takes the messages of a source."""
    return _holding(INTAKE_LOCKS, source.pk, SILENCE, f"source {source.code}")


@contextmanager
def _holding(space: int, key: int, silence: float, what: str) -> Iterator[bool]:
    """A session's lock, gone with its connection."""
    mine = _lock(space, key) or (_end_silent(space, key, silence, what) and _lock(space, key))
    try:
        yield mine
    finally:
        if mine:
            _ask("SELECT pg_advisory_unlock(%s, %s)", space, key)


def _lock(space: int, key: int) -> bool:
    return _ask("SELECT pg_try_advisory_lock(%s, %s)", space, key)


def _end_silent(space: int, key: int, silence: float, what: str) -> bool:
    """Whether somebody had the lock who has been silent for too long; who must not be of another role than ours."""
    ended = _ask(END_SILENT_SQL, space, key, silence)
    if ended:
        log.warning("a worker was silent for longer than its lease", about=what)
    return ended


def _ask(statement: str, *parameters: float) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return bool(cursor.fetchone()[0])
