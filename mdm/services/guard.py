"""Guarded attributes: a stated value of a live record changes only when a second person approves.

Until then an automatic *hold* keeps the old value: one more input to survivorship.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mdm.canonical import DOMAINS
from mdm.changes import Change
from mdm.models import ChangeRequest, GoldenRecord, Override
from mdm.services import requests
from mdm.survivorship import HOLD, OverrideInput, comparable, overridden

if TYPE_CHECKING:
    from mdm.services.survive import Rebuilt


def hold(change: Change, domain: str, built: Sequence[Rebuilt], *, approved: set[tuple[int, str]]) -> None:
    """Put a hold on each guarded value that would change, ask for approval, and end holds that nothing contests."""
    guarded = [f.name for f in DOMAINS[domain].fields if f.guarded]
    for record in built:
        if record.golden.status != GoldenRecord.Status.LIVE:
            continue
        for name in guarded:
            _check(change, record, name, (record.golden.pk, name) in approved)


def _check(change: Change, record: Rebuilt, name: str, is_approved: bool) -> None:
    before, after = record.before.get(name), record.survived.values[name]
    if name in record.survived.beneath:
        _follow(change, record, name)
    elif before not in (None, "") and not is_approved and comparable(before) != comparable(after):
        _hold(change, record, name)


def _hold(change: Change, record: Rebuilt, name: str) -> None:
    survived = record.survived
    before, after, why = record.before[name], survived.values[name], survived.provenance.get(name, {})
    row = Override.objects.create(
        golden=record.golden, path=name, value=before, kind=Override.Kind.HOLD, author=change.actor, reason=HOLD
    )
    _ask(change, record, name, before, after, why)
    survived.values[name], survived.provenance[name] = overridden(after, why, as_input(row))


def _ask(change: Change, record: Rebuilt, name: str, before: Any, after: Any, why: Mapping[str, Any]) -> None:
    label = DOMAINS[record.golden.domain].by_name[name].label
    requests.ask(
        change,
        ChangeRequest.Kind.GUARDED_VALUE,
        record.golden,
        {name: {"before": before, "after": after, "system": why.get("system", "")}},
        f"{label} of {record.golden.name}",
        reason=why.get("note") or f"{label} changed: {why.get('reason', 'no source states it any more')}",
        path=name,
    )


def _follow(change: Change, record: Rebuilt, name: str) -> None:
    """The hold stands. Its request ends when the inputs agree with it again, and is asked anew when they say something
    else than an approver may have seen.
    """
    held, (after, why) = record.survived.values[name], record.survived.beneath[name]
    request = open_request(record.golden, name)
    if request is None:
        return
    if comparable(after) == comparable(held):
        end_hold(change, record.golden, name)
        requests.end(change, request, "The inputs agree with the held value again")
        record.survived.values[name], record.survived.provenance[name] = after, why
    elif request.diff[name]["after"] != after:
        requests.end(change, request, "The inputs say something else now")
        _ask(change, record, name, held, after, why)


def open_request(golden: GoldenRecord, name: str) -> ChangeRequest | None:
    return ChangeRequest.objects.filter(
        subject=golden, path=name, kind=ChangeRequest.Kind.GUARDED_VALUE, state=ChangeRequest.State.OPEN
    ).first()


def end_hold(change: Change, golden: GoldenRecord, name: str) -> None:
    Override.objects.filter(golden=golden, path=name, kind=Override.Kind.HOLD, withdrawn_at__isnull=True).update(
        withdrawn_at=change.at
    )


def as_input(row: Override) -> OverrideInput:
    """An override as survivorship takes it."""
    return OverrideInput(
        path=row.path,
        value=row.value,
        author=row.author.display_name,
        at=row.created_at.isoformat(),
        reason=row.reason,
        hold=row.kind == Override.Kind.HOLD,
    )
