"""The wire: while one batch is sent in a thread of its own, the next is made ready and the last one is settled.

The thread touches the adapter and nothing of the database; no transaction ever waits for it. What an adapter renders it
renders meanwhile, which is why rendering uses no connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType

from sync.models import Target
from sync.steps import Shipment
from sync.verdicts import Verdict


@dataclass(slots=True)
class Batch:
    """What was claimed together and is to be sent; ``full``: more may be due."""

    shipments: list[Shipment]
    full: bool
    claimed_at: float  # time.monotonic()
    verdicts: list[Verdict] = field(default_factory=list)  # once it was sent

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.claimed_at

    @property
    def failed(self) -> bool:
        """The peer or the wire failed; whether it answers the next batch is for the breaker to say."""
        return any(verdict.peer_failed for verdict in self.verdicts)

    def is_late(self, target: Target) -> bool:
        """Its lease is over: its lanes are anybody's, who may be sending them by now."""
        return self.seconds > target.lease_seconds


class Wire:
    """At most one batch is under way. Leaving the block waits for it: the adapter is the caller's again."""

    def __init__(self, send: Callable[[Batch], Batch]) -> None:
        self._send = send
        self._thread: ThreadPoolExecutor | None = None
        self._under_way: Future[Batch] | None = None

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.shutdown()

    def send(self, batch: Batch) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "wire")
        self._under_way = self._thread.submit(self._send, batch)

    def land(self) -> Batch | None:
        """The batch that was under way, once it has been sent; None if none was."""
        under_way, self._under_way = self._under_way, None
        return under_way.result() if under_way else None
