"""Changing values and ending records: overrides, holds and retirement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from mdm import permissions
from mdm.canonical import DOMAINS, Kind
from mdm.changes import Change
from mdm.exceptions import InvalidValue, MergedRecord, NeedsReason, Refused, Stale
from mdm.models import (
    ChangeEvent,
    ChangeRequest,
    CodeSystem,
    GoldenRecord,
    Override,
    SourceRecord,
    User,
)
from mdm.services import requests
from mdm.services.events import announce
from mdm.services.requests import approve, withdraw
from mdm.services.requests import reject as reject_change
from mdm.services.storage import write
from mdm.services.survive import recompute
from mdm.survivorship import CHILD_PATH
from mdm.values import parse_values

__all__ = ["approve", "override", "reject_change", "retire", "retire_sources", "withdraw", "withdraw_override"]

Status = GoldenRecord.Status


def writable(golden: GoldenRecord, expected_version: int | None = None) -> GoldenRecord:
    """The row, locked; refused if it was merged or changed since the caller saw it."""
    golden = GoldenRecord.objects.select_for_update(of=("self",)).select_related("merged_into").get(pk=golden.pk)
    if golden.status == Status.MERGED:
        raise MergedRecord(
            f"{golden.public_id} was merged into {golden.survivor.public_id}. Write to that record.",
            survivor=golden.survivor.public_id,
        )
    if expected_version is not None and golden.version != expected_version:
        raise Stale(f"{golden.public_id} is at version {golden.version} now. Look at it again.")
    return golden


@transaction.atomic
def override(
    *,
    golden: GoldenRecord,
    path: str,
    value: Any,
    actor: User,
    reason: str,
    until: dt.datetime | None = None,
    expected_version: int | None = None,
) -> GoldenRecord:
    """Put a steward's value in place of the sources'. On a guarded attribute of a live record it waits for approval."""
    permissions.require(actor, permissions.OVERRIDE)
    if not reason.strip():
        raise NeedsReason
    golden = writable(golden, expected_version)
    value = checked(golden.domain, path, value)
    change = Change.begin(actor, "override", reason)
    _end(change, golden, path)
    row = Override.objects.create(golden=golden, path=path, value=value, author=actor, reason=reason[:500], until=until)
    change.audit(about=row, golden=golden, after={"path": path})
    recompute(change, golden.domain, [golden.pk])
    golden.refresh_from_db()
    return golden


def checked(domain: str, path: str, value: Any) -> Any:
    """The value in canonical form, or ``InvalidValue`` naming the field and what it takes."""
    found = CHILD_PATH.match(path)
    name = found["name"] if found else path
    spec = DOMAINS[domain].by_name.get(name)
    if spec is None or (found and (spec.kind is not Kind.CHILDREN or not found["field"])):
        raise InvalidValue(f"{path} is no attribute of a {domain}. See the canonical model for the names.")
    if value in (None, ""):
        return None
    if spec.kind is Kind.REFERENCE:
        return _referenced(spec.domain, value)
    stated: dict[str, Any] = {path: value}
    if found:
        stated = {name: [{spec.child_key: found["key"], found["field"]: value}]}
    parsed = parse_values(domain, stated)
    if parsed.problems:
        raise InvalidValue(parsed.problems[0].message, path=path)
    if not found:
        return parsed.values.get(path)
    return parsed.values[name][0].get(found["field"])


def _referenced(domain: str, value: Any) -> int:
    golden = GoldenRecord.objects.filter(domain=domain, public_id=str(value)).select_related("merged_into").first()
    if golden is None:
        raise InvalidValue(f"{value} is no {domain}. Give the public id of a golden record, e.g. MDM-SU-000001.")
    return golden.survivor.pk


@transaction.atomic
def withdraw_override(*, override: Override, actor: User, reason: str) -> GoldenRecord:
    """Let the sources speak again."""
    permissions.require(actor, permissions.OVERRIDE)
    golden = writable(override.golden.survivor)
    change = Change.begin(actor, "override.withdrawn", reason)
    _end(change, override.golden, override.path)
    recompute(change, golden.domain, [golden.pk])
    golden.refresh_from_db()
    return golden


def _end(change: Change, golden: GoldenRecord, path: str, kind: str = Override.Kind.STEWARD) -> None:
    for row in Override.objects.filter(golden=golden, path=path, kind=kind, withdrawn_at__isnull=True):
        row.withdrawn_at = change.at
        row.save(update_fields=["withdrawn_at"])
        change.audit(about=row, golden=golden, after={"withdrawn": path})


def release_hold(change: Change, request: ChangeRequest) -> None:
    """Approved: what the inputs say takes effect."""
    golden = writable(request.subject) if request.subject else None
    if golden is not None:
        _end(change, golden, request.path, Override.Kind.HOLD)
        recompute(change, golden.domain, [golden.pk], approved=[(golden.pk, request.path)])


def keep_held(change: Change, request: ChangeRequest) -> None:
    """Rejected: the held value becomes a steward's value, authored by who rejected, so that it outlives re-matching."""
    if request.subject is None:
        return
    golden = writable(request.subject)
    held = Override.objects.filter(
        golden=golden, path=request.path, kind=Override.Kind.HOLD, withdrawn_at__isnull=True
    ).first()
    if held is None:
        return
    _end(change, golden, request.path, Override.Kind.HOLD)
    _end(change, golden, request.path)
    Override.objects.create(
        golden=golden, path=request.path, value=held.value, author=change.actor, reason=change.reason
    )
    recompute(change, golden.domain, [golden.pk])


