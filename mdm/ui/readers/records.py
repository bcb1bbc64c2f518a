"""Lists of golden records: keyset pages of one domain, and search by name, code or public id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from mdm.canonical import DOMAINS, Domain, Field, Kind
from mdm.models import CodeSystem, Crosswalk, GoldenRecord
from mdm.ui.readers.counting import Count, count

PAGE = 50
STATUSES = ("live", "draft", "retired", "merged")
PUBLIC_ID = re.compile(r"MDM-[A-Z]{2}-\d{4,}", re.IGNORECASE)

# What a list shows next to the name: enough to tell siblings apart.
COLUMNS: dict[str, tuple[str, ...]] = {
    "item": ("manufacturer", "catalogue_number", "gtin", "base_uom"),
    "supplier": ("supplier_type", "ein", "gln", "phone"),
    "location": ("location_type", "parent", "gln", "cost_center"),
    "cost_center": ("code", "legal_entity", "department", "parent"),
}


@dataclass(frozen=True, slots=True)
class Row:
    record: GoldenRecord
    cells: tuple[tuple[Field, Any], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """``previous`` and ``following`` are public ids to page from, or empty."""

    rows: tuple[Row, ...]
    previous: str
    following: str
    total: Count


def columns(domain: Domain) -> tuple[Field, ...]:
    return tuple(domain.by_name[name] for name in COLUMNS[domain.name])


def page_of(domain: Domain, status: str, query: str = "", after: str = "", before: str = "") -> Page:
    """One page by name. At most four queries, none of which reads more than a page or the counting limit.

    Args:
        after, before: the public id of the record that the page follows or precedes.
    """
    matching = GoldenRecord.objects.filter(domain=domain.name, status=status)
    if query:
        matching = matching.filter(_says(domain, query))
    records = list(_slice(matching, after, before).select_related(*_joins(domain))[: PAGE + 1])
    more, records = len(records) > PAGE, records[:PAGE]
    if before:
        records.reverse()
    back, ahead = (more, True) if before else (bool(after), more)
    rows = tuple(Row(r, _cells(domain, r)) for r in records)
    previous = records[0].public_id if records and back else ""
    following = records[-1].public_id if records and ahead else ""
    return Page(rows, previous, following, count(matching))


def _slice(matching: QuerySet[GoldenRecord], after: str, before: str) -> QuerySet[GoldenRecord]:
    at = GoldenRecord.objects.filter(public_id=after or before).values_list("name", "pk").first()
    if at and after:
        matching = matching.filter(Q(name__gt=at[0]) | Q(name=at[0], pk__gt=at[1]))
    elif at:
        matching = matching.filter(Q(name__lt=at[0]) | Q(name=at[0], pk__lt=at[1]))
        return matching.order_by("-name", "-pk")
    return matching.order_by("name", "pk")


def _joins(domain: Domain) -> list[str]:
    shown = COLUMNS[domain.name]
    return [domain.name, *(f"{domain.name}__{f.name}" for f in domain.references if f.name in shown)]


def _cells(domain: Domain, record: GoldenRecord) -> tuple[tuple[Field, Any], ...]:
    return tuple((spec, _cell(spec, record)) for spec in columns(domain))


def _cell(spec: Field, record: GoldenRecord) -> Any:
    value = getattr(record.attributes, spec.name)
    if spec.kind is Kind.REFERENCE and value:
        return {"id": value.public_id, "name": value.name}
    return value


def _says(domain: Domain, query: str) -> Q:
    """Every word in the name, in any order (served by the trigram index), or one of the codes."""
    words = Q()
    for word in query.split():
        words &= Q(name__icontains=word)
    return words | Q(pk__in=with_code(query, [domain.name])) | Q(public_id__iexact=query.strip())


def with_code(query: str, domains: Sequence[str]) -> list[int]:
    """Golden ids of which this is a code now, in any system of these domains. Two queries."""
    condition = Q(pk__in=[])
    for system in CodeSystem.objects.filter(domain__in=domains):
        if code := system.normalise(query):
            condition |= Q(code_system=system, code=code)
    live = Crosswalk.objects.filter(condition, known_to__isnull=True, valid_to__isnull=True)
    return list(live.values_list("golden", flat=True)[:PAGE])


@dataclass(frozen=True, slots=True)
class Found:
    domain: Domain
    records: tuple[GoldenRecord, ...]
    more: bool


def exact(query: str) -> GoldenRecord | None:
    """The one record that a public id or a code names, if it is one."""
    text = query.strip()
    if PUBLIC_ID.fullmatch(text):
        return GoldenRecord.objects.filter(public_id=text.upper()).first()
    ids = set(with_code(text, list(DOMAINS)))
    return GoldenRecord.objects.get(pk=ids.pop()) if len(ids) == 1 else None


def search(query: str, each: int = 8) -> list[Found]:
    """The first live records of every domain that match."""
    found = []
    for domain in sorted(DOMAINS.values(), key=lambda d: -d.order):
        live = GoldenRecord.objects.filter(_says(domain, query), domain=domain.name, status="live")
        records = tuple(live.order_by("name", "pk")[: each + 1])
        if records:
            found.append(Found(domain, records[:each], len(records) > each))
    return found
