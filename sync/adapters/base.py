"""What every adapter is: a pure renderer, a sender that never raises for what a peer does, and a reader.

An adapter moves *messages* (one record at one version) to one target. It knows the wire and the target's field
names; it knows nothing of the database, of retries or of order: the outbox does (``sync.outbox``).

States of an :class:`Outcome`, and what the outbox may do next:

========== ================================================================== =======================================
state       what is known                                                      next
========== ================================================================== =======================================
sent        the peer has the bytes and will acknowledge later                  wait for ``collect()``, with a deadline
acknowledged the peer has applied this version, or already holds a newer one   done
rejected    the peer, or a limit checked here, refuses this record             a person decides
retry       the peer did not apply it (refused, busy, not sent)                send the same bytes later
unknown     it may have been applied: bytes went out, no usable answer came    send the same bytes later
========== ================================================================== =======================================

Every message carries its idempotency key and (version, generation), so sending the same bytes again has no second
effect, and ``unknown`` is answered by sending again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from sync.text import storable

Values = dict[str, Any]


class State(StrEnum):
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    RETRY = "retry"
    UNKNOWN = "unknown"


class ErrorClass(StrEnum):
    """Why it failed, in the words that the steward filters failed deliveries by."""

    CONNECTION = "connection"  # no connection, or it broke
    TIMEOUT = "timeout"
    BUSY = "busy"  # 429, 503, AR: the peer asks to come back later
    CONFLICT = "conflict"  # somebody else changed, made or locked this record at the same moment: look again later
    AUTH = "auth"
    PROTOCOL = "protocol"  # the peer answered something that is not a valid answer to what was sent
    SERVER = "server"  # the peer failed (5xx)
    VALIDATION = "validation"  # a limit or rule of the target, found before or by sending
    REFUSED = "refused"  # the peer refuses this record for a reason of its own
    NOT_SENT = "not_sent"  # an earlier message of the same batch met a connection failure


class Kind(StrEnum):
    UPSERT = "upsert"
    RETIRE = "retire"
    MERGE = "merge"
    UNMERGE = "unmerge"


@dataclass(frozen=True, slots=True)
class Message:
    """One record at one version for one target."""

    key: str  # idempotency key: the same on each attempt, different for each (target, record, version, generation)
    record: str  # public id
    domain: str
    version: int
    generation: int
    kind: str  # a Kind
    payload: Values  # the golden payload (docs/api.md); "target_codes" names the target's own codes for the record


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message with the bytes that were rendered for it, now or at an earlier attempt."""

    message: Message
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message; see the module's table for the states."""

    state: State
    receipt: str = ""  # the peer's own words: a control id, an acknowledgement's name, a result
    target_code: str = ""  # the code that the peer keeps this record under
    error: str = ""
    error_class: str = ""
    retry_after: float | None = None  # seconds the peer asks to wait
    connection: bool = False  # True when the failure is the peer's or the wire's, not the record's: feeds the breaker

    def __post_init__(self) -> None:
        for name in ("receipt", "target_code", "error"):
            if (kept := storable(text := getattr(self, name))) is not text:
                object.__setattr__(self, name, kept)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A late acknowledgement: the outcome of the message that was sent under ``key``; or, without one, of all those
    whose receipt begins with ``sent_as`` when they were sent, because the peer answers for them together.
    """

    key: str
    outcome: Outcome
    sent_as: str = ""


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """One record as the target holds it, in canonical fields and only those that the target carries."""

    id: str  # public id
    version: int
    generation: int
    active: bool
    values: Values = field(default_factory=dict)


class Adapter(Protocol):
    """One connection to one target. Its holder calls one method at a time, not always from the same thread; only
    ``render`` may run while ``send`` does. Safe to keep for a worker's life.
    """

    domains: tuple[str, ...]

    def render(self, message: Message) -> bytes:
        """The bytes of one message, made of the message and the configuration alone. Raises InvalidForTarget when the
        target cannot hold a value.
        """

    def send(self, batch: Sequence[Rendered]) -> list[Outcome]:
        """Send in order; one outcome each, in order. Never raises for what the peer or the network does."""

    def collect(self) -> list[Receipt]:
        """Late acknowledgements that are not confirmed yet, at least once each. Raises PeerError when unreachable."""

    def confirm(self) -> None:
        """What the last ``collect`` brought is settled: the peer may forget it. Raises PeerError when unreachable."""

    def read(self, domain: str, ids: Sequence[str] | None = None) -> Iterator[TargetRecord]:
        """What the target holds now: all of a domain, or the given public ids. Raises PeerError."""

    def expected(self, message: Message) -> Values:
        """The values that ``read`` gives once this message has been applied."""

    def check(self) -> str:
        """Connect and log in; a sentence for a person. Raises PeerError with what is wrong."""

    def close(self) -> None:
        """Give up the connection. The adapter may be used again; it reconnects."""


@runtime_checkable
class Digesting(Protocol):
    """What an adapter is besides, where its target can sum up what it holds: then only what departs is read back.

    A sum is the exclusive or of 128 bits for each record, so that neither side has to sort.
    """

    def digests(self, domain: str) -> list[int] | None:
        """The target's sum of each bucket of ``bucket_of``; None where this target has none. Raises PeerError."""

    def digest(self, domain: str, record: TargetRecord) -> int:
        """What one record, as it should be there, adds to its bucket's sum."""

    def read_buckets(self, domain: str, buckets: Collection[int]) -> Iterator[TargetRecord]:
        """What the target holds in these buckets. Raises PeerError."""


def bucket_of(record: str, buckets: int) -> int:
    """The bucket of a public id: the first four bytes of its SHA-256, big-endian, modulo the number of buckets."""
    return int.from_bytes(hashlib.sha256(record.encode()).digest()[:4]) % buckets


class AdapterError(Exception):
    """An adapter could not do what was asked."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class ConfigError(AdapterError):
    """The target's configuration is incomplete or wrong."""


class InvalidForTarget(AdapterError):
    """A value breaks a limit of this target; shorten or correct it, nothing is truncated silently."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class PeerError(AdapterError):
    """The target did not answer, or its answer could not be understood."""

    def __init__(self, message: str, error_class: ErrorClass, *, maybe_applied: bool = False) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.maybe_applied = maybe_applied  # bytes of a change went out before it failed

    def outcome(self) -> Outcome:
        state = State.UNKNOWN if self.maybe_applied else State.RETRY
        return Outcome(state, error=str(self), error_class=self.error_class, connection=True)


def not_sent(cause: PeerError) -> Outcome:
    """The outcome of messages that wait behind one that met a connection failure."""
    wait = cause.outcome().retry_after
    return Outcome(
        State.RETRY, error=f"Not sent: {cause}", error_class=ErrorClass.NOT_SENT, connection=True, retry_after=wait
    )


def own_codes(message: Message) -> list[Mapping[str, str]]:
    """The target's own codes for the record, ``[{"code", "uom"}]``, the first being the one it is kept under."""
    return message.payload.get("target_codes") or []
