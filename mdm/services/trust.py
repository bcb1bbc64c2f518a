"""Whom to believe: survivorship rules changed by hand, with what they would change in every golden record.

Once a second person has approved them, the records that they may change are rebuilt in the background.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Count

from mdm import permissions, policies
from mdm.canonical import DOMAINS
from mdm.changes import Change
from mdm.exceptions import InvalidValue, NeedsReason, Refused
from mdm.known import Known
from mdm.models import ChangeRequest, GoldenRecord, Policy, SourceRecord, SourceSystem, User
from mdm.services import rules, survive
from mdm.survivorship import Policy as Survivorship

BATCH = 500
SHOWN = 25  # examples kept

Trust = Mapping[str, Mapping[str, int]]  # attribute → system → 0 to 100
Asked = Mapping[str, Mapping[str, int | None]]  # None: as far as the system is believed in general


@dataclass(slots=True)
class TrustDiff:
    """What other trust would change in the golden records that several source records speak for."""

    records: int = 0
    changed: int = 0
    fields: Counter[str] = field(default_factory=Counter)  # attribute → records that get another value
    examples: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "records": self.records,
            "changed": self.changed,
            "fields": dict(self.fields.most_common()),
            "examples": self.examples,
        }


def trust_diff(domain: str, proposed: Survivorship) -> TrustDiff:
    """Every record of the domain under the rules in force and under the proposed ones. Reads only."""
    diff, known = TrustDiff(), Known()
    now = policies.survivorship_policy(known, domain)
    for ids in _spoken_for_by_several(domain):
        goldens = GoldenRecord.objects.in_bulk(ids)
        before, after = (survive.under(known, domain, goldens, policy) for policy in (now, proposed))
        diff.records += len(goldens)
        for pk, values in before.items():
            names = [name for name, value in values.items() if after[pk][name] != value]
            if names:
                _note(diff, goldens[pk], {name: (values[name], after[pk][name]) for name in names})
    return diff


def _note(diff: TrustDiff, golden: GoldenRecord, changes: Mapping[str, tuple[Any, Any]]) -> None:
    diff.changed += 1
    diff.fields.update(changes.keys())
    if len(diff.examples) < SHOWN:
        parts = {name: {"before": before, "after": after} for name, (before, after) in changes.items()}
        diff.examples.append({"golden": golden.public_id, "changes": parts})


def _spoken_for_by_several(domain: str) -> Iterator[list[int]]:
    """Golden records that more than one source record speaks for, a batch at a time: others can't change."""
    last = 0
    while batch := _several_after(domain, last, BATCH):
        yield batch
        last = batch[-1]


def _several_after(domain: str, last: int, limit: int) -> list[int]:
    several = SourceRecord.objects.filter(domain=domain, golden__gt=last).order_by().values("golden")
    ids = several.annotate(n=Count("pk")).filter(n__gt=1).order_by("golden").values_list("golden", flat=True)
    return list(ids[:limit])


def believe(*, domain: str, trust: Asked, expected_version: int, actor: User, reason: str) -> ChangeRequest:
    """Propose how far to believe which system about which attribute."""
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    now = policies.survivorship_policy(Known(), domain).trust
    proposed = _changed(domain, now, trust)
    if proposed == {name: dict(cells) for name, cells in now.items() if cells}:
        raise Refused("These are the rules in force. Change a value first.")
    diff = trust_diff(domain, Survivorship(trust=proposed))
    return rules.propose(
        kind=Policy.Kind.SURVIVORSHIP,
        domain=domain,
        body={"trust": proposed},
        diff={**_differences(now, proposed), "population": diff.to_json()},
        touched=(),
        expected_version=expected_version,
        actor=actor,
        reason=reason,
    )


def _changed(domain: str, now: Trust, asked: Asked) -> dict[str, dict[str, int]]:
    found = {name: dict(cells) for name, cells in now.items()}
    systems = set(SourceSystem.objects.values_list("code", flat=True))
    for name, cells in asked.items():
        for system, value in cells.items():
            if name not in DOMAINS[domain].by_name or system not in systems:
                raise InvalidValue(f"There is no {name[:40]} of {system[:40]} to believe.")
            if value is None:
                found.setdefault(name, {}).pop(system, None)
            elif 0 <= value <= 100:
                found.setdefault(name, {})[system] = value
            else:
                raise InvalidValue("Trust is a number from 0 to 100.")
    return {name: cells for name, cells in found.items() if cells}


def _differences(before: Trust, after: Trust) -> dict[str, dict[str, Any]]:
    paths = {(name, system) for trust in (before, after) for name, cells in trust.items() for system in cells}
    found = {}
    for name, system in sorted(paths):
        old, new = (trust.get(name, {}).get(system) for trust in (before, after))
        if old != new:
            found[f"{name}.{system}"] = {"before": old, "after": new}
    return found


@transaction.atomic
def follow_trust(*, limit: int = BATCH) -> int:
    """Rebuild some of the records that rules in force may change; returns how many. Call it until it returns 0.

    All that several sources speak for by now, not only those that the proposal named: others came since. How far it got
    is kept with the rules, so a worker that dies loses nothing.
    """
    rules_in_force = Policy.objects.filter(kind=Policy.Kind.SURVIVORSHIP, active=True, followed_to__isnull=False)
    for policy in rules_in_force.select_for_update(no_key=True, skip_locked=True).order_by("pk"):
        batch = _several_after(policy.domain, policy.followed_to or 0, limit)
        policy.followed_to = batch[-1] if batch else None
        policy.save(update_fields=["followed_to"])
        if batch:
            change = Change.begin(User.objects.system(), "policy.followed", "Other rules are in force")
            survive.recompute(change, policy.domain, batch)
            return len(batch)
    return 0
