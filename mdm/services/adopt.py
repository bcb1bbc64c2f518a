"""Values that a target holds, taken over into the golden record once a second person approves."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from mdm import permissions
from mdm.canonical import DOMAINS
from mdm.changes import Change
from mdm.exceptions import NeedsReason, Refused, Stale
from mdm.models import ChangeRequest, GoldenRecord, Override, User
from mdm.rows import load_values
from mdm.services import requests
from mdm.services.change import checked, end_overrides, writable
from mdm.services.survive import recompute
from mdm.survivorship import comparable

WAITING = (ChangeRequest.Kind.TARGET_VALUE, ChangeRequest.Kind.GUARDED_VALUE)


@transaction.atomic
def propose(*, golden: GoldenRecord, path: str, value: Any, actor: User, reason: str) -> ChangeRequest:
    """Ask for approval to put this value in place of the sources'. The same again returns the request that waits."""
    permissions.require(actor, permissions.OVERRIDE)
    if not reason.strip():
        raise NeedsReason
    golden = writable(golden)
    after, before = checked(golden.domain, path, value), _now(golden, path)
    label = DOMAINS[golden.domain].by_name[path].label
    if comparable(before) == comparable(after):
        raise Refused(f"{label} of {golden.public_id} says this already. Compare the target again.")
    standing = ChangeRequest.objects.filter(
        subject=golden, path=path, kind__in=WAITING, state=ChangeRequest.State.OPEN
    ).first()
    if standing is not None:
        if comparable(standing.diff[path]["after"]) != comparable(after):
            raise Refused(f"Another change of {label} of {golden.public_id} waits for approval. Decide that first.")
        return standing
    return requests.ask(
        Change.begin(actor, "change_request.proposed", reason),
        ChangeRequest.Kind.TARGET_VALUE,
        golden,
        {path: {"before": before, "after": after}},
        f"{label} of {golden.name}",
        reason=reason,
        path=path,
    )


def apply(change: Change, request: ChangeRequest) -> None:
    """Approved: the value becomes its proposer's override. Refused when the record says something else by now."""
    if request.subject is None:
        raise Refused("This request names no record.")
    golden, path, part = writable(request.subject), request.path, request.diff[request.path]
    if comparable(_now(golden, path)) != comparable(part["before"]):
        raise Stale(f"{golden.public_id} says something else now. Reject this and compare the target again.")
    standing = Override.objects.filter(
        golden=golden, path=path, kind=Override.Kind.STEWARD, withdrawn_at__isnull=True
    ).values_list("pk", flat=True)
    end_overrides(change, list(standing))
    row = Override.objects.create(
        golden=golden, path=path, value=part["after"], author=request.proposer, reason=request.reason
    )
    change.audit(about=row, golden=golden, after={"path": path})
    recompute(change, golden.domain, [golden.pk], approved=[(golden.pk, path)])


def _now(golden: GoldenRecord, path: str) -> Any:
    return load_values(golden.domain, [golden.pk])[golden.pk].get(path)
