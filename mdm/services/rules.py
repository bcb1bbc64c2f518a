"""Changes of the rules: proposed as a new version with what it would do, in force once a second person approves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import NeedsReason, Refused, Stale
from mdm.locks import lock_name
from mdm.models import ChangedPair, ChangeRequest, Policy, SourceRecord, User, WorkItem
from mdm.services import changed_pairs, work


@transaction.atomic
def propose(
    *,
    kind: str,
    domain: str,
    body: dict[str, Any],
    diff: dict[str, Any],
    touched: Collection[int],
    expected_version: int,
    actor: User,
    reason: str,
    pairs: Sequence[ChangedPair] = (),
) -> ChangeRequest:
    """Store new rules, not in force, and ask for approval.

    ``touched``: source records that they would decide differently; ``pairs``: to look at first. ``expected_version``:
    of the rules that ``diff`` compares them with, 0 for those of a fresh installation. Refused while another proposal
    for the same rules is open.
    """
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    path = _hold(kind, domain)
    if version_in_force(kind, domain) != expected_version:
        raise Stale("Other rules came into force meanwhile. Propose yours anew.")
    if ChangeRequest.objects.filter(kind=ChangeRequest.Kind.POLICY, path=path, state=ChangeRequest.State.OPEN).exists():
        raise Refused("A change of these rules is waiting already. Decide or withdraw that one first.")
    last = (
        Policy.objects.filter(kind=kind, domain=domain).order_by("-version").values_list("version", flat=True).first()
    )
    policy = Policy.objects.create(kind=kind, domain=domain, version=(last or 0) + 1, body=body, author=actor)
    change = Change.begin(actor, "change_request.proposed", reason)
    request = ChangeRequest.objects.create(
        kind=ChangeRequest.Kind.POLICY,
        policy=policy,
        path=path,
        expected_version=expected_version,
        diff=diff,
        reason=reason[:500],
        proposer=actor,
    )
    request.touched.set(touched)
    changed_pairs.store(request, pairs)
    work.put(change, [_work_item(request, policy)])
    change.audit(about=request, after={"kind": request.kind, "rules": path, "version": policy.version})
    return request


def _work_item(request: ChangeRequest, policy: Policy) -> WorkItem:
    return WorkItem(
        kind=WorkItem.Kind.CHANGE_REQUEST,
        domain=policy.domain,
        priority=WorkItem.Priority.HIGH,
        title=f"{request.get_kind_display()}: {policy}",
        reason=request.reason,
        subject=f"change_request:{request.pk}",
        change_request=request,
    )


def _hold(kind: str, domain: str) -> str:
    """Nobody else proposes or changes these rules until the transaction ends; returns their name."""
    path = f"{kind}:{domain}"
    lock_name("policy", path)
    return path


def version_in_force(kind: str, domain: str) -> int:
    found = Policy.objects.filter(kind=kind, domain=domain, active=True).values_list("version", flat=True).first()
    return found or 0


def check_version(request: ChangeRequest) -> None:
    """Refuse to approve rules that were compared with others than those in force."""
    policy = _proposed(request)
    _hold(policy.kind, policy.domain)
    now = version_in_force(policy.kind, policy.domain)
    if now != request.expected_version:
        raise Stale(
            f"Other rules came into force after this was proposed (version {request.expected_version}, now {now}). "
            "Reject it and propose it again."
        )


def check_reason(request: ChangeRequest, reason: str) -> None:
    """Who approves rules of which something is to be read says why."""
    if request.to_read and not reason.strip():
        said = "; ".join(line["says"] for line in request.to_read)
        raise NeedsReason(f"Approving these rules needs a reason, because not every guardrail is passed. {said}.")


def activate(change: Change, request: ChangeRequest) -> Policy:
    """Approved: the new rules take the place of the old ones, and records follow: doubtful ones are looked at anew."""
    policy = _proposed(request)
    before = version_in_force(policy.kind, policy.domain)
    Policy.objects.filter(kind=policy.kind, domain=policy.domain, active=True).update(active=False)
    policy.active = True
    policy.followed_to = 0 if policy.kind in (Policy.Kind.SURVIVORSHIP, Policy.Kind.PUBLISH) else None
    policy.save(update_fields=["active", "followed_to"])
    change.audit(about=policy, action="policy.activated", before={"version": before}, after={"version": policy.version})
    if policy.kind == Policy.Kind.MATCH:
        _look_again(request, policy.domain)
    return policy


def _look_again(request: ChangeRequest, domain: str) -> None:
    """Doubtful records are decided anew. Links stay as they are: where one is in doubt now, or two golden records look
    like one, the resolver asks a steward.
    """
    doubtful = Q(state=SourceRecord.State.REVIEW) | Q(state=SourceRecord.State.LINKED, pk__in=request.touched.all())
    rows = SourceRecord.objects.filter(doubtful, domain=domain)
    # who holds one of them is landing or deciding it right now; waiting could deadlock with them
    free = list(rows.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True))
    SourceRecord.objects.filter(pk__in=free).update(state=SourceRecord.State.PENDING)


def _proposed(request: ChangeRequest) -> Policy:
    if request.policy is None:
        raise Refused("This request names no rules.")
    return request.policy
