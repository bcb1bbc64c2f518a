"""Change events, and the sequencer that gives them their place in the change feed."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from mdm.bulk import give_ids, insert, maker
from mdm.changes import Change
from mdm.models import ChangeEvent, GoldenRecord
from mdm.signals import GoldenChange, golden_changed

SEQUENCER_LOCK = 7_211_001

# Events of transactions that have all ended: nobody can still add an event before these.
SEQUENCE_SQL = """
WITH ready AS (
    SELECT id FROM mdm_changeevent
    WHERE position IS NULL AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY id LIMIT %s
), placed AS MATERIALIZED (SELECT id, nextval('mdm_event_position') AS position FROM ready)
UPDATE mdm_changeevent e SET position = placed.position FROM placed WHERE e.id = placed.id
"""


def announce(change: Change, records: Sequence[tuple[GoldenRecord, str, tuple[str, ...]]]) -> list[GoldenChange]:
    """Write one event per (record, kind, changed attributes) and tell receivers, in this transaction."""
    if not records:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        xid = cursor.fetchone()[0]
    event = maker(ChangeEvent)
    events = [
        event(
            record_id=golden.pk,
            version=golden.version,
            kind=kind,
            published=golden.is_published,
            changed=list(changed),
            change_id=change.id,
            others=[name for pk, name in change.together.items() if pk != golden.pk] if _tells(change, kind) else [],
            folded=golden.pk in change.together and change.action != "split" and not _tells(change, kind),
            xid=xid,
            recorded_at=change.at,
        )
        for golden, kind, changed in records
    ]
    give_ids(events)
    insert(events)
    changes = [
        GoldenChange(golden, golden.version, kind, golden.is_published, changed, event)
        for (golden, kind, changed), event in zip(records, events, strict=True)
    ]
    golden_changed.send(sender=GoldenRecord, changes=changes)
    return changes


def _tells(change: Change, kind: str) -> bool:
    """Whether an event of this kind stands for all that the change brings together or takes apart."""
    if not change.together:
        return False
    return kind in (ChangeEvent.Kind.MERGED, ChangeEvent.Kind.UNMERGED) or (
        kind == ChangeEvent.Kind.CREATED and change.action == "split"
    )


@transaction.atomic
def sequence(*, limit: int = 10_000) -> int:
    """Give the events below the snapshot horizon their positions, gap-free for readers; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SEQUENCER_LOCK])
        if not cursor.fetchone()[0]:
            return 0  # another worker is at it
        cursor.execute(SEQUENCE_SQL, [limit])
        return cursor.rowcount
