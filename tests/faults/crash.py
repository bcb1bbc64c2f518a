"""``python tests/faults/crash.py POINT``: deliver, and die at once at a point of the second batch, as by kill -9."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from sync import outbox, settle  # noqa: E402
from sync.adapters.rest_json.client import RestAdapter  # noqa: E402

# point -> (owner, name, dies before the call or after it)
POINTS: dict[str, tuple[Any, str, str]] = {
    "before claiming": (outbox, "claim", "before"),
    "after claiming": (outbox, "claim", "after"),
    "after storing the letters": (outbox, "compose", "after"),
    "before sending": (RestAdapter, "send", "before"),
    "after the reply": (RestAdapter, "send", "after"),
    "before the settling commits": (settle, "_write", "after"),
    "after settling": (outbox, "settle", "after"),
}
CALLS = 2


def dying(original: Callable[..., Any], when: str) -> Callable[..., Any]:
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == CALLS and when == "before":
            os._exit(9)
        result = original(*args, **kwargs)
        if calls == CALLS:
            os._exit(9)
        return result

    return wrapped


if __name__ == "__main__":
    owner, name, when = POINTS[sys.argv[1]]
    setattr(owner, name, dying(getattr(owner, name), when))
    call_command("deliver", "--until-idle", "--seconds", "30")
