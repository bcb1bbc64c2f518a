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
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from mdm.exceptions import ConcordError, InvalidValue
from mdm.models import User
from sync.adapters.base import AdapterError
from sync.adapters.options import Secrets
from sync.adapters.x12_sftp.config import X12Config
from sync.adapters.x12_sftp.sftp import Entry, Sftp, TooLarge
from sync.inbound import intake, services, x12
from sync.inbound.feeds import UNFINISHED, feed_for
from sync.inbound.formats import UnreadableMessage
from sync.inbound.ways import SftpConfig, config_of
from sync.inbound.x12_acks import KINDS, acknowledge
from sync.models.inbound import InboundMessage, InboundSource, PickedUp

log = structlog.get_logger(__name__)

TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".gz")


@dataclass(slots=True)
class Picked:
    """Names of files, by what became of them."""

    done: list[str]
    failed: list[str]
    waiting: list[str]


def pick_up(source: InboundSource) -> Picked:
    """Look once. Raises ``ConcordError`` or ``AdapterError`` when the server can't be looked at."""
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
        self.picked = Picked([], [], [])

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
        try:
            self._move(name, f"{self.config.working}/{stamped}")
        except FileNotFoundError:  # another worker was faster
            return
        self._take(stamped)

    def _take(self, stamped: str) -> None:
        name = stamped.partition("-")[2] or stamped
        try:
            ok = self._taken(name, stamped, self.server.get(self._path(f"{self.config.working}/{stamped}")))
        except FileNotFoundError:
            return
        except (ConcordError, TooLarge) as error:
            log.warning("a file could not be taken", source=self.source.code, file=name, error=str(error))
            ok = False
        (self.picked.done if ok else self.picked.failed).append(name)
        with suppress(FileNotFoundError):
            folder = self.config.done if ok else self.config.failed
            self._move(f"{self.config.working}/{stamped}", f"{folder}/{stamped}")

    def _taken(self, name: str, stamped: str, body: bytes) -> bool:
        if name.lower().endswith(TABLES):
            return self._import(name, stamped, body)
        received = intake.receive(source=self.source, body=body, actor=self.actor)
        self._answer(received.message, body)
        return received.message.state != InboundMessage.State.QUARANTINED

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
            self.server.make_folder(self._path(self.config.acks))
            kind = self.source.profile.get("answer", KINDS[0])
            self.server.put(self._path(f"{self.config.acks}/{kind}_{message.pk}.x12"), message.reply.encode())

    def _path(self, name: str) -> str:
        return str(PurePosixPath(self.config.folder) / name)

    def _move(self, old: str, new: str) -> None:
        """Raises ``FileNotFoundError`` when it is gone."""
        self.server.make_folder(str(PurePosixPath(self._path(new)).parent))
        self.server.move(self._path(old), self._path(new))


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
