"""Bringing back what an earlier version of a golden record said, attribute by attribute."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import transaction

from mdm import past, permissions
from mdm.canonical import DOMAINS, Field, Kind
from mdm.exceptions import NeedsReason, NotFound, Refused
from mdm.models import ChangeRequest, GoldenRecord, Override, User
from mdm.rows import load_values
from mdm.services import change as values
from mdm.survivorship import CHILD_PATH


def differing(golden: GoldenRecord, version: int) -> dict[str, tuple[Any, Any]]:
    """Path → (value now, value then) of what can be brought back: attributes, and parts of children that still exist.

    Raises:
        NotFound: the record had no such version.
    """
    event = past.event_of(golden, version)
    if event is None:
        raise NotFound(f"{golden.public_id} has no version {version}.")
    then = past.as_of(golden, event.recorded_at)
    now = load_values(golden.domain, [golden.pk]).get(golden.pk, {})
    found: dict[str, tuple[Any, Any]] = {}
    for spec in DOMAINS[golden.domain].fields:
        found |= _differing(spec, now.get(spec.name), then.get(spec.name))
    return found


def _differing(spec: Field, now: Any, then: Any) -> dict[str, tuple[Any, Any]]:
    if spec.kind is not Kind.CHILDREN:
        return {} if now == then else {spec.name: (now, then)}
    if any(child.kind is Kind.REFERENCE for child in spec.children):
        return {}  # each is its source's own and can't be overridden
    before = {row[spec.child_key]: row for row in then or []}
    found = {}
    for row in now or []:
        old = before.get(row[spec.child_key], row)
        for name in (child.name for child in spec.children if row.get(child.name) != old.get(child.name)):
            found[f"{spec.name}[{row[spec.child_key]}].{name}"] = (row.get(name), old.get(name))
    return found


@transaction.atomic
def revert(
    *, golden: GoldenRecord, version: int, paths: Collection[str], actor: User, reason: str, expected_version: int
) -> GoldenRecord:
    """Make these attributes say again what they said in ``version``. Guarded ones wait for a second person.

    An override set since is withdrawn where that is enough; else the old value becomes a steward's value.
    """
    permissions.require(actor, permissions.OVERRIDE)
    if not reason.strip():
        raise NeedsReason
    golden = values.writable(golden, expected_version)
    wanted = {path: then for path, (_, then) in differing(golden, version).items() if path in set(paths)}
    if not wanted:
        raise Refused("Choose at least one attribute that differs from that version.")
    for path, then in wanted.items():
        _restore(golden, path, then, actor, reason)
    golden.refresh_from_db()
    return golden


def _restore(golden: GoldenRecord, path: str, then: Any, actor: User, reason: str) -> None:
    standing = Override.objects.filter(
        golden=golden, path=path, kind=Override.Kind.STEWARD, withdrawn_at__isnull=True
    ).first()
    if standing is not None:
        values.withdraw_override(override=standing, actor=actor, reason=reason)
        if _stated(golden, path) == then or _asked(golden, path, then):
            return
    values.override(golden=golden, path=path, value=_public(golden, path, then), actor=actor, reason=reason)


def _stated(golden: GoldenRecord, path: str) -> Any:
    """What the record says now; nothing of a child that only an override had added."""
    now = load_values(golden.domain, [golden.pk]).get(golden.pk, {})
    child = CHILD_PATH.match(path)
    if child is None:
        return now.get(path)
    key = DOMAINS[golden.domain].by_name[child["name"]].child_key
    rows = {str(row[key]): row for row in now.get(child["name"]) or []}
    return rows.get(child["key"], {}).get(child["field"])


def _asked(golden: GoldenRecord, path: str, then: Any) -> bool:
    """A second person decides now whether the old value comes back."""
    open_ones = ChangeRequest.objects.filter(subject=golden, path=path, state=ChangeRequest.State.OPEN)
    return any(request.diff.get(path, {}).get("after") == then for request in open_ones)


def _public(golden: GoldenRecord, path: str, value: Any) -> Any:
    """References as an override takes them: by public id."""
    spec = DOMAINS[golden.domain].by_name.get(path)
    if spec is None or spec.kind is not Kind.REFERENCE or value is None:
        return value
    return GoldenRecord.objects.get(pk=value).survivor.public_id
