"""Many reviews at once: only those where every field agrees, after a look at what would happen to each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from mdm import permissions
from mdm.canonical import DOMAINS
from mdm.exceptions import ConcordError, NeedsReason
from mdm.models import GoldenRecord, SourceRecord, User, WorkItem
from mdm.policies import is_critical
from mdm.rows import load_values
from mdm.services import agreement, review

LEAD = 3.0  # bits by which the best candidate leads where the choice is clear
MOST = 500  # items in one go


@dataclass(frozen=True, slots=True)
class Clear:
    """An item whose best candidate agrees in every field: at the version that was looked at."""

    item: int
    version: int
    golden: GoldenRecord


@dataclass(frozen=True, slots=True)
class Plan:
    accept: tuple[Clear, ...]
    left: Mapping[str, int]  # why an item stays with a person → how many


@dataclass(frozen=True, slots=True)
class Done:
    accepted: tuple[int, ...]
    left: Mapping[str, int]


def plan(*, items: Collection[int], actor: User) -> Plan:
    """What accepting these items in bulk would do. Reads only; five queries a domain, however many there are."""
    permissions.require(actor, permissions.DECIDE)
    rows = WorkItem.objects.filter(pk__in=list(items)[:MOST]).select_related("source__code_system__system")
    found: list[Clear] = []
    left: Counter[str] = Counter()
    for domain in DOMAINS:
        mine = [item for item in rows if item.domain == domain]
        for item, golden, why in _judged(domain, mine, actor):
            if golden is None:
                left[why] += 1
            else:
                found.append(Clear(item.pk, item.version, golden))
    return Plan(tuple(found), dict(left.most_common()))


def accept_agreeing(*, seen: Mapping[int, int], actor: User, reason: str) -> Done:
    """Accept the items of a plan, {item: version}; what no longer agrees or has changed since is left.

    Each is a transaction of its own: one that fails takes no other with it.
    """
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    fresh = plan(items=list(seen), actor=actor)
    left: Counter[str] = Counter(fresh.left)
    accepted = []
    for clear in fresh.accept:
        try:
            with transaction.atomic():
                item = WorkItem.objects.get(pk=clear.item)
                review.accept(
                    item=item, golden=clear.golden, actor=actor, expected_version=seen[clear.item], reason=reason
                )
        except ConcordError as error:
            left[error.message] += 1
        else:
            accepted.append(clear.item)
    return Done(tuple(accepted), dict(left.most_common()))


def _judged(domain: str, items: Sequence[WorkItem], actor: User) -> list[tuple[WorkItem, GoldenRecord | None, str]]:
    """Each item with the golden record to accept it into, or with why a person has to look at it."""
    reasons = [(item, _at_first_sight(item, actor)) for item in items]
    left: list[tuple[WorkItem, GoldenRecord | None, str]] = [(item, None, why) for item, why in reasons if why]
    clear = [item for item, why in reasons if not why]
    if not clear:
        return left
    ids = {item.pk: item.candidates[0]["golden"] for item in clear}
    goldens = GoldenRecord.objects.select_related("merged_into").in_bulk(list(ids.values()))
    kept = {item.pk: goldens[ids[item.pk]].survivor for item in clear}
    differing = _differing(domain, clear, kept)
    return left + [(item, *_at_second_sight(kept[item.pk], differs=item.pk in differing)) for item in clear]


def _at_second_sight(golden: GoldenRecord, *, differs: bool) -> tuple[GoldenRecord | None, str]:
    if differs:
        return None, "A field differs"
    return (None, "Critical") if golden.criticality == GoldenRecord.Criticality.HIGH else (golden, "")


def _at_first_sight(item: WorkItem, actor: User) -> str:
    """Why the item is nothing for bulk acceptance, as far as the item itself tells; else empty."""
    if item.state != WorkItem.State.OPEN:
        return "Not open"
    if item.kind != WorkItem.Kind.POSSIBLE_MATCH or item.source is None or not item.candidates:
        return "Not a possible match"
    if item.assignee_id not in (None, actor.pk):
        return "Somebody else has taken it"
    best, *others = item.candidates
    if best.get("vetoes") or any(e["level"] == "different" for e in best.get("evidence", [])):
        return "A field differs"
    if any(best["score"] - other["score"] < LEAD for other in others):
        return "Another record is nearly as likely"
    return "Critical" if is_critical(item.domain, item.source.values) else ""


def _differing(domain: str, items: Sequence[WorkItem], goldens: Mapping[int, GoldenRecord]) -> set[int]:
    """Items of which some field says one thing here and another there."""
    spec = DOMAINS[domain]
    sources: list[SourceRecord] = [item.source for item in items if item.source is not None]
    stated = agreement.stated_by_all(domain, sources)
    values = load_values(domain, sorted({golden.pk for golden in goldens.values()}))
    names = agreement.names_of(spec, [*stated.values(), *values.values()])

    def agrees(item: WorkItem) -> bool:
        mine: Mapping[str, Any] = stated[item.source_id or 0]
        theirs: Mapping[str, Any] = values.get(goldens[item.pk].pk, {})
        evidence = {str(e["field"]): e for e in item.candidates[0].get("evidence", [])}
        levels = (
            agreement.level(domain, field, theirs.get(field.name), mine.get(field.name), names=names, evidence=evidence)
            for field in spec.fields
            if field.name != "supplier_parts"  # these survive by union
        )
        return all(level in agreement.AGREED for level, _ in levels)

    return {item.pk for item in items if not agrees(item)}
