"""What targets took today, and how much of it at the first attempt. Bounded: it reads the newest attempts only."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from mdm.ui.readers.counting import Count

MOST = 2_000  # attempts that are read

# Ids rise with time, so where today has more attempts than are read, they tell how many more.
SQL = """
WITH recent AS MATERIALIZED (
    SELECT id, lane_id, version, generation, outcome, finished_at FROM sync_attempt ORDER BY id DESC LIMIT %(most)s
), told AS (
    SELECT bool_or(outcome = 'acknowledged' AND finished_at >= %(midnight)s) AS done,
           bool_or(outcome IN ('rejected', 'retry', 'unknown')) AS failed, bool_or(finished_at >= %(midnight)s) AS today
    FROM recent GROUP BY lane_id, version, generation
)
SELECT count(*) FILTER (WHERE done), count(*) FILTER (WHERE done AND NOT failed),
       count(*) FILTER (WHERE done OR failed AND today),
       (SELECT count(*) FROM recent WHERE finished_at >= %(midnight)s),
       (SELECT max(id) FROM recent) + 1 - (SELECT min(first.id) FROM sync_target t CROSS JOIN LATERAL (
            SELECT a.id FROM sync_attempt a WHERE a.target_id = t.id AND a.finished_at >= %(midnight)s
            ORDER BY a.finished_at LIMIT 1) first)
FROM told
"""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Versions of records that targets acknowledged, one for each target; of those that they answered, the share that
    they took without failing once.
    """

    changes: Count
    first: float | None  # None where nothing was answered


def today() -> Delivered:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(SQL, {"most": MOST, "midnight": midnight})
        done, at_once, answered, read, attempts = cursor.fetchone()
    share = at_once / answered if answered else None
    if read < MOST:
        return Delivered(Count(done), share)
    return Delivered(Count(round(done * max(attempts / read, 1)), exact=False), share)
