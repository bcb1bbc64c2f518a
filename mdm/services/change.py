"""Changing values and ending records: overrides, holds and retirement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from mdm import permissions
from mdm.canonical import DOMAINS, Field, Kind
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
    WorkItem,
)
from mdm.services import requests, search_index, work
from mdm.services.events import announce
from mdm.services.requests import approve, withdraw
from mdm.services.requests import reject as reject_change
from mdm.services.storage import write
from mdm.services.survive import SILENCED, recompute
from mdm.survivorship import CHILD_PATH
from mdm.values import parse_values

__all__ = [
    "approve",
    "expire_overrides",
    "override",
    "override_all",
    "reject_change",
    "retire",
    "retire_sources",
    "withdraw",
    "withdraw_override",
]

Status = GoldenRecord.Status


def writable(golden: GoldenRecord, expected_version: int | None = None) -> GoldenRecord:
    """The row, locked; refused if it was merged or changed since the caller saw it."""
    rows = GoldenRecord.objects.select_for_update(of=("self",), no_key=True).select_related("merged_into")
    golden = rows.get(pk=golden.pk)
    if golden.status == Status.MERGED:
        raise MergedRecord(
            f"{golden.public_id} was merged into {golden.survivor.public_id}. Write to that record.",
            record=golden.public_id,
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
    return override_all(
        golden=golden, values={path: value}, actor=actor, reason=reason, until=until, expected_version=expected_version
    )


@transaction.atomic
def override_all(
    *,
    golden: GoldenRecord,
    values: Mapping[str, Any],
    actor: User,
    reason: str,
    until: dt.datetime | None = None,
    expected_version: int | None = None,
) -> GoldenRecord:
    """Several values at once, {path: value}: all of them or none, in one version."""
    permissions.require(actor, permissions.OVERRIDE)
    if not reason.strip():
        raise NeedsReason
    golden = writable(golden, expected_version)
    wanted = {path: checked(golden.domain, path, value) for path, value in values.items()}
    change = Change.begin(actor, "override", reason)
    for path, value in wanted.items():
        _end(change, _standing(golden, path))
        row = Override.objects.create(
            golden=golden, path=path, value=value, author=actor, reason=reason[:500], until=until
        )
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
    if any(child.kind is Kind.REFERENCE for child in spec.children):
        raise InvalidValue(f"{spec.label} can't be overridden, as each is its source's own. Correct it in the source.")
    if spec.kind is Kind.REFERENCE:
        return None if value in (None, "") else _referenced(spec.domain, value)
    if found:
        return _checked_child(domain, spec, path, found["key"], found["field"], value)
    return _parsed(domain, path, {path: value}).get(path)


def _checked_child(domain: str, spec: Field, path: str, key: str, name: str, value: Any) -> Any:
    if name == spec.child_key or name not in {child.name for child in spec.children}:
        raise InvalidValue(f"{path} is no attribute of a {domain} that can be overridden.")
    stated = _parsed(domain, path, {spec.name: [{spec.child_key: key, name: value}]}).get(spec.name)
    if not stated:
        raise InvalidValue(f"{path} names no {spec.label.lower()}.")
    if stated[0][spec.child_key] != key:
        raise InvalidValue(f"Write {spec.name}[{stated[0][spec.child_key]}].{name}.")
    return stated[0].get(name)


def _parsed(domain: str, path: str, stated: dict[str, Any]) -> dict[str, Any]:
    parsed = parse_values(domain, stated)
    if parsed.problems:
        raise InvalidValue(parsed.problems[0].message, path=path)
    return parsed.values


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
    if override.kind == Override.Kind.HOLD:
        raise Refused("A hold ends when an approver decides its change request.")
    change = Change.begin(actor, "override.withdrawn", reason)
    if not _end(change, Override.objects.filter(pk=override.pk)):
        raise Stale("This override was withdrawn or replaced already.")
    recompute(change, golden.domain, [golden.pk])
    golden.refresh_from_db()
    return golden


@transaction.atomic
def expire_overrides(*, now: dt.datetime) -> int:
    """End the overrides whose time is over and let the sources speak again; returns how many."""
    over = Override.objects.filter(withdrawn_at__isnull=True, until__lte=now).select_related("golden")
    goldens = {
        (row.golden.survivor.domain, row.golden.survivor.pk) for row in over.select_related("golden__merged_into")
    }
    change = Change.begin(User.objects.system(), "override.expired")
    ended = 0
    for domain in {domain for domain, _ in goldens}:
        ids = sorted(pk for name, pk in goldens if name == domain)
        ended += _end(change, over.filter(golden__domain=domain))
        recompute(change, domain, ids)
    return ended


def _end(change: Change, overrides: QuerySet[Override]) -> int:
    """Withdraw those of these overrides that are in force; returns how many."""
    rows = list(overrides.filter(withdrawn_at__isnull=True).select_related("golden"))
    for row in rows:
        row.withdrawn_at = change.at
        row.save(update_fields=["withdrawn_at"])
        change.audit(about=row, golden=row.golden, after={"withdrawn": row.path})
    return len(rows)


def end_overrides(change: Change, ids: Sequence[int]) -> None:
    """Withdraw these, without rebuilding."""
    _end(change, Override.objects.filter(pk__in=ids))


def _standing(golden: GoldenRecord, path: str, kind: str = Override.Kind.STEWARD) -> QuerySet[Override]:
    return Override.objects.filter(golden=golden, path=path, kind=kind)


def release_hold(change: Change, request: ChangeRequest) -> None:
    """Approved: what the inputs say takes effect."""
    golden = writable(request.subject) if request.subject else None
    if golden is not None:
        _end(change, _standing(golden, request.path, Override.Kind.HOLD))
        recompute(change, golden.domain, [golden.pk], approved=[(golden.pk, request.path)])


def keep_held(change: Change, request: ChangeRequest) -> None:
    """Rejected: the held value becomes a steward's value, authored by who rejected, so that it outlives re-matching."""
    if request.subject is None:
        return
    golden = writable(request.subject)
    held = _standing(golden, request.path, Override.Kind.HOLD).filter(withdrawn_at__isnull=True).first()
    if held is None:
        return
    _end(change, _standing(golden, request.path, Override.Kind.HOLD))
    _end(change, _standing(golden, request.path))
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
    if golden.is_published:  # targets never heard of a draft
        golden.approved_version = golden.version
    golden.updated_at = change.at
    write(change, [golden])
    search_index.restate(golden)
    change.audit(golden=golden, version=golden.version, after={"status": golden.status})
    announce(change, [(golden, ChangeEvent.Kind.RETIRED, ())])
    return golden


