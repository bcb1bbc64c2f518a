"""The only SQL that finds candidates: records that share a blocking key with the ones in hand."""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from django.db import connection
from numpy.typing import NDArray

KEY_CAP = 200  # a key shared by more records says too little to look at them all; finer keys find them
PER_RECORD = 64  # candidates compared per record: those that share the most and rarest keys
CACHED = 60_000  # standardised records kept in memory per process, some 2 kB each

Ints = NDArray[np.int64]

FIND_SQL = """
SELECT q.key, array_agg(k.source_id)
FROM unnest(%s::bigint[]) AS q(key)
CROSS JOIN LATERAL (SELECT source_id FROM mdm_matchkey WHERE key = q.key LIMIT %s) k
GROUP BY q.key
"""

ROWS_SQL = """
SELECT s.id, s.golden_id, s.state, s.code_system_id, s.version, s.ingest_id, s.first_seen_at, s.dictionaries
FROM mdm_sourcerecord s WHERE s.id = ANY(%s)
"""


Content = tuple[int, int, int, dt.datetime, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    source: int
    golden: int | None
    state: str
    code_system: int
    version: int
    ingest: int
    first_seen: dt.datetime
    dictionaries: int = 0
    given: Mapping[str, Any] | None = None  # the standardised form of a record that is not stored

    @property
    def content(self) -> Content:
        """What names this version's content, also after a rollback or in a database that was emptied."""
        return self.source, self.version, self.ingest, self.first_seen, self.dictionaries


def keys(sources: Sequence[int]) -> dict[int, list[int]]:
    """The blocking keys that source records were stored with."""
    found: dict[int, list[int]] = {source: [] for source in sources}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source_id, array_agg(key) FROM mdm_matchkey WHERE source_id = ANY(%s) GROUP BY 1", [list(sources)]
        )
        found.update(cursor.fetchall())
    return found


def find(keys: Mapping[int, Sequence[int]]) -> tuple[Ints, Ints]:
    """Pairs (record, candidate) of source ids for records given with their keys; a record is no candidate of itself."""
    owners: dict[int, list[int]] = {}
    for source, own in keys.items():
        for key in own:
            owners.setdefault(key, []).append(source)
    with connection.cursor() as cursor:
        cursor.execute(FIND_SQL, [list(owners), KEY_CAP + 1])
        left, right, weights = [], [], []
        for key, sources in cursor:
            if 1 < len(sources) <= KEY_CAP or (len(sources) == 1 and sources[0] not in keys):
                left.append(np.repeat(owners[key], len(sources)))
                right.append(np.tile(sources, len(owners[key])))
                weights.append(np.full(len(sources) * len(owners[key]), 1.0 / len(sources)))
    if not left:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return _best(np.concatenate(left), np.concatenate(right), np.concatenate(weights))


def _best(left: Ints, right: Ints, weights: NDArray[np.float64]) -> tuple[Ints, Ints]:
    """Each pair once; of each record, the candidates with the greatest weight of shared keys."""
    owners, owner_at = np.unique(left, return_inverse=True)
    others, other_at = np.unique(right, return_inverse=True)
    apart = left != right
    pairs, inverse = np.unique(owner_at[apart] * len(others) + other_at[apart], return_inverse=True)
    total = np.bincount(inverse, weights=weights[apart], minlength=len(pairs))
    owner, other = pairs // len(others), pairs % len(others)
    order = np.lexsort((-total, owner))
    counts = np.bincount(owner, minlength=len(owners))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = order[rank < PER_RECORD]
    return owners[owner[kept]], others[other[kept]]


def rows(sources: Sequence[int]) -> dict[int, Candidate]:
    """Links and states of source records, as they are now."""
    with connection.cursor() as cursor:
        cursor.execute(ROWS_SQL, [list(sources)])
        return {row[0]: Candidate(*row) for row in cursor.fetchall()}


def members(goldens: Sequence[int]) -> dict[int, Candidate]:
    """The live source records of these golden records, by source id."""
    with connection.cursor() as cursor:
        cursor.execute(ROWS_SQL.replace("s.id = ANY", "s.state <> 'retired' AND s.golden_id = ANY"), [list(goldens)])
        return {row[0]: Candidate(*row) for row in cursor.fetchall()}


GIVEN_SQL = """
SELECT s.id, x.golden_id FROM mdm_sourcerecord s
JOIN mdm_crosswalk x ON x.code_system_id = s.code_system_id AND x.code = s.code
WHERE s.id = ANY(%s) AND s.golden_id IS NULL AND x.source_id IS NULL AND x.known_to IS NULL AND x.valid_to IS NULL
"""


def by_given_code(sources: Sequence[int]) -> dict[int, int]:
    """Source → golden record, where the system itself gave this code to its copy of that record (a receipt said so)."""
    with connection.cursor() as cursor:
        cursor.execute(GIVEN_SQL, [list(sources)])
        return dict(cursor.fetchall())


class StandardisedCache:
    """Standardised records by content and the words it was read with. What that stands for never changes, so nothing
    here grows stale.
    """

    def __init__(self, size: int = CACHED) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._kept: OrderedDict[Content, Mapping[str, Any]] = OrderedDict()

    def load(self, wanted: Sequence[Candidate]) -> list[Mapping[str, Any]]:
        """The standardised form of each candidate, in order; those not kept come with one query."""
        with self._lock:
            found = {c.content: kept for c in wanted if (kept := self._kept.get(c.content)) is not None}
            found |= {c.content: c.given for c in wanted if c.given is not None}
        missing = {c.source: c.content for c in wanted if c.content not in found}
        if missing:
            with connection.cursor() as cursor:
                cursor.execute("SELECT id, standardised FROM mdm_sourcerecord WHERE id = ANY(%s)", [list(missing)])
                fresh = {missing[source]: orjson.loads(text) for source, text in cursor.fetchall()}
            found |= fresh
            self._keep(fresh)
        return [found[c.content] for c in wanted]

    def _keep(self, fresh: Mapping[Content, Mapping[str, Any]]) -> None:
        with self._lock:
            self._kept.update(fresh)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


standardised = StandardisedCache()
