"""Substitutes: one person proposes what may be used in an item's place, another approves it; ending one takes one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from fractions import Fraction
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import ConcordError, NeedsReason, Refused, Stale
from mdm.locks import lock_records
from mdm.models import AuditEntry, ChangeRequest, GoldenRecord, Relation, Substitution, User, WorkItem
from mdm.services import relations, requests
from mdm.services.change import writable

LARGEST = 1_000_000  # of either part of a factor
FACTOR = r"[0-9]{1,7}(/[0-9]{1,7})?"  # as people and programs write one


@transaction.atomic
def propose(
    *,
    item: GoldenRecord,
    substitute: GoldenRecord,
    actor: User,
    reason: str,
    factor: Fraction = Fraction(1),
    site: GoldenRecord | None = None,
    valid_from: dt.date | None = None,
    valid_to: dt.date | None = None,
) -> ChangeRequest:
    """Ask for leave to use ``substitute`` in place of ``item``: it is in force once a second person approves.

    ``factor``: base units of the substitute that stand in for one of the item. ``site``: the location, with all that
    is part of it, where it may be used; everywhere if left out. ``valid_to``: the day from which it may not any more.
    """
    permissions.require(actor, permissions.CHANGE_IDENTITY)
    if not reason.strip():
        raise NeedsReason
    return _propose(actor, item, substitute, factor, site, valid_from, valid_to, reason)


@transaction.atomic
def propose_kept(*, limit: int = 100) -> int:
    """Propose, for their authors, substitutes of items that were only noted as relations, of which lookups don't tell;
    returns how many it looked at. A relation ends with that; one that can't be proposed says why.
    """
    noted = Relation.objects.filter(kind=Relation.Kind.SUBSTITUTE, subject__domain="item")
    standing = noted.filter(Q(valid_to=None) | Q(valid_to__gt=timezone.localdate())).exclude(valid_to=F("valid_from"))
    rows = standing.select_for_update(of=("self",), skip_locked=True).order_by("pk")[:limit]
    for row in rows:
        _propose_relation(row)
    return len(rows)


def _propose_relation(row: Relation) -> None:
    item, substitute = row.object.survivor, row.subject.survivor
    site = row.site and row.site.survivor
    try:
        request = _propose(
            row.author, item, substitute, Fraction(1), site, row.valid_from, row.valid_to, row.reason or "Noted before"
        )
    except ConcordError as error:
        why = f"It can't be proposed as a substitute: {error.message}"
    else:
        why = f"Proposed as a substitute by change request {request.pk}"
        for decided in WorkItem.objects.filter(details__relation=row.pk):  # undoing it takes the proposal back
            del decided.details["relation"]
            decided.details["request"] = request.pk
            decided.save(update_fields=["details"])
    relations.end(relation=row, actor=User.objects.system(), reason=why)


def _propose(
    actor: User,
    item: GoldenRecord,
    substitute: GoldenRecord,
    factor: Fraction,
    site: GoldenRecord | None,
    valid_from: dt.date | None,
    valid_to: dt.date | None,
    reason: str,
) -> ChangeRequest:
    lock_records(item, substitute)
    item, substitute = writable(item), writable(substitute)
    valid_from = valid_from or timezone.localdate()
    _check(item, substitute, factor, site, valid_from, valid_to)
    where = site.public_id if site else ""
    standing = ChangeRequest.objects.filter(
        kind=ChangeRequest.Kind.SUBSTITUTE, subject=item, other=substitute, path=where, state=ChangeRequest.State.OPEN
    )
    if standing.exists():
        raise Stale("The same substitute is waiting for approval there already. Withdraw that request first.")
    terms = {
        "substitute": f"{substitute.public_id} {substitute.name}",
        "factor": str(factor),
        "site": where or None,
        "valid_from": valid_from.isoformat(),
        "valid_to": valid_to and valid_to.isoformat(),
    }
    return requests.ask(
        Change.begin(actor, "change_request.proposed", reason),
        ChangeRequest.Kind.SUBSTITUTE,
        item,
        {name: {"before": None, "after": value} for name, value in terms.items()},
        f"Allow a substitute: {item.name}",
        reason=reason,
        other=substitute,
        path=where,
    )


def _check(
    item: GoldenRecord,
    substitute: GoldenRecord,
    factor: Fraction,
    site: GoldenRecord | None,
    valid_from: dt.date,
    valid_to: dt.date | None,
) -> None:
    if item.domain != "item" or substitute.domain != "item":
        raise Refused("Only items have substitutes.")
    if item.pk == substitute.pk:
        raise Refused("An item is no substitute for itself. Choose another one.")
    if substitute.status != GoldenRecord.Status.LIVE:
        raise Refused(f"{substitute.public_id} is not live. Choose an item that is in use.")
    if site is not None and site.domain != "location":
        raise Refused(f"{site.public_id} is no location.")
    if factor <= 0 or max(factor.numerator, factor.denominator) > LARGEST:
        raise Refused(f"A factor lies above 0, and neither of its parts above {LARGEST:,}.")
    if valid_to is not None and valid_to <= max(valid_from, timezone.localdate()):
        raise Refused("It would be over before it begins. Choose a later day for valid_to.")


def apply(change: Change, request: ChangeRequest) -> Substitution:
    """Approved: in force from its day on."""
    terms = {name: part["after"] for name, part in request.diff.items()}
    if request.subject is None or request.other is None:
        raise Refused("This request names no two items.")
    factor = Fraction(terms["factor"])
    start = dt.date.fromisoformat(terms["valid_from"])
    made = Substitution(
        item=request.subject,
        substitute=request.other,
        site=GoldenRecord.objects.filter(public_id=terms["site"]).first() if terms["site"] else None,
        numerator=factor.numerator,
        denominator=factor.denominator,
        valid_from=start,
        valid_to=dt.date.fromisoformat(terms["valid_to"]) if terms["valid_to"] else None,
        reason=request.reason,
        request=request,
        change_id=change.id,
        approver=change.actor,
        approved_at=change.at,
    )
    if made.valid_to and made.valid_to <= timezone.localdate(change.at):
        raise Stale("Its last day has passed while it waited. Reject it and propose it anew.")
    if _overlapping(made):
        raise Refused("This substitute is in force there already on some of these days. End that one first.")
    made.save(force_insert=True)
    change.audit(about=made, golden=request.subject, after=terms)
    return made


def _overlapping(made: Substitution) -> bool:
    standing = Substitution.objects.filter(
        item=made.item_id, substitute=made.substitute_id, site=made.site_id, ended_at__isnull=True
    )
    if made.valid_to:
        standing = standing.filter(valid_from__lt=made.valid_to)
    return standing.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=made.valid_from)).exists()


@transaction.atomic
def end(*, substitution: Substitution, actor: User, reason: str) -> Substitution:
    """It may not be used any more, from now on. What was answered before stays as it was."""
    permissions.require(actor, permissions.CHANGE_IDENTITY)
    if not reason.strip():
        raise NeedsReason
    rows = Substitution.objects.select_for_update(of=("self",)).select_related("item")
    substitution = rows.get(pk=substitution.pk)
    if substitution.ended_at is not None:
        raise Stale("This substitute was ended already.")
    change = Change.begin(actor, "substitution.ended", reason)
    _close(change, substitution, reason)
    return substitution


def _close(change: Change, row: Substitution, reason: str) -> None:
    row.ended_at, row.ended_by, row.end_reason = change.at, change.actor, reason[:500]
    row.save(update_fields=["ended_at", "ended_by", "end_reason"])
    change.audit(about=row, golden=row.item, after={"ended": row.pk})


def follow_merge(change: Change, old: GoldenRecord, new: GoldenRecord) -> None:
    """What was allowed of the one record is allowed of the one that it is now."""
    rows = Substitution.objects.filter(Q(item=old) | Q(substitute=old), ended_at__isnull=True)
    for row in rows.select_related("item").order_by("pk"):
        _move(change, row, old, new)


def follow_unmerge(change: Change, merged_by: UUID, loser: GoldenRecord, survivor: GoldenRecord) -> None:
    """What a merge moved goes back, as far as it is still in force; what it had to drop is in force again."""
    copies = Substitution.objects.filter(change_id=merged_by)
    for row in _dropped(merged_by, list(copies)):
        _restore(change, row, loser, survivor)
    for row in copies.filter(ended_at__isnull=True).select_related("item", "request").order_by("pk"):
        _move(change, row, survivor, loser)


def _dropped(merged_by: UUID, copies: Sequence[Substitution]) -> list[Substitution]:
    """What the merge ended without a copy: between the two records, or in force at the survivor already."""
    ended = AuditEntry.objects.filter(change_id=merged_by, object_type="substitution", after__has_key="ended")
    rows = Substitution.objects.filter(pk__in=[int(pk) for pk in ended.values_list("object_id", flat=True)])
    moved = {(copy.request_id, copy.site_id, copy.valid_from) for copy in copies}
    found = rows.select_related("item__merged_into", "substitute__merged_into").order_by("pk")
    return [row for row in found if (row.request_id, row.site_id, row.valid_from) not in moved]


def _restore(change: Change, row: Substitution, loser: GoldenRecord, survivor: GoldenRecord) -> None:
    """One of the other kind is restored only while the survivor's own, which stood for it, is in force."""
    at_survivor = _copy(change, row, *(survivor.pk if pk == loser.pk else pk for pk in _now(row)))
    if at_survivor.item_id == at_survivor.substitute_id or _overlapping(at_survivor):
        _put(_copy(change, row, *_now(row)))


def _now(row: Substitution) -> tuple[int, int]:
    """Ids of its two items, or of what they were merged into."""
    return row.item.survivor.pk, row.substitute.survivor.pk


def _move(change: Change, row: Substitution, old: GoldenRecord, new: GoldenRecord) -> None:
    _close(change, row, change.reason)
    item, substitute = (new.pk if pk == old.pk else pk for pk in (row.item_id, row.substitute_id))
    _put(_copy(change, row, item, substitute))


def _copy(change: Change, row: Substitution, item: int, substitute: int) -> Substitution:
    copy = Substitution.objects.get(pk=row.pk)
    copy.pk, copy.ended_at, copy.ended_by, copy.end_reason = None, None, None, ""
    copy.item_id, copy.substitute_id = item, substitute
    copy.change_id, copy.approved_at = change.id, change.at
    return copy


def _put(copy: Substitution) -> None:
    if copy.item_id != copy.substitute_id and not _overlapping(copy):
        copy.save(force_insert=True)
