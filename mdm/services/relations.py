"""Relations between golden records that are not the same: substitutes, parents, whatever else belongs together."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import NeedsReason, Refused
from mdm.models import GoldenRecord, Relation, User


@transaction.atomic
def relate(
    *,
    subject: GoldenRecord,
    object: GoldenRecord,
    kind: str,
    actor: User,
    reason: str,
    site: GoldenRecord | None = None,
    valid_from: dt.date | None = None,
    valid_to: dt.date | None = None,
) -> Relation:
    """``subject`` is a substitute for (parent of, related to) ``object``, at one site or everywhere, for some time.

    ``valid_to`` is exclusive.
    """
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    _check(subject, object, kind, site)
    if valid_from and valid_to and valid_to <= valid_from:
        raise Refused("A relation ends after it begins. Choose a later last day.")
    change = Change.begin(actor, "relate", reason)
    relation, made = Relation.objects.get_or_create(
        kind=kind, subject=subject, object=object, site=site, valid_from=valid_from,
        defaults={"valid_to": valid_to, "author": actor, "reason": reason[:500]},
    )  # fmt: skip
    if not made:
        raise Refused("This relation is there already.")
    change.audit(golden=subject, about=relation, after={"kind": kind, "to": object.public_id})
    return relation


def _check(subject: GoldenRecord, object: GoldenRecord, kind: str, site: GoldenRecord | None) -> None:
    if kind not in Relation.Kind.values:
        raise Refused(f"{kind} is no relation. Choose one of {', '.join(Relation.Kind.values)}.")
    if subject.pk == object.pk:
        raise Refused("A record isn't related to itself. Choose another one.")
    if subject.domain != object.domain:
        raise Refused(f"{object.public_id} is no {subject.domain}. Choose a record of the same domain.")
    if kind == Relation.Kind.SUBSTITUTE and subject.domain == "item":
        raise Refused("A substitute of an item needs a second person's approval. Propose it instead.")
    if site is not None and site.domain != "location":
        raise Refused(f"{site.public_id} is no location. Choose the site that the relation holds for.")


@transaction.atomic
def end(*, relation: Relation, actor: User, reason: str, on: dt.date | None = None) -> Relation:
    """It holds no longer, from today or from the day given. It stays in the record's past."""
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    row = Relation.objects.select_for_update().get(pk=relation.pk)
    day = on or timezone.localdate()
    if row.valid_to is not None and row.valid_to <= day:
        raise Refused("This relation has ended already.")
    before = row.valid_to and row.valid_to.isoformat()
    row.valid_to = max(day, row.valid_from) if row.valid_from else day  # what had not begun never holds
    row.save(update_fields=["valid_to"])
    change = Change.begin(actor, "relation.ended", reason)
    change.audit(golden=row.subject, about=row, before={"until": before}, after={"until": row.valid_to.isoformat()})
    return row
