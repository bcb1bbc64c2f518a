"""The publish gate: what a record must state before it leaves draft, changed by hand with what that would do.

Once a second person has approved it, drafts that state all of it go live in the background. Live records stay live.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from mdm import permissions, policies
from mdm.canonical import DOMAINS, Field, Kind
from mdm.changes import Change
from mdm.exceptions import InvalidValue, NeedsReason, Refused
from mdm.known import Known
from mdm.models import ATTRIBUTES, ChangeRequest, GoldenRecord, Policy, User
from mdm.rows import column, to_column
from mdm.services import rules, survive

BATCH = 500
Status = GoldenRecord.Status


@dataclass(frozen=True, slots=True)
class GateDiff:
    """What another gate would do, in records."""

    published: int  # drafts that would go live
    waiting: int  # drafts that would stay drafts
    lacking: int  # live records that lack something of it; they stay live


def choices(domain: str) -> list[Field]:
    """Attributes that a gate may ask for."""
    return [spec for spec in DOMAINS[domain].fields if spec.kind is not Kind.CHILDREN]


def gate_diff(domain: str, required: Collection[str]) -> GateDiff:
    """Every draft and every live record of the domain by the proposed gate. Reads only."""
    rows: Any = ATTRIBUTES[domain]._default_manager.order_by()
    stated = Q()
    for name in _checked(domain, required):
        spec = DOMAINS[domain].by_name[name]
        unstated = to_column(spec, None)
        stated &= Q(**{f"{column(spec)}__isnull": False}) if unstated is None else ~Q(**{column(spec): unstated})
    drafts, live = rows.filter(golden__status=Status.DRAFT), rows.filter(golden__status=Status.LIVE)
    published = drafts.filter(stated).count()
    return GateDiff(published, drafts.count() - published, live.count() - live.filter(stated).count())


def require(
    *, domain: str, required: Collection[str], expected_version: int, actor: User, reason: str
) -> ChangeRequest:
    """Propose what records of a domain must state before they leave draft."""
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    names = _checked(domain, required)
    now = policies.required(Known(), domain)
    if set(names) == set(now):
        raise Refused("These are the rules in force. Tick or untick an attribute first.")
    differing = {name: {"before": name in now, "after": name in names} for name in sorted({*names, *now})}
    return rules.propose(
        kind=Policy.Kind.PUBLISH,
        domain=domain,
        body={"required": names},
        diff={"required": differing, "population": asdict(gate_diff(domain, names))},
        touched=(),
        expected_version=expected_version,
        actor=actor,
        reason=reason,
    )


def _checked(domain: str, required: Collection[str]) -> list[str]:
    """In the order of the canonical model."""
    known = [spec.name for spec in choices(domain)]
    if unknown := sorted(set(required) - set(known)):
        raise InvalidValue(f"There is no {unknown[0][:40]} of a {domain} to ask for.")
    if not required:
        raise InvalidValue("Tick at least one attribute: other systems can't do with a record that states nothing.")
    return [name for name in known if name in required]


@transaction.atomic
def follow_gate(*, limit: int = BATCH) -> int:
    """Rebuild some drafts of domains whose gate changed; returns how many were looked at. Call it until it returns 0.

    How far it got is kept with the rules, so a worker that dies loses nothing.
    """
    in_force = Policy.objects.filter(kind=Policy.Kind.PUBLISH, active=True, followed_to__isnull=False)
    for policy in in_force.select_for_update(no_key=True, skip_locked=True).order_by("pk"):
        drafts = GoldenRecord.objects.filter(domain=policy.domain, status=Status.DRAFT, pk__gt=policy.followed_to or 0)
        batch = list(drafts.order_by("pk").values_list("pk", flat=True)[:limit])
        policy.followed_to = batch[-1] if batch else None
        policy.save(update_fields=["followed_to"])
        if batch:
            change = Change.begin(User.objects.system(), "policy.followed", "Another publish gate is in force")
            survive.recompute(change, policy.domain, batch)
            return len(batch)
    return 0
