"""What lookups remember in this process, and how it learns that it may be out of date.

A trigger notes each transaction that changes what lookups answer from (``mdm_touched``). At most ``EVERY`` seconds
apart a request asks which of them ended since it last asked, by transaction snapshots and not by any number's order, so
that none that committed late is missed. If there was one, everything remembered is forgotten, code systems too: an
answer is never older than ``EVERY``, plus the moment that asking takes.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone

from mdm.code_systems import code_systems
from mdm.lookup_rows import fetch
from mdm.models import Touched

Answer = TypeVar("Answer")

EVERY = 0.5  # seconds
SIZE = 20_000  # answers of about 1 KB
KEPT = 3600  # seconds that notes are kept: a process that slept for half of it forgets everything

_ASK = """
SELECT pg_current_snapshot()::text, EXISTS (
    SELECT 1 FROM mdm_touched WHERE xid >= pg_snapshot_xmin(%(seen)s::pg_snapshot)::text::bigint
    AND NOT pg_visible_in_snapshot(xid::text::xid8, %(seen)s::pg_snapshot)
)
"""
_SNAPSHOT = "SELECT pg_current_snapshot()::text"


class _Fresh:
    """``version`` counts up whenever what was remembered before may be wrong."""

    def __init__(self) -> None:
        self.version = 0
        self._seen = ""  # the snapshot as of which everything of this version is right
        self._asked_at = float("-inf")
        self._lock = threading.Lock()

    def now(self) -> int | None:
        """The version that is right; None inside a transaction, which sees what may never be committed."""
        if connections[DEFAULT_DB_ALIAS].in_atomic_block:
            return None
        if time.monotonic() - self._asked_at > EVERY and self._lock.acquire(blocking=False):
            try:  # one thread asks; the others go on with what was right half a second ago
                self._ask()
            finally:
                self._lock.release()
        return self.version

    def _ask(self) -> None:
        now = time.monotonic()
        if not self._seen or now - self._asked_at > KEPT / 2:
            seen, changed = fetch(_SNAPSHOT, {})[0][0], True
        else:
            seen, changed = fetch(_ASK, {"seen": self._seen})[0]
        if changed:
            code_systems.forget()
            self.version += 1
        self._seen, self._asked_at = seen, now


fresh = _Fresh()


class Remembered(Generic[Answer]):
    """The answers used last, up to ``size``, of the version that is right."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._version = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, version: int) -> Answer | None:
        if version != self._version:
            return None
        answer = self._answers.get(key)
        if answer is not None:
            try:
                self._answers.move_to_end(key)
            except KeyError:  # another thread has just dropped it
                return None
        return answer

    def put(self, key: Hashable, answer: Answer, version: int) -> None:
        """Remember an answer that was looked up when ``version`` was right."""
        with self._lock:
            if version > self._version:
                self._answers.clear()
                self._version = version
            if version == self._version:
                self._answers[key] = answer
                if len(self._answers) > self._size:
                    self._answers.popitem(last=False)


def forget_old_notes() -> int:
    """Delete notes that no process goes by any more."""
    return Touched.objects.filter(at__lt=timezone.now() - dt.timedelta(seconds=KEPT)).delete()[0]
