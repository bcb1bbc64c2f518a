"""Wake-ups: a word to the workers that a target has something due. Losing one costs a tick of the beat, not data."""

from __future__ import annotations

import time

import structlog
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

SILENCE = 5.0  # seconds without wake-ups after the broker failed: commits must not wait for it one by one
_quiet_until = 0.0


def wake(target_id: int) -> bool:
    """Ask a worker to deliver to a target now. False when the broker can't be reached; the beat will find the work."""
    from sync.tasks import deliver

    global _quiet_until
    if time.monotonic() < _quiet_until:
        return False
    try:
        deliver.apply_async(args=(target_id,), retry=False)
    except (OperationalError, OSError) as error:
        _quiet_until = time.monotonic() + SILENCE
        log.warning("no wake-up: broker unreachable", target=target_id, error=type(error).__name__)
        return False
    return True
