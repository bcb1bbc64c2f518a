"""How many requests an API key may send: a bucket per key that refills steadily, in this process alone.

A process that shared its counts with the others would spend as much on counting a lookup as on answering it; so each
keeps its share of the limit. Told by ``RateLimit`` headers (draft-ietf-httpapi-ratelimit-headers).
"""

from __future__ import annotations

import time
from typing import NamedTuple

from django.conf import settings
from rest_framework.exceptions import Throttled

WINDOW = 60  # seconds in which an empty bucket fills up
_KEPT = 4096

_buckets: dict[int, tuple[float, float]] = {}  # API key → (tokens, when that was, of time.monotonic())


class Allowance(NamedTuple):
    remaining: int  # -1: nothing is left
    wait: float  # seconds until one more is allowed
    policy: str
    left: str


def take(key: int) -> Allowance:
    """Count one request of a key. Two threads that count at the same moment may count one: that harms nobody."""
    limit = max(settings.API_RATE // settings.API_RATE_SHARES, 1)
    now = time.monotonic()
    tokens, since = _buckets.get(key, (float(limit), now))
    tokens = min(tokens + (now - since) * limit / WINDOW, limit) - 1
    if tokens < 0:
        wait = -tokens * WINDOW / limit
        return Allowance(-1, wait, f'"key";q={limit};w={WINDOW}', f'"key";r=0;t={int(wait) + 1}')
    if len(_buckets) >= _KEPT and key not in _buckets:
        _buckets.clear()
    _buckets[key] = tokens, now
    full = int((limit - tokens) * WINDOW / limit) + 1
    return Allowance(int(tokens), 0.0, f'"key";q={limit};w={WINDOW}', f'"key";r={int(tokens)};t={full}')


def check(allowance: Allowance) -> None:
    if allowance.remaining < 0:
        raise Throttled(allowance.wait)
