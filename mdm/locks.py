"""Locks of the current transaction, always taken in one order so that they can't deadlock.

The order is: source records, match keys (the resolver skips source records that somebody has, so that whoever holds
keys first may wait for none of them), golden records, change requests, work items; each kind by number.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from django.db import connection

from mdm.models import GoldenRecord, SourceRecord

STRIPES = 1024  # per domain; PostgreSQL's lock table runs out between 10k and 20k
_SPACES = {
    "item": 1, "supplier": 2, "location": 3, "cost_center": 4, "hierarchy": 5, "feed": 6, "statistics": 7, "policy": 8,
    "checks": 9, "resolving": 10, "bulk": 11, "restandardising": 12, "downtime": 13,
    "mapping": 14,
}  # fmt: skip


def stripes(keys: Iterable[int]) -> list[int]:
    """The stripes of 64-bit match keys, sorted, each once."""
    return sorted({key % STRIPES for key in keys})


def lock_keys(domain: str, keys: Iterable[int]) -> None:
    """Hold the stripes of these match keys until the transaction ends."""
    _lock(_SPACES[domain], stripes(keys))


def lock_name(space: str, name: str) -> None:
    """Hold one named lock, e.g. the hierarchy of a domain, until the transaction ends."""
    _lock(_SPACES[space], [_number(name)])


def share_name(space: str, name: str) -> None:
    """Hold a named lock together with others who share it, until the transaction ends; ``lock_name`` waits for all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [_SPACES[space], _number(name)])


def _number(name: str) -> int:
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def _lock(space: int, numbers: list[int]) -> None:
    # unnest in an ordered subquery: the locks are taken in the array's order
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, n) FROM unnest(%s::int[]) AS n", [space, numbers])


def lock_records(*goldens: GoldenRecord) -> list[GoldenRecord]:
    """Hold golden records and their sources until the transaction ends; returns them as they are now, as asked."""
    ids = {golden.pk for golden in goldens}
    list(SourceRecord.objects.select_for_update().filter(golden__in=ids).order_by("pk").values_list("pk"))
    rows = {g.pk: g for g in GoldenRecord.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")}
    return [rows[golden.pk] for golden in goldens]
