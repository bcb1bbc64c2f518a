"""How long to wait before a message is sent again."""

from __future__ import annotations

import random

# seconds before the second, third, … attempt; after that a person decides
DELAYS = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 18000.0, 36000.0)
ATTEMPTS = len(DELAYS) + 1
JITTER = 0.5
LEAST_RETRY_AFTER, MOST_RETRY_AFTER = 1.0, 24 * 3600.0


def delay(attempts: int, *, pace: float, retry_after: float | None = None) -> float:
    """Seconds until the next attempt, after ``attempts`` failed ones. What the peer asks for goes before the table."""
    if retry_after is not None:
        return float(min(max(retry_after, LEAST_RETRY_AFTER), MOST_RETRY_AFTER))  # an adapter may say 90 for 90.0
    base = DELAYS[min(max(attempts, 1), len(DELAYS)) - 1]
    return base * pace * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, guards nothing
