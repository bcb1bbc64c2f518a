"""Local exceptions at work: what a target may keep is sent back to it, and is what it should hold."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from mdm.canonical import DOMAINS, Field, Kind
from mdm.changes import Change
from mdm.exceptions import Stale
from mdm.models import GoldenRecord, User, WorkItem
from mdm.models.among import Numbers
from mdm.permissions import MANAGE_SYNC, require
from mdm.services import work
from sync.adapters.base import Message
from sync.models import Letter, LocalException, Target

OURS = "ours"  # of a letter's payload: what the fields that the target keeps would say without the exception
Kept = Mapping[str, Any]  # field -> the target's own value


def of(target: Target, records: Collection[int]) -> dict[int, dict[str, Any]]:
    """{golden id: {field: value}} that the target may keep now."""
    live = LocalException.objects.filter(
        target=target, record__among=Numbers(records), ended_at__isnull=True, until__gt=timezone.now()
    )
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for record, field, value in live.values_list("record", "field", "value"):
        found[record][field] = value
    return found


def keep(told: dict[str, Any], kept: Kept) -> dict[str, Any]:
    """A payload with the values that the target keeps in place of ours, which are noted beside them."""
    if not kept:
        return told
    ours = {name: told["attributes"].get(name) for name in kept}
    return {**told, "attributes": {**told["attributes"], **kept}, OURS: ours}


def should_hold(letter: Letter, kept: Kept) -> Message:
    """The letter as the target should hold it by the exceptions of now, which may be others than when it was sent."""
    message, payload = letter.message, letter.payload
    attributes = {**payload["attributes"], **payload.get(OURS, {}), **kept}
    return replace(message, payload={**payload, "attributes": attributes})


def payload_form(domain: str, field: str, value: Any) -> Any:
    """A value as it was read back, in the form that payloads have: references with their names."""
    spec = DOMAINS[domain].by_name[field]
    ids = set(_references(spec, value))
    rows = GoldenRecord.objects.filter(public_id__in=ids).values_list("public_id", "name") if ids else ()
    return _named(spec, value, dict(rows))


def _references(spec: Field, value: Any) -> Iterator[str]:
    if spec.kind is Kind.REFERENCE and value:
        yield value
    for row in value or () if spec.kind is Kind.CHILDREN else ():
        for child in spec.children:
            yield from _references(child, row.get(child.name))


def _named(spec: Field, value: Any, names: Mapping[str, str]) -> Any:
    if spec.kind is Kind.REFERENCE and value:
        return {"id": value, "name": names.get(value, "")}
    if spec.kind is Kind.CHILDREN and value:
        return [{child.name: _named(child, row.get(child.name), names) for child in spec.children} for row in value]
    return value


@transaction.atomic
def end(*, exception: LocalException, actor: User, reason: str) -> LocalException:
    """Let a target keep its own value no longer: ours goes out with the next delivery, and theirs is drift again."""
    require(actor, MANAGE_SYNC)
    row = LocalException.objects.select_for_update(of=("self",)).get(pk=exception.pk)
    if row.ended_at is not None:
        raise Stale("This exception has ended already.")
    close(Change.begin(actor, "exception.ended", reason), [row])
    return row


def close(change: Change, exceptions: Iterable[LocalException]) -> None:
    """End these, each with its audit row."""
    for row in exceptions:
        row.ended_at = change.at
        row.save(update_fields=["ended_at"])
        change.audit(about=row, golden=row.record, after={"target": row.target.code, "field": row.field})


@transaction.atomic
def expire(*, now: dt.datetime) -> int:
    """End the exceptions whose time is over and ask their owners what shall be; returns how many."""
    over = LocalException.objects.select_for_update(of=("self",)).filter(ended_at__isnull=True, until__lte=now)
    rows = list(over.select_related("target", "record", "owner").order_by("pk"))
    change = Change.begin(User.objects.system(), "exception.ended", "Its time is over")
    close(change, rows)
    work.put(change, [_question(row) for row in rows])
    return len(rows)


def subject(row: LocalException) -> str:
    """The work item's subject: one live question for each target, record and field."""
    return f"exception:{row.target_id}/{row.record_id}/{row.field}"


def _question(row: LocalException) -> WorkItem:
    label, name = DOMAINS[row.record.domain].by_name[row.field].label, row.record.name or row.record.public_id
    return WorkItem(
        kind=WorkItem.Kind.LOCAL_EXCEPTION,
        domain=row.record.domain,
        subject=subject(row),
        title=f"{row.target.name} no longer may keep its own {label} of {name}"[:400],
        reason=f"The exception has ended: {row.reason}"[:500],
        golden=row.record,
        assignee=row.owner,
        details={"target": row.target.code, "field": row.field},
    )
