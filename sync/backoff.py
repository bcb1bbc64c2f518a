"""How long to wait before a message is sent again."""

from __future__ import annotations

import random

# seconds before the second, third, … attempt; after that a person decides
DELAYS = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 18000.0, 36000.0)
ATTEMPTS = len(DELAYS) + 1
JITTER = 0.5
MOST_RETRY_AFTER = 24 * 3600.0


def delay(attempts: int, *, pace: float, retry_after: float | None = None) -> float:
    """Seconds until the next attempt, after ``attempts`` failed ones: by the table, and no less than the peer asks for.

    Not less than the table either: a peer that is busy for a minute and says "in a second" each time would use up all
    attempts before the minute is over.
    """
    base = DELAYS[min(max(attempts, 1), len(DELAYS)) - 1]
    ours = base * pace * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, guards nothing
    return max(ours, min(float(retry_after or 0), MOST_RETRY_AFTER))  # an adapter may say 90 for 90.0
