"""Work items: opened by the services that need a person, closed by the person's decision."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from mdm import bulk, permissions
from mdm.changes import Change
from mdm.exceptions import NeedsReason, Refused, Stale
from mdm.models import DomainOwnership, User, WorkItem

DEFAULT_HOURS = 24
PROBLEMS = (WorkItem.Kind.INVALID_DATA, WorkItem.Kind.FEED_PROBLEM, WorkItem.Kind.LOCAL_EXCEPTION)


def due(domain: str, start: dt.datetime) -> dt.datetime:
    """When work of this domain opened at ``start`` should be done."""
    hours = DomainOwnership.objects.filter(domain=domain).values_list("review_hours", flat=True).first()
    return start + dt.timedelta(hours=hours or DEFAULT_HOURS)


CONTENT = (
    "title",
    "reason",
    "priority",
    "golden",
    "other",
    "score",
    "probability",
    "candidates",
    "details",
    "policy_version",
)

# by column: a golden record may not be written yet
COLUMNS = {f.name: f.attname for f in WorkItem._meta.concrete_fields if f.name in CONTENT}


def put(change: Change, items: Sequence[WorkItem]) -> None:
    """Open these items. Where a live one has the same kind and subject, it gets the new content and version instead."""
    subjects = {(item.kind, item.subject): item for item in items}
    live = WorkItem.objects.select_for_update().filter(
        kind__in={kind for kind, _ in subjects}, subject__among=[s for _, s in subjects], state__in=WorkItem.LIVE
    )
    standing = []
    for row in live.order_by("pk"):
        if item := subjects.pop((row.kind, row.subject), None):
            for name in CONTENT:
                setattr(row, COLUMNS[name], getattr(item, COLUMNS[name]))
            row.version += 1
            standing.append(row)
    WorkItem.objects.bulk_update(standing, [*CONTENT, "version"], batch_size=200)
    opened = list(subjects.values())
    days = {domain: due(domain, change.at) for domain in {item.domain for item in opened}}
    for item in opened:
        item.created_at = change.at
        item.due_at = item.due_at or days[item.domain]
    bulk.insert(opened)


def close(change: Change, items: Iterable[WorkItem], *, resolution: str, state: str = WorkItem.State.DONE) -> None:
    """Close live items with what was decided; each gets its audit row."""
    for item in items:
        before = {"state": item.state, "version": item.version}
        item.state, item.resolution, item.resolution_reason = state, resolution, change.reason
        item.resolved_by, item.resolved_at, item.version = change.actor, change.at, item.version + 1
        item.save(update_fields=["state", "resolution", "resolution_reason", "resolved_by", "resolved_at", "version"])
        change.audit(about=item, before=before, after={"state": state, "resolution": resolution}, golden=item.golden)


def cancel(change: Change, *, kind: str, subjects: Sequence[str]) -> None:
    """Items that nobody needs to look at any more."""
    WorkItem.objects.filter(kind=kind, subject__among=subjects, state__in=WorkItem.LIVE).update(
        state=WorkItem.State.CANCELLED,
        resolution="superseded",
        resolved_by=change.actor,
        resolved_at=change.at,
        version=F("version") + 1,
    )


def raise_problem(
    *, kind: str, subject: str, title: str, reason: str, actor: User, domain: str = "", **about: Any
) -> None:
    """Ask a person to look at something that isn't a match: a feed, a delivery, invalid data."""
    change = Change.begin(actor, "work.opened", reason)
    item = WorkItem(kind=kind, domain=domain, subject=subject, title=title[:400], reason=reason[:500], **about)
    put(change, [item])
    change.audit(after={"kind": kind, "subject": subject})


@transaction.atomic
def dealt_with(*, item: WorkItem, actor: User, expected_version: int, reason: str) -> WorkItem:
    """A person says that a problem is solved. Reviews and approvals are decided by their own services."""
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    item = WorkItem.objects.select_for_update(of=("self",)).select_related("golden").get(pk=item.pk)
    if item.kind not in PROBLEMS:
        raise Refused(f"A work item of kind {item.get_kind_display()} is closed by deciding it.")
    if not item.is_live or item.version != expected_version:
        raise Stale
    close(Change.begin(actor, "work.closed", reason), [item], resolution="dealt with")
    return item
