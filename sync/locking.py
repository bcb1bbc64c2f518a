"""Lanes are locked after the golden record they belong to, as writers do, and never while waiting for another lane.

Rows that refer to a golden record (attempts' work items, audit rows) take a share of its lock when they commit. A
writer holds that lock and then wants the lanes, so a lane may only be held by who has its share already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db import connection, transaction

from mdm.arrays import numbers

Act = Callable[[set[int]], None]


def with_lanes(lanes: Sequence[int], act: Act) -> None:
    """Call ``act`` on all lanes, locked: on those that are free in one transaction, then on the others one by one.

    Nothing here waits for a lock while it holds another lane, so it can't deadlock with a writer.
    """
    free = _with(lanes, act, skip="SKIP LOCKED")
    for lane in lanes:
        if lane not in free:
            _with([lane], act, skip="")


@transaction.atomic
def _with(lanes: Sequence[int], act: Act, *, skip: str) -> set[int]:
    shared = _ids(
        f"""SELECT l.id FROM sync_lane l JOIN mdm_goldenrecord g ON g.id = l.record_id WHERE l.id = ANY(%s)
            ORDER BY g.id FOR KEY SHARE OF g {skip}""",  # noqa: S608 - one of two constants
        lanes,
    )
    locked = set(_ids(f"SELECT id FROM sync_lane WHERE id = ANY(%s) ORDER BY id FOR UPDATE {skip}", shared))  # noqa: S608
    if locked:
        act(locked)
    return locked


def _ids(statement: str, lanes: Sequence[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [numbers(lanes)])
        return [row[0] for row in cursor.fetchall()]
