"""Faults on demand: what a counterpart has been told to do wrong, how often, and to which records."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

KINDS = {
    "refuse": "drop open connections and refuse new ones",
    "hang": "take the message and never answer; nothing is applied",
    "429": "busy: come back after `delay` seconds (HTTP 429, HL7 AR, no room on the file server)",
    "503": "out of service (HTTP 503, HL7 AR, no room on the file server)",
    "nak": "refuse the whole message (HTTP 400, HL7 AE or `code`, 997 rejected)",
    "reject": "refuse the matching record alone (422, MFA-4 U, item rejected)",
    "disconnect": "break the connection before anything is applied",
    "disconnect_after": "apply, then break the connection instead of answering",
    "slow": "answer one byte at a time, `delay` seconds apart",
    "late": "answer only after `delay` seconds",
    "wrong_ack": "acknowledge another control id",
    "garbage": "answer with something that is no answer (200 with an error body, a frame without end)",
    "huge": "answer with 100 MB",
    "redirect": "answer 302 to another address",
    "expired_token": "forget every access token",
    "forget": "apply without looking whether it was applied before (proves that the effect counter counts)",
}


@dataclass
class Fault:
    kind: str
    count: int | None = 1  # how many times; None: until it is cleared
    match: str = ""  # only messages that contain this text
    seconds: float | None = None  # how long the fault lasts, any number of times
    delay: float = 0.0  # seconds; 0: what is usual for the kind
    code: str = ""
    taken: int = 0
    until: float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Unknown fault {self.kind}; known are {', '.join(KINDS)}.")
        if self.seconds is not None:
            self.count, self.until = None, time.monotonic() + self.seconds

    @property
    def live(self) -> bool:
        return (self.count is None or self.taken < self.count) and (not self.until or time.monotonic() < self.until)


class Faults:
    """The faults of one counterpart, in the order they were asked for."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, **wanted: Any) -> Fault:
        """Raises ValueError for an unknown kind, TypeError for an unknown setting."""
        fault = Fault(**wanted)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        self._faults.clear()

    def active(self) -> list[dict[str, Any]]:
        return [asdict(f) for f in self._faults if f.live]

    def take(self, *kinds: str, text: Callable[[], str] = str) -> Fault | None:
        """The first live fault of one of the kinds that matches the text; counts it as taken."""
        for fault in self._faults:
            if fault.kind in kinds and fault.live and (not fault.match or fault.match in text()):
                fault.taken += 1
                return fault
        return None