@transaction.atomic
def retire_sources(*, code_system: CodeSystem, codes: Sequence[str], actor: User) -> int:
    """A system no longer has these codes. Their golden records are rebuilt; one that nobody speaks for any more is
    retired, or proposed for retirement where that needs a second person.
    """
    permissions.require(actor, permissions.IMPORT)
    found = SourceRecord.objects.select_for_update().filter(code_system=code_system, code__in=codes)
    sources = list(found.exclude(state=SourceRecord.State.RETIRED).order_by("pk"))
    ids = [source.pk for source in sources]
    SourceRecord.objects.filter(pk__in=ids).update(state=SourceRecord.State.RETIRED)
    change = Change.begin(actor, SILENCED, "No longer in the system's feed")
    change.audit(about=code_system, after={"retired": len(ids)})
    work.cancel(change, kind=WorkItem.Kind.POSSIBLE_MATCH, subjects=[f"source:{pk}" for pk in ids])
    goldens = {source.golden_id for source in sources if source.golden_id is not None}
    recompute(change, code_system.domain, goldens)
    _retire_silent(change, goldens)
    return len(ids)


def _retire_silent(change: Change, golden_ids: set[int]) -> None:
    spoken_for = SourceRecord.objects.filter(golden__in=golden_ids).exclude(state=SourceRecord.State.RETIRED)
    silent = golden_ids - set(spoken_for.values_list("golden", flat=True))
    for golden in GoldenRecord.objects.filter(pk__in=silent, status=Status.LIVE).order_by("pk"):
        if golden.criticality == GoldenRecord.Criticality.HIGH:
            requests.propose(
                kind=ChangeRequest.Kind.RETIRE,
                subject=golden,
                actor=change.actor,
                reason=change.reason,
                diff={"status": "retired"},
            )
        else:
            apply_retirement(change, golden)
