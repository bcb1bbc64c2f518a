"""All source records of a domain as columns of numbers, for work that looks at every one: read once, by processes that
share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import orjson
from django.db import connection
from numpy.typing import NDArray

from matching import recipe_for
from matching.blocking import KeyIndex
from matching.table import Keys, Packed, Table, Vocabularies, assemble, pack
from mdm import arrays, forks

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CHUNK = 10_000  # numbers of source records read at once
MANY = 20_000  # from which on other processes read, too

ROWS_SQL = """
SELECT id, version, dictionaries, coalesce(golden_id, 0), code_system_id, state = 'pending', standardised
FROM mdm_sourcerecord
WHERE domain = %s AND id >= %s AND id < %s AND (state <> 'retired' OR golden_id IS NOT NULL) ORDER BY id
"""
KEYS_SQL = "SELECT source_id, key FROM mdm_matchkey WHERE source_id >= %s AND source_id < %s"


class Facts(NamedTuple):
    """Per record, in order of id: what names its content (version, and the words it was read with), its golden record
    (0 if it has none), where it comes from, and whether it waits to be resolved.
    """

    ids: Ints
    versions: Ints
    dictionaries: Ints
    goldens: Ints
    code_systems: Ints
    pending: Bools


@dataclass(frozen=True)
class Snapshot:
    """Records that speak or wait to be resolved, by row number. Keys are those of ``MatchKey``."""

    facts: Facts
    table: Table
    vocabularies: Vocabularies

    @cached_property
    def index(self) -> KeyIndex:
        return KeyIndex(self.table.keys)

    def rows_of(self, ids: Ints) -> Ints:
        """The row number of each source id; all must be there."""
        rows: Ints = np.searchsorted(self.facts.ids, ids)
        return rows


def take(domain: str, *, last_source: int) -> Snapshot:
    """The domain's records up to this id, as they are now."""
    first = _first(domain)
    starts = range(first, last_source + 1, CHUNK) if first else range(0)
    bounds = ((start, min(start + CHUNK, last_source + 1)) for start in starts)
    chunks = forks.spread(partial(_read, domain), bounds, workers=forks.workers(last_source - first, MANY))
    facts: list[Facts] = []
    vocabularies: Vocabularies = {}

    def columns() -> Iterable[Packed]:
        for about, packed in chunks:
            facts.append(about)
            yield packed

    table = assemble(recipe_for(domain), columns(), vocabularies)
    return Snapshot(_joined(facts), table, vocabularies)


def _first(domain: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(min(id), 0) FROM mdm_sourcerecord WHERE domain = %s", [domain])
        return int(cursor.fetchone()[0])


def _read(domain: str, bounds: tuple[int, int]) -> tuple[Facts, Packed]:
    with connection.cursor() as cursor:
        cursor.execute(ROWS_SQL, [domain, *bounds])
        rows = cursor.fetchall()
    numbers = np.array([row[:6] for row in rows], dtype=np.int64).reshape(-1, 6)
    ids, versions, words, goldens, systems, pending = numbers.T.copy()
    facts = Facts(ids, versions, words, goldens, systems, pending.astype(np.bool_))
    return facts, pack(recipe_for(domain), [orjson.loads(row[6]) for row in rows], _keys(facts.ids, bounds))


def _keys(ids: Ints, bounds: tuple[int, int]) -> Keys:
    """How many keys each of these records has, and all of them in order of record and key."""
    owners, keys = arrays.read(KEYS_SQL, bounds, source_id="int8", key="int8")
    place = np.minimum(np.searchsorted(ids, owners), max(len(ids) - 1, 0))
    known = ids[place] == owners if len(ids) else np.zeros(len(owners), dtype=np.bool_)
    place, keys = place[known], keys[known]
    order = np.lexsort((keys, place))
    return np.bincount(place, minlength=len(ids)).astype(np.int32), keys[order]


def _joined(parts: list[Facts]) -> Facts:
    if not parts:
        nothing = np.empty(0, dtype=np.int64)
        return Facts(nothing, nothing, nothing, nothing, nothing, np.empty(0, dtype=np.bool_))
    return Facts(*(np.concatenate(column) for column in zip(*parts, strict=True)))