@transaction.atomic
def retire(*, golden: GoldenRecord, actor: User, reason: str) -> GoldenRecord | ChangeRequest:
    """End a record's life. Of criticality *high* this is a change request until a second person approves."""
    permissions.require(actor, permissions.CHANGE_IDENTITY)
    if not reason.strip():
        raise NeedsReason
    golden = writable(golden)
    if golden.status == Status.RETIRED:
        raise Refused(f"{golden.public_id} is retired already.")
    if golden.criticality == GoldenRecord.Criticality.HIGH:
        return requests.propose(
            kind=ChangeRequest.Kind.RETIRE, subject=golden, actor=actor, reason=reason, diff={"status": "retired"}
        )
    return apply_retirement(Change.begin(actor, "retire", reason), golden)


def apply_retirement(change: Change, golden: GoldenRecord) -> GoldenRecord:
    """The retirement itself: targets deactivate their copies."""
    golden = writable(golden)
    golden.status = Status.RETIRED
    golden.version += 1
    golden.approved_version = golden.version
    golden.updated_at = change.at
    write(change, [golden])
    change.audit(golden=golden, version=golden.version, after={"status": golden.status})
    announce(change, [(golden, ChangeEvent.Kind.RETIRED, ())])
    return golden


@transaction.atomic
def retire_sources(*, code_system: CodeSystem, codes: Sequence[str], actor: User) -> int:
    """A system no longer has these codes. Their golden records are rebuilt; one that nobody speaks for any more is
    retired, or proposed for retirement where that needs a second person.
    """
    permissions.require(actor, permissions.IMPORT)
    sources = SourceRecord.objects.select_for_update().filter(code_system=code_system, code__in=codes)
    sources = sources.exclude(state=SourceRecord.State.RETIRED).order_by("pk")
    goldens = {s.golden_id for s in sources if s.golden_id is not None}
    count = sources.update(state=SourceRecord.State.RETIRED)
    change = Change.begin(actor, "ingest.retire", "No longer in the system's feed")
    change.audit(about=code_system, after={"retired": count})
    recompute(change, code_system.domain, goldens, relinked=goldens)
    spoken_for = set(
        SourceRecord.objects.filter(golden__in=goldens)
        .exclude(state=SourceRecord.State.RETIRED)
        .values_list("golden", flat=True)
    )
    for golden in GoldenRecord.objects.filter(pk__in=goldens - spoken_for, status=Status.LIVE).order_by("pk"):
        if golden.criticality == GoldenRecord.Criticality.HIGH:
            requests.propose(
                kind=ChangeRequest.Kind.RETIRE,
                subject=golden,
                actor=actor,
                reason=change.reason,
                diff={"status": "retired"},
            )
        else:
            apply_retirement(change, golden)
    return count
