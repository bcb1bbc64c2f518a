"""References follow what they name: to the survivor of a merge in the background, back at once when it is undone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from django.db import models, transaction

from mdm.canonical import DOMAINS, Kind
from mdm.changes import Change
from mdm.models import ATTRIBUTES, GoldenRecord, User
from mdm.rows import CHILD_TABLES
from mdm.services.references import waiting_for
from mdm.services.survive import recompute

BATCH = 500
Status = GoldenRecord.Status


def _references(domain: str) -> Iterator[tuple[models.Manager[models.Model], str, str, str]]:
    """(rows, column of the record that names, reference, domain of the record named) of every reference of a domain."""
    for spec in DOMAINS[domain].references:
        yield ATTRIBUTES[domain]._default_manager, "golden_id", spec.name, spec.domain
    for table in CHILD_TABLES[domain]:
        for child in table.spec.children:
            if child.kind is Kind.REFERENCE:
                yield table.model._default_manager, table.parent, child.name, child.domain


@transaction.atomic
def follow_merges(*, limit: int = BATCH) -> int:
    """Rebuild some of the records that name a merged one; returns how many changed. Call it until it returns 0."""
    change = Change.begin(User.objects.system(), "references.followed", "What it names was merged")
    changed = 0
    for domain in DOMAINS:
        ids: set[int] = set()
        for rows, record, name, _ in _references(domain):
            outdated = rows.filter(**{f"{name}__status": Status.MERGED}).order_by(record)
            ids |= set(outdated.values_list(record, flat=True)[:limit])
        living = GoldenRecord.objects.filter(pk__in=ids, status__in=(Status.DRAFT, Status.LIVE)).order_by("pk")
        changed += len(recompute(change, domain, list(living.values_list("pk", flat=True)[:limit])))
    return changed


def rebuild_naming(change: Change, golden: GoldenRecord) -> None:
    """Rebuild the records that name this one, of whose codes some mean another record now."""
    for domain in DOMAINS:
        ids: set[int] = set()
        for rows, record, name, named in _references(domain):
            if named == golden.domain:
                ids |= set(rows.filter(**{f"{name}_id": golden.pk}).values_list(record, flat=True))
        recompute(change, domain, ids)


def rebuild_waiting(change: Change, codes: Iterable[tuple[int, str]]) -> None:
    """Rebuild the records that wait for one of these (code system id, code), whatever their domain."""
    waiting = GoldenRecord.objects.filter(pk__in=waiting_for(codes))
    by_domain: dict[str, list[int]] = defaultdict(list)
    for domain, pk in waiting.values_list("domain", "pk"):
        by_domain[domain].append(pk)
    for domain, ids in sorted(by_domain.items()):
        recompute(change, domain, ids)
