"""Guarded attributes: a stated value of a live record changes only when a second person approves.

Until then an automatic *hold* keeps the old value: one more input to survivorship.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mdm.canonical import DOMAINS
from mdm.changes import Change
from mdm.models import ChangeRequest, GoldenRecord, Override, WorkItem
from mdm.services.work import due
from mdm.survivorship import HOLD, comparable

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
    why = record.survived.provenance.get(name, {})
    if why.get("source") == "hold":
        _follow(change, record, name, why)
    elif before not in (None, "") and not is_approved and comparable(before) != comparable(after):
        _ask(change, record, name, before, after, why)


def _ask(change: Change, record: Rebuilt, name: str, before: Any, after: Any, why: dict[str, Any]) -> None:
    Override.objects.create(
        golden=record.golden, path=name, value=before, kind=Override.Kind.HOLD, author=change.actor, reason=HOLD
    )
    label = DOMAINS[record.golden.domain].by_name[name].label
    request = ChangeRequest.objects.create(
        kind=ChangeRequest.Kind.GUARDED_VALUE,
        subject=record.golden,
        path=name,
        expected_version=record.golden.version,
        diff={name: {"before": before, "after": after, "system": why.get("system", "")}},
        reason=why.get("note") or f"{label} changed: {why.get('reason', 'no source states it any more')}",
        proposer=change.actor,
    )
    WorkItem.objects.create(
        kind=WorkItem.Kind.CHANGE_REQUEST,
        domain=record.golden.domain,
        priority=WorkItem.Priority.HIGH,
        title=f"{label} of {record.golden.name}"[:400],
        reason="A guarded value of a live record changes",
        subject=f"change_request:{request.pk}",
        golden=record.golden,
        change_request=request,
        created_at=change.at,
        due_at=due(record.golden.domain, change.at),
    )
    change.audit(about=request, after={"path": name}, action="change_request.proposed", golden=record.golden)
    others = [{k: why.get(k) for k in ("value", "source", "system", "at")}] if why else []
    record.survived.values[name] = before
    record.survived.provenance[name] = {
        "value": before,
        "source": "hold",
        "system": change.actor.display_name,
        "at": change.at.isoformat(),
        "reason": HOLD,
        "note": HOLD,
        "others": others + list(why.get("others", [])),
    }


def _follow(change: Change, record: Rebuilt, name: str, why: dict[str, Any]) -> None:
    """The hold stands; keep its request in step with what the inputs now say, or end it when they agree again."""
    request = ChangeRequest.objects.filter(
        subject=record.golden, path=name, kind=ChangeRequest.Kind.GUARDED_VALUE, state=ChangeRequest.State.OPEN
    ).first()
    if request is None:
        return
    rivals = [o for o in why.get("others", []) if comparable(o.get("value")) != comparable(why["value"])]
    after = rivals[0]["value"] if rivals else why["value"]
    if not rivals:
        _release(change, record, name, request)
    elif request.diff[name]["after"] != after:
        request.diff[name] = {"before": why["value"], "after": after, "system": rivals[0].get("system", "")}
        request.save(update_fields=["diff"])
        change.audit(about=request, after=request.diff, action="change_request.updated", golden=record.golden)


def _release(change: Change, record: Rebuilt, name: str, request: ChangeRequest) -> None:
    Override.objects.filter(golden=record.golden, path=name, kind=Override.Kind.HOLD, withdrawn_at__isnull=True).update(
        withdrawn_at=change.at
    )
    request.state = ChangeRequest.State.WITHDRAWN
    request.decision_reason = "The inputs agree with the held value again"
    request.decided_at = change.at
    request.save(update_fields=["state", "decision_reason", "decided_at"])
    request.work_items.filter(state__in=WorkItem.LIVE).update(
        state=WorkItem.State.CANCELLED, resolved_at=change.at, resolution="withdrawn"
    )
    change.audit(about=request, after={"state": "withdrawn"}, action="change_request.withdrawn", golden=record.golden)
