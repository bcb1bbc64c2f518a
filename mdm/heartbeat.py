"""A sign of life that only appears when beat, Redis and a worker all work: `manage.py doctor` looks for it."""

from __future__ import annotations

import time

from celery import shared_task
from django.core.cache import cache

KEY = "concord.heartbeat"
EVERY = 5.0  # seconds
STALE = 60.0  # older than this, something between beat and worker has stopped


@shared_task(name="mdm.heartbeat")
def beat() -> None:
    cache.set(KEY, time.time(), timeout=None)


def age() -> float | None:
    """Seconds since a worker last did what beat had asked for; None: never since Redis started."""
    seen = cache.get(KEY)
    return None if seen is None else max(0.0, time.time() - seen)
