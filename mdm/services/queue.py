"""Work items in hand: opened under lock, snoozed, assigned, commented. Deciding them is ``mdm.services.review``.

Whoever takes an item holds it: nobody else decides it until they take it over or it is given back.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from mdm import permissions
from mdm.changes import Change, audit_all
from mdm.engine import engine_for
from mdm.exceptions import Held, NeedsReason, Refused, Stale
from mdm.locks import lock_keys, lock_records
from mdm.models import Comment, SourceRecord, User, WorkItem

Kind, State = WorkItem.Kind, WorkItem.State


def open_item(item: WorkItem, actor: User, expected_version: int | None) -> WorkItem:
    """The item, locked together with what it is about (in the order of ``mdm.locks``), still as the steward saw it."""
    permissions.require(actor, permissions.DECIDE)
    hold(WorkItem.objects.select_related("source", "golden", "other").get(pk=item.pk))
    item = (
        WorkItem.objects.select_for_update(of=("self",))
        .select_related("source__code_system__system", "golden__merged_into", "other__merged_into", "assignee")
        .get(pk=item.pk)
    )
    if not item.is_live:
        raise Stale("This was decided already. Take the next one.")
    if item.assignee is not None and item.assignee != actor:
        raise Held(f"{item.assignee.display_name} has taken this. Take it over first, or take the next one.")
    if expected_version is not None and item.version != expected_version:
        raise Stale("This changed while you looked at it. Look at it again.")
    return item


def hold(item: WorkItem) -> None:
    """Lock a doubtful record and its keys, so that no twin is created meanwhile; or the golden records in question."""
    if item.kind == Kind.POSSIBLE_MATCH and item.source is not None:
        lock_keys(item.domain, engine_for(item.domain).keys(item.source.standardised))
        rows = SourceRecord.objects.select_for_update(skip_locked=True, of=("self",))
        if rows.filter(pk=item.source.pk).first() is None:
            raise Stale("This record is just being looked at anew. Try again in a moment.")
    elif item.kind in (Kind.POSSIBLE_DUPLICATE, Kind.WEAK_LINK):
        found = (item.golden, item.other)
        lock_records(*(golden.survivor for golden in found if golden is not None))


@transaction.atomic
def snooze(*, item: WorkItem, until: dt.datetime, actor: User, expected_version: int | None = None) -> WorkItem:
    """Out of the queue until then."""
    item = open_item(item, actor, expected_version)
    if until <= timezone.now():
        raise Refused("Choose a time that is still to come.")
    item.state, item.snoozed_until, item.version = State.SNOOZED, until, item.version + 1
    item.save(update_fields=["state", "snoozed_until", "version"])
    Change.begin(actor, "review.snooze").audit(about=item, after={"until": until.isoformat()})
    return item


@transaction.atomic
def wake(*, now: dt.datetime) -> int:
    """Snoozed items whose time has come go back to the queue."""
    return WorkItem.objects.filter(state=State.SNOOZED, snoozed_until__lte=now).update(
        state=State.OPEN, snoozed_until=None
    )


@transaction.atomic
def assign(*, item: WorkItem, assignee: User | None, actor: User) -> WorkItem:
    """Hand the item to a steward, or back to the team. Its content stays as it is, so its version does too."""
    assign_all(items=[item.pk], assignee=assignee, actor=actor)
    item.refresh_from_db(fields=["assignee"])
    return item


@transaction.atomic
def assign_all(*, items: Collection[int], assignee: User | None, actor: User) -> int:
    """The same for many live items, by id; returns how many changed hands."""
    permissions.require(actor, permissions.DECIDE)
    if assignee is not None and not assignee.has_permission(permissions.DECIDE):
        raise Refused(f"{assignee.display_name} may not decide reviews. Choose a steward.")
    rows = WorkItem.objects.select_for_update(of=("self",)).filter(pk__in=items, state__in=WorkItem.LIVE)
    moved = [row for row in rows.order_by("pk") if row.assignee_id != (assignee.pk if assignee else None)]
    change = Change.begin(actor, "review.assign")
    after = {"assignee": assignee.pk if assignee else None}
    audit_all([change.entry(about=row, before={"assignee": row.assignee_id}, after=after) for row in moved])
    WorkItem.objects.filter(pk__in=[row.pk for row in moved]).update(assignee=assignee)
    return len(moved)


MENTION = re.compile(r"(?<![\w@.])@([\w.+-]*\w)")


@transaction.atomic
def comment(*, item: WorkItem, text: str, actor: User) -> Comment:
    """Say something about an item. ``@username`` calls somebody to it, who finds it under what mentions them."""
    permissions.require(actor, permissions.VIEW)
    if not text.strip():
        raise NeedsReason("A comment needs text.")
    made = Comment.objects.create(item=item, author=actor, text=text[:2000])
    called = User.objects.filter(username__in=MENTION.findall(made.text), is_active=True).exclude(pk=actor.pk)
    made.mentions.set(called)
    Change.begin(actor, "review.comment").audit(
        about=item, after={"comment": made.pk, "mentions": sorted(user.username for user in called)}
    )
    return made
