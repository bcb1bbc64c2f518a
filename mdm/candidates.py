"""The only SQL that finds candidates: records that share a blocking key with the ones in hand."""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson
from django.db import connection
from numpy.typing import NDArray

from mdm import arrays, statements

KEY_CAP = 200  # a key shared by more records says too little to look at them all; two such keys together may say enough
REFINED, PROBES = 6, 3_000  # common keys of a record that are paired; rows of the rarer one looked through for that
NONE: Mapping[int, int] = MappingProxyType({})
PER_RECORD = 48  # candidates compared per record: those that share the most and rarest keys
CACHED = 60_000  # standardised records kept in memory per process, some 2 kB each

Ints = NDArray[np.int64]

KEYS_SQL = "SELECT source_id, array_agg(key) FROM mdm_matchkey WHERE source_id = ANY(%s::bigint[]) GROUP BY 1"

FIND_SQL = """
SELECT q.key, array_agg(k.source_id)
FROM unnest(%s::bigint[]) AS q(key)
CROSS JOIN LATERAL (SELECT source_id FROM mdm_matchkey WHERE key = q.key LIMIT %s::bigint) k
GROUP BY q.key
"""

BOTH_SQL = """
SELECT q.one, q.two, array_agg(k.source_id)
FROM unnest(%s::bigint[], %s::bigint[]) AS q(one, two)
CROSS JOIN LATERAL (
    SELECT a.source_id FROM mdm_matchkey a JOIN mdm_matchkey b ON b.key = q.two AND b.source_id = a.source_id
    WHERE a.key = q.one LIMIT %s::bigint
) k
GROUP BY q.one, q.two
"""

ROWS_SQL = """
SELECT s.id, s.golden_id, s.state, s.code_system_id, s.version, s.ingest_id, s.first_seen_at, s.dictionaries
FROM mdm_sourcerecord s WHERE s.id = ANY(%s::bigint[])
"""

SAID_SQL = "SELECT id, standardised::text FROM mdm_sourcerecord WHERE id = ANY(%s::bigint[])"


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
    return found | dict(statements.rows(KEYS_SQL, [arrays.numbers(sources)]))


def find(keys: Mapping[int, Sequence[int]], common: Mapping[int, int] = NONE) -> tuple[Ints, Ints]:
    """Pairs (record, candidate) of source ids for records given with their keys; a record is no candidate of itself.

    ``common``: keys that more than ``KEY_CAP`` records share, and how many. Two of those count as one key.
    """
    owners: dict[int, list[int]] = defaultdict(list)
    pairs: dict[tuple[int, int], list[int]] = defaultdict(list)
    for source, own in keys.items():
        for key in own:
            if key not in common:
                owners[key].append(source)
        for two in _refined([key for key in own if key in common], common):
            pairs[two].append(source)
    found = [(owners[key], sources) for key, sources in _sharing(FIND_SQL, [owners])]
    if pairs:
        both = zip(*pairs, strict=True)
        found += [(pairs[one, two], sources) for one, two, sources in _sharing(BOTH_SQL, both)]
    left, right, weights = [], [], []
    for mine, sources in found:
        if 1 < len(sources) <= KEY_CAP or (len(sources) == 1 and sources[0] not in keys):
            left.append(np.repeat(mine, len(sources)))
            right.append(np.tile(sources, len(mine)))
            weights.append(np.full(len(sources) * len(mine), 1.0 / len(sources)))
    if not left:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return _best(np.concatenate(left), np.concatenate(right), np.concatenate(weights))


def common_keys() -> tuple[arrays.Array, arrays.Array]:
    """Keys that more than ``KEY_CAP`` records share, of all domains, and how many do."""
    query = "SELECT key, count(*) AS records FROM mdm_matchkey GROUP BY key HAVING count(*) > %s"
    keys, records = arrays.read(query, [KEY_CAP], key="int8", records="int8")
    return keys, records


def _refined(keys: list[int], common: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Every two of a record's rarest common keys, the rarer first, for as long as looking them up pays."""
    ranked = sorted(keys, key=lambda key: (common[key], key))[:REFINED]
    rows = 0
    for one, two in sorted(combinations(ranked, 2), key=lambda pair: common[pair[0]]):
        rows += common[one]
        if rows > PROBES:
            return
        yield one, two


def _sharing(query: str, keys: Iterable[Iterable[int]]) -> list[tuple[Any, ...]]:
    return statements.rows(query, [*map(arrays.numbers, keys), KEY_CAP + 1])


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
    return {row[0]: Candidate(*row) for row in statements.rows(ROWS_SQL, [arrays.numbers(sources)])}


def members(goldens: Sequence[int]) -> dict[int, Candidate]:
    """The live source records of these golden records, by source id."""
    query = ROWS_SQL.replace("s.id = ANY", "s.state <> 'retired' AND s.golden_id = ANY")
    return {row[0]: Candidate(*row) for row in statements.rows(query, [arrays.numbers(goldens)])}


CRITICAL_SQL = "SELECT id FROM mdm_goldenrecord WHERE id = ANY(%s::bigint[]) AND criticality = 'high'"


def critical(goldens: Sequence[int]) -> frozenset[int]:
    """Those of these golden records about which mistakes cost more than elsewhere."""
    return frozenset(row[0] for row in statements.rows(CRITICAL_SQL, [arrays.numbers(goldens)]))


GIVEN_SQL = """
SELECT s.id, x.golden_id FROM mdm_sourcerecord s
JOIN mdm_crosswalk x ON x.code_system_id = s.code_system_id AND x.code = s.code
WHERE s.id = ANY(%s) AND s.golden_id IS NULL AND x.source_id IS NULL AND x.known_to IS NULL AND x.valid_to IS NULL
"""


def by_given_code(sources: Sequence[int]) -> dict[int, int]:
    """Source → golden record, where the system itself gave this code to its copy of that record (a receipt said so)."""
    with connection.cursor() as cursor:
        cursor.execute(GIVEN_SQL, [arrays.numbers(sources)])
        return dict(cursor.fetchall())


JUDGEMENTS_SQL = """
SELECT j.first_id, j.second_id, j.verdict, one.golden_id, two.golden_id
FROM (SELECT * FROM mdm_judgement WHERE reopened_at IS NULL AND first_id = ANY(%s)
      UNION SELECT * FROM mdm_judgement WHERE reopened_at IS NULL AND second_id = ANY(%s)) j
JOIN mdm_sourcerecord one ON one.id = j.first_id JOIN mdm_sourcerecord two ON two.id = j.second_id
ORDER BY j.id
"""


def judgements(sources: list[int]) -> list[tuple[int, int, str, int | None, int | None]]:
    """What people decided about these source records and others: the two, the verdict, their golden records now."""
    with connection.cursor() as cursor:
        cursor.execute(JUDGEMENTS_SQL, [arrays.numbers(sources)] * 2)
        return list(cursor.fetchall())


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
        contents = [candidate.content for candidate in wanted]
        with self._lock:
            found = {content: kept for content in contents if (kept := self._kept.get(content)) is not None}
        found |= {c.content: c.given for c in wanted if c.given is not None}
        missing = {content[0]: content for content in contents if content not in found}
        if missing:
            said = statements.rows(SAID_SQL, [arrays.numbers(missing)])
            fresh = {missing[pk]: orjson.loads(text) for pk, text in said}
            found |= fresh
            self._keep(fresh)
        return [found[content] for content in contents]

    def _keep(self, fresh: Mapping[Content, Mapping[str, Any]]) -> None:
        with self._lock:
            self._kept.update(fresh)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


standardised = StandardisedCache()
