"""Change requests: actions that wait for a second person. Nobody approves their own."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import NeedsReason, OwnChange, Refused, Stale
from mdm.locks import lock_records
from mdm.models import ChangeRequest, GoldenRecord, User, WorkItem
from mdm.services import rules, work

State = ChangeRequest.State


def propose(
    *,
    kind: str,
    subject: GoldenRecord,
    actor: User,
    reason: str,
    diff: dict[str, Any],
    other: GoldenRecord | None = None,
) -> ChangeRequest:
    """Ask for approval. The same open request again returns the one that is there. Runs in the caller's transaction."""
    if not reason.strip():
        raise NeedsReason
    standing = ChangeRequest.objects.filter(kind=kind, subject=subject, other=other, path="", state=State.OPEN).first()
    if standing is not None:
        return standing
    title = f"{ChangeRequest.Kind(kind).label}: {subject.name}"
    return ask(
        Change.begin(actor, "change_request.proposed", reason), kind, subject, diff, title, reason=reason, other=other
    )


def ask(
    change: Change,
    kind: str,
    subject: GoldenRecord,
    diff: dict[str, Any],
    title: str,
    *,
    reason: str,
    other: GoldenRecord | None = None,
    path: str = "",
) -> ChangeRequest:
    """Open a change request with the work item that shows it to approvers."""
    request = ChangeRequest.objects.create(
        kind=kind,
        subject=subject,
        other=other,
        path=path,
        expected_version=subject.version,
        expected_other_version=other.version if other else None,
        diff=diff,
        reason=reason[:500],
        proposer=change.actor,
    )
    item = WorkItem(
        kind=WorkItem.Kind.CHANGE_REQUEST,
        domain=subject.domain,
        priority=WorkItem.Priority.HIGH,
        title=title[:400],
        reason=reason[:500],
        subject=f"change_request:{request.pk}",
        golden=subject,
        other=other,
        change_request=request,
    )
    work.put(change, [item])
    change.audit(about=request, after={"kind": kind, **diff}, golden=subject, action="change_request.proposed")
    return request


def end(change: Change, request: ChangeRequest, reason: str) -> None:
    """Withdraw a request that has lost its point, with its work item."""
    request.state, request.decided_at, request.decision_reason = State.WITHDRAWN, change.at, reason
    request.save(update_fields=["state", "decided_at", "decision_reason"])
    work.close(
        change,
        request.work_items.filter(state__in=WorkItem.LIVE),
        resolution="withdrawn",
        state=WorkItem.State.CANCELLED,
    )
    change.audit(
        about=request, after={"state": request.state}, golden=request.subject, action="change_request.withdrawn"
    )


@transaction.atomic
def approve(*, request: ChangeRequest, actor: User, reason: str = "") -> ChangeRequest:
    """Approve and carry out. Refused for the proposer, when a record changed since it was proposed, and without a
    reason where a guardrail of rules isn't passed.
    """
    request = _decidable(request, actor)
    rules.check_reason(request, reason)
    change = Change.begin(actor, "change_request.approved", reason or request.reason)
    if request.kind == ChangeRequest.Kind.POLICY:
        rules.check_version(request)
    else:
        _check_versions(request)
    _decide(change, request, State.APPROVED, reason)
    _carry_out(change, request)
    return request


@transaction.atomic
def reject(*, request: ChangeRequest, actor: User, reason: str) -> ChangeRequest:
    """Turn the change down. A held value stays as it is: the hold becomes the approver's own decision."""
    if not reason.strip():
        raise NeedsReason
    request = _decidable(request, actor)
    change = Change.begin(actor, "change_request.rejected", reason)
    _decide(change, request, State.REJECTED, reason)
    if request.kind == ChangeRequest.Kind.GUARDED_VALUE:
        from mdm.services.change import keep_held

        keep_held(change, request)
    return request


@transaction.atomic
def withdraw(*, request: ChangeRequest, actor: User) -> ChangeRequest:
    """The proposer takes it back."""
    request = ChangeRequest.objects.select_for_update(of=("self",)).select_related("subject").get(pk=request.pk)
    if request.state != State.OPEN:
        raise Stale("This request has been decided already.")
    if request.proposer_id != actor.pk:
        raise Refused("Only the one who proposed a change can withdraw it. An approver can reject it.")
    if request.kind == ChangeRequest.Kind.GUARDED_VALUE:
        raise Refused("Withdraw the override itself; its request then ends by itself.")
    end(Change.begin(actor, "change_request.withdrawn"), request, "Withdrawn by its proposer")
    return request


def _decidable(request: ChangeRequest, actor: User) -> ChangeRequest:
    """The request, locked after the records that it changes."""
    permissions.require(actor, permissions.APPROVE)
    request = ChangeRequest.objects.select_related("subject", "other", "policy").get(pk=request.pk)
    lock_records(*(golden for golden in (request.subject, request.other) if golden is not None))
    request = (
        ChangeRequest.objects.select_for_update(of=("self",))
        .select_related("subject", "other", "policy")
        .get(pk=request.pk)
    )
    if request.state != State.OPEN:
        raise Stale("This request has been decided already.")
    if request.proposer_id == actor.pk:
        raise OwnChange
    return request


def _check_versions(request: ChangeRequest) -> None:
    if request.kind in (ChangeRequest.Kind.GUARDED_VALUE, ChangeRequest.Kind.TARGET_VALUE):
        return  # a held value can't have changed, that is what the hold is for; `adopt` compares a target's itself
    for golden, expected in (
        (request.subject, request.expected_version),
        (request.other, request.expected_other_version),
    ):
        if golden is not None and expected != golden.version:
            raise Stale(
                f"{golden.public_id} changed after this was proposed (version {expected}, now {golden.version}). "
                "Reject it and propose it again."
            )


def _decide(change: Change, request: ChangeRequest, state: str, reason: str) -> None:
    request.state, request.approver = state, change.actor
    request.decided_at, request.decision_reason = change.at, reason[:500]
    request.save(update_fields=["state", "approver", "decided_at", "decision_reason"])
    work.close(change, request.work_items.filter(state__in=WorkItem.LIVE), resolution=state)
    change.audit(about=request, before={"state": "open"}, after={"state": state}, golden=request.subject)


def _carry_out(change: Change, request: ChangeRequest) -> None:
    from mdm.services import adopt, merge, substitution
    from mdm.services import change as values

    if request.kind == ChangeRequest.Kind.POLICY:
        rules.activate(change, request)
        return
    if request.subject is None:
        raise Refused("This request names no record.")
    if request.kind == ChangeRequest.Kind.MERGE and request.other is not None:
        merge.check(request.subject, request.other)
        survivor = merge.apply(change, request.subject, request.other)
        picks, ends = request.diff.get("picks", {}), request.diff.get("ends")
        merge.pick(survivor, picks, actor=request.proposer, reason=request.reason, ends=ends)
    elif request.kind == ChangeRequest.Kind.SUBSTITUTE:
        substitution.apply(change, request)
    elif request.kind == ChangeRequest.Kind.RETIRE:
        values.apply_retirement(change, request.subject)
    elif request.kind == ChangeRequest.Kind.GUARDED_VALUE:
        values.release_hold(change, request)
    elif request.kind == ChangeRequest.Kind.TARGET_VALUE:
        adopt.apply(change, request)
