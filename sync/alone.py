"""One process a target: a target that hangs must not occupy every worker.

Correctness doesn't rest on it: fences and leases see to that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db import connection
from django.db.backends.utils import CursorWrapper

from sync.models import Target

log = structlog.get_logger(__name__)

DELIVERY_LOCKS = 7_211_002  # the space of advisory locks, one per target
# Who has the lock and has asked nothing for a lease hangs, or its machine is gone without a word. Its lanes are
# anybody's by now; ending its session gives the lock back and lets it settle nothing, should it wake up.
END_SILENT_SQL = """
SELECT count(pg_terminate_backend(a.pid, 1000)) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = %s AND l.objsubid = 2 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND a.state LIKE 'idle%%' AND a.state_change < clock_timestamp() - %s * interval '1 second'
"""


@contextmanager
def alone(target: Target) -> Iterator[bool]:
    """True for one process at a time. A session's lock, gone with its connection."""
    with connection.cursor() as cursor:
        mine = _lock(cursor, target) or (_end_silent(cursor, target) and _lock(cursor, target))
        try:
            yield mine
        finally:
            if mine:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [DELIVERY_LOCKS, target.pk])


def _lock(cursor: CursorWrapper, target: Target) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [DELIVERY_LOCKS, target.pk])
    return bool(cursor.fetchone()[0])


def _end_silent(cursor: CursorWrapper, target: Target) -> bool:
    """Whether somebody had the lock who has been silent for a lease; who must not be of another role than ours."""
    cursor.execute(END_SILENT_SQL, [DELIVERY_LOCKS, target.pk, target.lease_seconds])
    ended = bool(cursor.fetchone()[0])
    if ended:
        log.warning("a worker was silent for longer than its lease", target=target.code)
    return ended
