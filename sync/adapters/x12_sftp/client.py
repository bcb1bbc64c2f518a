"""The supply-chain edge: X12 832 catalogues and CSV tables over SFTP, acknowledged later.

``send`` puts one file for each run of a domain and answers ``sent``; ``collect`` brings what the partner says of each
record, by idempotency key. File names carry a control number, derived from the records, and the SHA-256 of the file.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sync.adapters.base import (
    ConfigError,
    ErrorClass,
    Message,
    Outcome,
    PeerError,
    Receipt,
    Rendered,
    State,
    TargetRecord,
    Values,
)
from sync.adapters.batches import in_turn, runs
from sync.adapters.options import Secrets, load
from sync.adapters.values import checked, comparable

from . import acks, catalog, table
from .config import X12Config
from .mapping import LIMITS
from .sftp import Busy, Sftp, TooLarge
from .x12 import CONTROL, USUAL, Envelope, decode

log = logging.getLogger(__name__)
TAKEN, EXTRACT = ".taken-", "extract_"
CONFIRMS = ("824", "997")
POLL = 0.05  # seconds between looks for an extract


class X12Adapter:
    def __init__(
        self, config: Mapping[str, Any], secrets: Secrets, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._config = load(X12Config, config)
        if self._config.confirms not in CONFIRMS:
            raise ConfigError(f"confirms is one of {', '.join(CONFIRMS)}.")
        self._sftp = Sftp(self._config, secrets)
        self._now = now
        self._consumed: list[str] = []
        self.domains = self._config.domains

    def render(self, message: Message) -> bytes:
        is_item = message.domain == "item"
        limits = {**(LIMITS if is_item else {}), **self._config.limits.get(message.domain, {})}
        values = checked(message, limits)
        return (catalog if is_item else table).render(message, values)

    def expected(self, message: Message) -> Values:
        return comparable(message.domain, message.payload["attributes"])

    def send(self, batch: Sequence[Rendered]) -> list[Outcome]:
        return in_turn(runs(batch, self._config.batch_size, _shape), self._put)

    def _put(self, chunk: list[Rendered]) -> list[Outcome]:
        return [self._file(chunk)] * len(chunk)

    def _file(self, chunk: list[Rendered]) -> Outcome:
        domain = chunk[0].message.domain
        control = int.from_bytes(hashlib.sha256(b"".join(r.body for r in chunk)).digest()[:8]) % 10**9
        data = self._catalogue(chunk, control) if domain == "item" else _merged(chunk)
        digest = hashlib.sha256(data).hexdigest()[:16]
        name = f"{domain.upper()}_{control:09d}_{digest}.{'x12' if domain == 'item' else 'csv'}"
        try:
            self._sftp.put(f"{self._config.inbound}/{name}", data)
        except (Busy, FileNotFoundError) as error:
            return Outcome(State.RETRY, error=str(error), error_class=ErrorClass.BUSY)
        return Outcome(State.SENT, receipt=name)

    def _catalogue(self, chunk: list[Rendered], control: int) -> bytes:
        delimiters = USUAL if _shape(chunk[0])[1] == USUAL.element.encode() else CONTROL
        bodies = [rendered.body.decode() for rendered in chunk]
        count = sum(body.count(delimiters.segment) for body in bodies)
        envelope = Envelope(self._config.sender_id, self._config.receiver_id, self._config.usage, control, self._now())
        return envelope.wrap(bodies, delimiters, count, len(bodies)).encode()

    def collect(self) -> list[Receipt]:
        """Files are set aside under a name of their own until they are confirmed.

        One that was set aside before, here or by another worker, is read again: it may not have been settled.
        """
        try:
            self._consumed = []
            names = sorted(e.name for e in self._sftp.entries(self._config.outbound) if e.is_file)
            wanted = [name for name in names if self._is_answer(name)]
            return [receipt for name in wanted for receipt in self._receipts(name)]
        except (Busy, FileNotFoundError) as error:
            raise PeerError(str(error), ErrorClass.BUSY) from error

    def _is_answer(self, name: str) -> bool:
        passed_over = name.startswith((EXTRACT, ".")) or name.endswith((".part", ".bad"))
        return name.startswith(self._config.answers) and not passed_over

    def confirm(self) -> None:
        """Remove the files that ``collect`` read: the caller has settled."""
        if not self._consumed:
            return
        try:
            self._sftp.remove(self._consumed)
        except (Busy, FileNotFoundError) as error:
            raise PeerError(str(error), ErrorClass.BUSY) from error
        self._consumed = []

    def _receipts(self, file: str) -> list[Receipt]:
        path, name = f"{self._config.outbound}/{file}", file.partition(TAKEN)[0]
        try:
            if TAKEN not in file:
                path = self._take(path)
            found = acks.parse(name, self._sftp.get(path))
            whole = [receipt for control in found.rejected for receipt in self._all_rejected(name, control)]
            if self._config.confirms == "997":
                taken = Outcome(State.ACKNOWLEDGED, name)
                whole += [Receipt("", taken, sent_as=_catalogue_name(int(control))) for control in found.accepted]
        except FileNotFoundError:  # another worker was faster
            return []
        except (ValueError, IndexError, TooLarge) as error:
            log.warning("acknowledgement %s is unreadable, set aside: %s", name, error)
            self._sftp.move(path, f"{path}.bad")
            return []
        self._consumed.append(path)
        return found.receipts + whole

    def _take(self, path: str) -> str:
        """Out of the way of a second acknowledgement under the same name: one for the same records, sent again."""
        taken = f"{path}{TAKEN}{secrets.token_hex(4)}"
        self._sftp.move(path, taken)
        return taken

    def _all_rejected(self, name: str, control: str) -> list[Receipt]:
        """Every record of the file that a 997 rejected: those that it got, where the partner keeps rejected files in a
        folder; else those that were sent in it.
        """
        begins = _catalogue_name(int(control))
        file = next((f for f in self._rejected_files() if begins in f), None)
        text = f"997: the whole file {file or begins} was rejected"
        outcome = Outcome(State.REJECTED, name, error=text, error_class=ErrorClass.VALIDATION)
        if file is None:
            return [Receipt("", outcome, sent_as=begins)]
        segments = decode(self._sftp.get(f"{self._config.rejected}/{file}").decode())
        return [Receipt(key, outcome) for key in catalog.keys(segments)]

    def _rejected_files(self) -> list[str]:
        try:
            return self._sftp.names(self._config.rejected)
        except FileNotFoundError:
            return []

    def read(self, domain: str, ids: Sequence[str] | None = None) -> Iterator[TargetRecord]:
        """Ask for an extract by file, wait for it, read and remove it."""
        if ids is not None and not ids:
            return
        nonce = secrets.token_hex(8)
        request = table.write(["domain", "id"], [{"domain": domain, "id": i} for i in (["*"] if ids is None else ids)])
        path = f"{self._config.outbound}/{EXTRACT}{nonce}.{'x12' if domain == 'item' else 'csv'}"
        try:
            self._sftp.put(f"{self._config.inbound}/{EXTRACT}{nonce}.csv", request)
            data = self._wait_for(path)
            self._sftp.remove([path])
        except (Busy, FileNotFoundError) as error:
            raise PeerError(str(error), ErrorClass.BUSY) from error
        try:
            found = (
                catalog.read(decode(data.decode())) if domain == "item" else table.read(domain, table.read_rows(data))
            )
            yield from found
        except (ValueError, LookupError) as error:
            raise PeerError(f"The extract is unreadable: {error}", ErrorClass.PROTOCOL) from error

    def _wait_for(self, path: str) -> bytes:
        deadline = time.monotonic() + self._config.timeout
        while time.monotonic() < deadline:
            try:
                return self._sftp.get(path)
            except FileNotFoundError:
                time.sleep(POLL)
        raise PeerError(f"No extract within {self._config.timeout:g} s.", ErrorClass.TIMEOUT)

    def check(self) -> str:
        for folder in (self._config.inbound, self._config.outbound):
            try:
                self._sftp.names(folder)
            except (Busy, FileNotFoundError) as error:
                raise PeerError(f"The folder {folder}: {error}", ErrorClass.BUSY) from error
        return f"{self._config.host}:{self._config.port} shows the pinned host key and lets us in."

    def close(self) -> None:
        self._sftp.close()


def _catalogue_name(control: int) -> str:
    """What the names of files with this control number begin with."""
    return f"ITEM_{control:09d}_"


def _shape(rendered: Rendered) -> tuple[str, bytes]:
    """What a file can hold together: for items the element separator, for tables the header line."""
    if rendered.message.domain == "item":
        return "item", rendered.body[3:4]
    return rendered.message.domain, rendered.body.partition(b"\r\n")[0]


def _merged(chunk: list[Rendered]) -> bytes:
    header = chunk[0].body.partition(b"\r\n")[0]
    return b"\r\n".join([header, *(r.body.partition(b"\r\n")[2].removesuffix(b"\r\n") for r in chunk), b""])
