"""An in-memory target that behaves as a correct receiver does, and an adapter for it with faults on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connection
from psycopg.pq import TransactionStatus

from sync.adapters.base import (
    ErrorClass,
    InvalidForTarget,
    Message,
    Outcome,
    PeerError,
    Receipt,
    Rendered,
    State,
    TargetRecord,
    not_sent,
)
from sync.adapters.options import Secrets
from sync.adapters.values import comparable

DOWN = PeerError("connection refused", ErrorClass.CONNECTION)


@dataclass
class Peer:
    """What the target holds, every message it got, and what it does next."""

    records: dict[str, TargetRecord] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    received: list[Message] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    effects: dict[tuple[str, int, int], int] = field(default_factory=dict)
    down: bool = False
    answers: dict[str, Outcome] = field(default_factory=dict)  # record -> what to say instead of applying it
    confirmed: int = 0
    late: bool = False  # acknowledges through collect() only
    receipts: list[Receipt] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    during_send: Any = None  # called with the batch, before anything is applied

    def apply(self, message: Message) -> Outcome:
        with self.lock:
            self.received.append(message)
            held = self.records.get(message.record)
            newer = held and (held.version, held.generation) >= (message.version, message.generation)
            if message.key not in self.seen and not newer:
                effect = (message.record, message.version, message.generation)
                self.effects[effect] = self.effects.get(effect, 0) + 1
                self.records[message.record] = TargetRecord(
                    message.record,
                    message.version,
                    message.generation,
                    message.kind in ("upsert", "unmerge"),
                    comparable(message.domain, message.payload["attributes"]),
                )
            self.seen.add(message.key)
        return Outcome(State.ACKNOWLEDGED, receipt="ok", target_code=f"T-{message.record}")

    def said(self, record: str) -> list[tuple[int, str]]:
        """(version, kind) of every message about a record, in order of arrival."""
        return [(m.version, m.kind) for m in self.received if m.record == record]


PEERS: dict[str, Peer] = {}


class PeerAdapter:
    domains = ("supplier", "cost_center", "location", "item")

    def __init__(self, config: Mapping[str, Any], secrets: Secrets) -> None:
        self.peer = PEERS.setdefault(config["peer"], Peer())
        self.too_long = config.get("too_long", 1000)

    def render(self, message: Message) -> bytes:
        if len(str(message.payload["attributes"].get("name"))) > self.too_long:
            raise InvalidForTarget([f"name is longer than {self.too_long}"])
        return json.dumps([message.key, message.version, message.payload["attributes"]], sort_keys=True).encode()

    def send(self, batch: Sequence[Rendered]) -> list[Outcome]:
        assert not connection.in_atomic_block
        if connection.connection is not None:
            assert connection.connection.info.transaction_status == TransactionStatus.IDLE
        if self.peer.during_send:
            self.peer.during_send(batch)
        if self.peer.down:
            return [DOWN.outcome(), *(not_sent(DOWN) for _ in batch[1:])]
        return [self._one(rendered) for rendered in batch]

    def _one(self, rendered: Rendered) -> Outcome:
        message = rendered.message
        self.peer.bodies.append(rendered.body)
        if answer := self.peer.answers.get(message.record):
            if answer.state is State.UNKNOWN:
                self.peer.apply(message)
            return answer
        outcome = self.peer.apply(message)
        if self.peer.late:
            self.peer.receipts.append(Receipt(message.key, outcome))
            return Outcome(State.SENT, receipt="queued")
        return outcome

    def collect(self) -> list[Receipt]:
        if self.peer.down:
            raise DOWN
        return list(self.peer.receipts)

    def confirm(self) -> None:
        self.peer.confirmed += 1

    def read(self, domain: str, ids: Sequence[str] | None = None) -> Iterator[TargetRecord]:
        if self.peer.down:
            raise DOWN
        prefix = {"item": "IT", "supplier": "SU", "location": "LO", "cost_center": "CC"}[domain]
        yield from (r for r in self.peer.records.values() if r.id.startswith(f"MDM-{prefix}-"))

    def expected(self, message: Message) -> dict[str, Any]:
        return comparable(message.domain, message.payload["attributes"])

    def check(self) -> str:
        return "connected"

    def close(self) -> None:
        pass


def spoil(peer: Peer, record: str, **values: Any) -> None:
    """Somebody changes the record at the target."""
    held = peer.records[record]
    peer.records[record] = replace(held, values={**held.values, **values})
