"""Who answers for a domain, and what its attributes mean here."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from mdm import permissions
from mdm.canonical import DOMAINS
from mdm.changes import Change
from mdm.exceptions import InvalidValue, Refused
from mdm.models import AttributeNote, DomainOwnership, User

LONGEST = 24 * 90  # hours


@transaction.atomic
def set_ownership(
    *, domain: str, owner: User | None, stewards: Collection[User], review_hours: int, actor: User
) -> DomainOwnership:
    """Name the owner and the stewards of a domain, and how soon its reviews are due. Open reviews keep their dates."""
    permissions.require(actor, permissions.ADMINISTER)
    if not 1 <= review_hours <= LONGEST:
        raise InvalidValue(f"Reviews are due after 1 to {LONGEST} hours.")
    if idle := [user.display_name for user in stewards if not user.has_permission(permissions.DECIDE)]:
        raise Refused(f"{', '.join(idle)} may not decide reviews. Give them the role of steward first.")
    row, _ = DomainOwnership.objects.select_for_update(of=("self",)).get_or_create(domain=domain)
    before = _ownership(row)
    row.owner, row.review_hours = owner, review_hours
    row.save(update_fields=["owner", "review_hours"])
    row.stewards.set(stewards)
    Change.begin(actor, "governance.owner").audit(about=row, before=before, after=_ownership(row))
    return row


def _ownership(row: DomainOwnership) -> dict[str, object]:
    stewards = row.stewards.order_by("username").values_list("username", flat=True)
    owner = row.owner.username if row.owner else None
    return {"domain": row.domain, "owner": owner, "stewards": list(stewards), "review_hours": row.review_hours}


@transaction.atomic
def describe(*, domain: str, path: str, definition: str, classification: str, actor: User) -> AttributeNote:
    """Say what an attribute means here, and how widely it may be told."""
    permissions.require(actor, permissions.ADMINISTER)
    if path not in DOMAINS[domain].by_name:
        raise InvalidValue(f"No attribute of this domain is called {path[:80]}.")
    if classification not in AttributeNote.Classification.values:
        raise InvalidValue(f"Classify as one of {', '.join(AttributeNote.Classification.values)}.")
    before = AttributeNote.objects.filter(domain=domain, path=path).values("definition", "classification").first()
    row, _ = AttributeNote.objects.update_or_create(
        domain=domain,
        path=path,
        defaults={"definition": definition.strip()[:500], "classification": classification, "author": actor},
    )
    after = {"attribute": f"{domain}.{path}", "definition": row.definition, "classification": row.classification}
    Change.begin(actor, "governance.attribute").audit(about=row, before=before, after=after)
    return row
