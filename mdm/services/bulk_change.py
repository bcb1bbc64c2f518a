"""One change to several golden records at once: shown first, then done whole or not at all.

Each record goes through the same service as alone, so permissions, approvals and audit are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from mdm import permissions
from mdm.canonical import DOMAINS, Kind
from mdm.changes import Change
from mdm.exceptions import NeedsReason, Refused
from mdm.models import ChangeRequest, GoldenRecord, User
from mdm.rows import load_values
from mdm.services import change

MOST = 500


@dataclass(slots=True)
class Preview:
    """What a bulk change would do: records by what becomes of them."""

    changing: list[GoldenRecord] = field(default_factory=list)
    asking: list[GoldenRecord] = field(default_factory=list)  # a second person decides
    left: list[tuple[GoldenRecord, str]] = field(default_factory=list)  # and why


def preview_retirement(records: Sequence[GoldenRecord]) -> Preview:
    found = Preview()
    for record in records:
        if record.status in (GoldenRecord.Status.RETIRED, GoldenRecord.Status.MERGED):
            found.left.append((record, f"is {record.get_status_display().lower()} already"))
        elif record.criticality == GoldenRecord.Criticality.HIGH:
            found.asking.append(record)
        else:
            found.changing.append(record)
    return found


def preview_value(records: Sequence[GoldenRecord], path: str, value: Any) -> Preview:
    """What setting an attribute would do. Raises ``InvalidValue`` for a value that it can't have."""
    found = Preview()
    if not records:
        return found
    domain = records[0].domain
    wanted = change.checked(domain, path, value)
    now = load_values(domain, [record.pk for record in records])
    guarded = DOMAINS[domain].by_name[path].guarded
    for record in records:
        before = now.get(record.pk, {}).get(path)
        if record.status == GoldenRecord.Status.MERGED:
            found.left.append((record, "is merged"))
        elif before == wanted:
            found.left.append((record, "says so already"))
        elif guarded and record.status == GoldenRecord.Status.LIVE and before not in (None, ""):
            found.asking.append(record)
        else:
            found.changing.append(record)
    return found


def settable(domain: str) -> list[tuple[str, str]]:
    """Attributes that can be set for many: path and label."""
    own = ("description", "name", "code")  # what tells records apart
    specs = DOMAINS[domain].fields
    return [
        (f.name, f.label)
        for f in specs
        if f.kind not in (Kind.CHILDREN, Kind.LIST, Kind.IDENTIFIER) and f.name not in own
    ]


@transaction.atomic
def retire(*, records: Sequence[GoldenRecord], actor: User, reason: str) -> tuple[int, int]:
    """Retire them all; returns how many were, and how many wait for a second person."""
    permissions.require(actor, permissions.CHANGE_IDENTITY)
    _check(records, reason)
    found = preview_retirement(records)
    outcomes = [change.retire(golden=r, actor=actor, reason=reason) for r in [*found.changing, *found.asking]]
    waiting = sum(isinstance(outcome, ChangeRequest) for outcome in outcomes)
    _audit(actor, reason, "retire", len(outcomes))
    return len(outcomes) - waiting, waiting


@transaction.atomic
def set_value(*, records: Sequence[GoldenRecord], path: str, value: Any, actor: User, reason: str) -> tuple[int, int]:
    """Give an attribute of them all a steward's value; returns how many got it, and how many wait for approval."""
    permissions.require(actor, permissions.OVERRIDE)
    _check(records, reason)
    if path not in dict(settable(records[0].domain)):
        raise Refused(f"{path[:40]} can't be set for several records at once.")
    found = preview_value(records, path, value)
    for record in [*found.changing, *found.asking]:
        change.override(golden=record, path=path, value=value, actor=actor, reason=reason)
    _audit(actor, reason, path, len(found.changing) + len(found.asking))
    return len(found.changing), len(found.asking)


def _check(records: Sequence[GoldenRecord], reason: str) -> None:
    if not reason.strip():
        raise NeedsReason
    if not 0 < len(records) <= MOST:
        raise Refused(f"Choose 1 to {MOST} records; these are {len(records)}.")
    if len({record.domain for record in records}) > 1:
        raise Refused("Choose records of one domain.")


def _audit(actor: User, reason: str, what: str, number: int) -> None:
    Change.begin(actor, "bulk", reason).audit(after={"what": what, "records": number})
