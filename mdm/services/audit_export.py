"""The audit log as a file, streamed: what one is allowed to read, one may take along. Taking it is audited, too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain

from django.db import transaction
from django.db.models import QuerySet

from mdm import permissions
from mdm.changes import Change
from mdm.models import AuditEntry, User
from mdm.spreadsheet import csv_lines

COLUMNS = ("id", "at", "actor", "action", "record", "version", "object", "reason", "before", "after", "change_id")
CHUNK = 2_000


@transaction.atomic
def begin(*, entries: QuerySet[AuditEntry], asked: dict[str, str], actor: User) -> QuerySet[AuditEntry]:
    """The entries to write, up to the one that says that they were taken."""
    permissions.require(actor, permissions.VIEW_AUDIT)
    Change.begin(actor, "audit.export").audit(after={"asked": asked})
    return entries.select_related("actor", "golden").order_by("id")


def lines(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    """CSV, a few thousand entries in memory at a time."""
    return csv_lines(chain([COLUMNS], map(_row, entries.iterator(chunk_size=CHUNK))))


def _row(entry: AuditEntry) -> list[str]:
    return [
        str(entry.pk),
        entry.at.isoformat(),
        entry.actor.username,
        entry.action,
        entry.golden.public_id if entry.golden else "",
        str(entry.version or ""),
        f"{entry.object_type} {entry.object_id}".strip(),
        entry.reason,
        "" if entry.before is None else json.dumps(entry.before, ensure_ascii=False),
        "" if entry.after is None else json.dumps(entry.after, ensure_ascii=False),
        str(entry.change_id),
    ]
