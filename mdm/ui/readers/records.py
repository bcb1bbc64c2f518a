"""Lists of golden records: keyset pages of one domain, and search by name, code or public id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from mdm import search
from mdm.canonical import DOMAINS, Domain, Field, Kind
from mdm.models import GoldenRecord
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
        matching = matching.filter(search.matching(domain.name, query))
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


@dataclass(frozen=True, slots=True)
class Found:
    domain: Domain
    records: tuple[search.Hit, ...]
    more: bool


def exact(query: str) -> GoldenRecord | None:
    """The one record that a public id or a code names, if it is one."""
    text = query.strip()
    if PUBLIC_ID.fullmatch(text):
        return GoldenRecord.objects.filter(public_id=text.upper()).first()
    ids = {golden for golden, *_ in search.with_code(text, list(DOMAINS))}
    return GoldenRecord.objects.get(pk=ids.pop()) if len(ids) == 1 else None


def find(query: str, each: int = 8) -> list[Found]:
    """The live records of every domain that match best."""
    found = []
    for domain in sorted(DOMAINS.values(), key=lambda d: -d.order):
        hits = tuple(search.search(domain.name, query, limit=each + 1, status=("live",)))
        if hits:
            found.append(Found(domain, hits[:each], len(hits) > each))
    return found
