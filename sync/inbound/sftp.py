"""Picking up what systems leave on an SFTP server: each file once, when nobody writes it any more.

A file is taken when it has kept its size and time since the last look. Messages (832) are stored and answered with a
997 or 999; tables (CSV, XLSX) go to the saved feed that their name begins with. Before it is read, the file moves to
``working`` under a name of its own: what its sender writes under the old name meanwhile is another file. Then it moves
to ``done``, or to ``failed`` if it could not be taken. What a crash leaves in ``working`` the next look takes; it is
known by its own name, so that has no second effect.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import structlog
from django.db import DataError, transaction
from django.utils import timezone

from mdm.exceptions import ConcordError, InvalidValue
from mdm.models import User
from sync.adapters.base import AdapterError
from sync.adapters.options import Secrets
from sync.adapters.x12_sftp.config import X12Config
from sync.adapters.x12_sftp.sftp import Busy, Entry, Sftp, TooLarge
from sync.inbound import hl7_intake, intake, services, x12
from sync.inbound.feeds import UNFINISHED, feed_for
from sync.inbound.formats import UnreadableMessage, format_of
from sync.inbound.hl7_batches import is_batch
from sync.inbound.hl7_intake import Terms
from sync.inbound.ways import SftpConfig, config_of
from sync.inbound.x12_acks import KINDS, acknowledge
from sync.models.inbound import InboundMessage, InboundSource, PickedUp

log = structlog.get_logger(__name__)

TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".gz")


@dataclass(slots=True)
class Picked:
    """Names of files, by what became of them, and what a person should know of some."""

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def pick_up(source: InboundSource) -> Picked:
    """Look once. Raises ``ConcordError``, ``AdapterError`` or ``Busy`` when the server can't be looked at.

    One file that can't be dealt with is a problem that is told; the others are taken.
    """
    config = config_of(source, SftpConfig)
    server = Sftp(_connection(config), Secrets(source.secrets))
    try:
        return _PickUp(source, config, server).look()
    finally:
        server.close()


def _connection(config: SftpConfig) -> X12Config:
    return X12Config(
        host=config.host,
        port=config.port,
        username=config.username,
        host_key=config.host_key,
        private_key=config.private_key,
        timeout=config.timeout,
        max_reply=config.largest,
    )


class _PickUp:
    def __init__(self, source: InboundSource, config: SftpConfig, server: Sftp) -> None:
        self.source, self.config, self.server = source, config, server
        self.actor, self.now = User.objects.system(), timezone.now().timestamp()
        self.picked = Picked()

    def look(self) -> Picked:
        for name in self._left_over():
            self._take(name)
        entries = [e for e in self.server.entries(self.config.folder) if self._is_ours(e)]
        for entry in sorted(entries, key=lambda e: (e.modified, e.name)):
            if self._is_still(entry):
                self._claim_and_take(entry.name)
            else:
                self.picked.waiting.append(entry.name)
        left = {e.name: [e.size, e.modified, self._since(e)] for e in entries if e.name in self.picked.waiting}
        self.source.progress = {"files": left}
        self.source.save(update_fields=["progress"])
        return self.picked

    def _is_ours(self, entry: Entry) -> bool:
        return entry.is_file and not entry.name.startswith(".") and not entry.name.endswith(UNFINISHED)

    def _is_still(self, entry: Entry) -> bool:
        """As it was when it was last looked at, long enough ago."""
        return self.now - self._since(entry) >= self.config.quiet

    def _since(self, entry: Entry) -> float:
        """When the file was first seen as it is now."""
        seen: Mapping[str, Any] = self.source.progress.get("files", {})
        size, modified, since = seen.get(entry.name, [None, None, None])
        same = (size, modified) == (entry.size, entry.modified)
        return float(since) if same else self.now

    def _left_over(self) -> list[str]:
        """What a look that broke off had begun, in that order."""
        try:
            entries = self.server.entries(self._path(self.config.working))
        except FileNotFoundError:
            return []
        return sorted(e.name for e in entries if self._is_ours(e))

    def _claim_and_take(self, name: str) -> None:
        """Give the file a name of its own, as the same name may come again at any moment, and take it."""
        stamped = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{name}"
        if self._move(name, name, f"{self.config.working}/{stamped}"):
            self._take(stamped)

    def _take(self, stamped: str) -> None:
        name = stamped.partition("-")[2] or stamped
        path = f"{self.config.working}/{stamped}"
        try:
            ok = self._taken(name, stamped, self.server.get(self._path(path)))
        except FileNotFoundError:  # another worker was faster
            return
        except Busy as error:  # it stays where it is; the next look tries again
            self._note(name, error)
            return
        except (ConcordError, TooLarge, DataError, LookupError, ValueError) as error:
            self._note(name, error)
            ok = False
        (self.picked.done if ok else self.picked.failed).append(name)
        self._move(name, path, f"{self.config.done if ok else self.config.failed}/{stamped}")

    def _note(self, name: str, error: Exception) -> None:
        log.warning("trouble with a file", source=self.source.code, file=name, exc_info=error)
        self.picked.problems.append(f"{name[:80]}: {str(error) or type(error).__name__}")

    def _taken(self, name: str, stamped: str, body: bytes) -> bool:
        if name.lower().endswith(TABLES) and not self._is_message(name, body):
            return self._import(name, stamped, body)
        if self.source.format == "hl7v2":
            return self._keep_hl7(name, stamped, body)
        received = intake.receive(source=self.source, body=body, actor=self.actor)
        self._answer(received.message, body)
        return received.message.state != InboundMessage.State.QUARANTINED

    def _is_message(self, name: str, body: bytes) -> bool:
        """Whether a file that only says it is text is what the source's messages look like."""
        if not name.lower().endswith(".txt"):
            return False
        if self.source.format == "hl7v2" and is_batch(body):
            return True
        try:
            return bool(format_of(self.source.format).identify(body, profile=self.source.profile))
        except UnreadableMessage:
            return False

    def _keep_hl7(self, name: str, stamped: str, body: bytes) -> bool:
        """Keep a message, or each of a batch, and leave what their sender is answered."""
        kept = hl7_intake.each(body, Terms(), lambda message: hl7_intake.store(self.source, message, Terms()))
        if not kept.sound:
            self.picked.problems.append(f"{name[:80]}: some of it was put aside, see its messages.")
        if self.config.acks and kept.reply:
            self._leave(f"ACK_{stamped}", kept.reply)
        return kept.sound

    @transaction.atomic
    def _import(self, name: str, stamped: str, body: bytes) -> bool:
        """Give a table to its feed, once: this very file, not whatever has its content."""
        known = {"source": self.source, "name": stamped[:255], "digest": hashlib.sha256(body).digest()}
        if PickedUp.objects.filter(**known).exists():
            return True
        feed = feed_for(name)
        if feed is None:
            raise InvalidValue(f"No saved feed's code begins the name {name[:80]}. Save its mapping as a feed first.")
        run = services.start_run(file=io.BytesIO(body), name=name, actor=self.actor, feed=feed)
        PickedUp.objects.create(**known, run=run)
        return True

    def _answer(self, message: InboundMessage, body: bytes) -> None:
        """Leave the acknowledgement; made once, left again if the file is still here."""
        if self.source.format != "x12" or not self.config.acks:
            return
        if not message.reply:
            message.reply = _acknowledged(self.source, message, body)
            message.save(update_fields=["reply"])
        if message.reply:
            kind = self.source.profile.get("answer", KINDS[0])
            self._leave(f"{kind}_{message.pk}.x12", message.reply.encode())

    def _leave(self, name: str, reply: bytes) -> None:
        self.server.make_folder(self._path(self.config.acks))
        self.server.put(self._path(f"{self.config.acks}/{name}"), reply)

    def _path(self, name: str) -> str:
        return str(PurePosixPath(self.config.folder) / name)

    def _move(self, name: str, old: str, new: str) -> bool:
        """Whether it moved: it may be gone, or the server refuses, which is told."""
        try:
            self.server.make_folder(str(PurePosixPath(self._path(new)).parent))
            self.server.move(self._path(old), self._path(new))
        except FileNotFoundError:
            return False
        except Busy as error:
            self._note(name, error)
            return False
        return True


def _acknowledged(source: InboundSource, message: InboundMessage, body: bytes) -> str:
    """Empty for what has no envelope to answer."""
    try:
        found = x12.envelope_of(body)
    except UnreadableMessage:
        return ""
    kind = source.profile.get("answer", KINDS[0])
    return acknowledge(found, kind=kind, now=datetime.now(UTC), control=message.pk % 10**9)


def check(source: InboundSource) -> str:
    """Connect and look; a sentence for a person. Raises ``AdapterError``."""
    config = config_of(source, SftpConfig)
    server = Sftp(_connection(config), Secrets(source.secrets))
    try:
        count = len([e for e in server.entries(config.folder) if e.is_file])
    except FileNotFoundError:
        raise AdapterError(f"There is no folder {config.folder}.") from None
    finally:
        server.close()
    return f"{config.host}:{config.port} shows the pinned host key and lets us in; {count} files wait."
