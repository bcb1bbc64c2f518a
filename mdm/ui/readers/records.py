"""Lists of golden records: keyset pages of one domain, facets, and search by name, code or public id."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count as Number
from django.db.models import Q, QuerySet

from mdm import filters, search
from mdm.canonical import DOMAINS, LISTED, Domain, Field, Kind
from mdm.filters import Filter
from mdm.models import GoldenRecord, SourceSystem
from mdm.ui.readers.counting import EXACT_UP_TO, Count, count

PAGE = 50
MOST_COLUMNS = 8
COUNTED = 2_000  # records up to which a filtered list and its facets are counted
STATUSES = filters.STATUSES
PUBLIC_ID = re.compile(r"MDM-[A-Z]{2}-\d{4,}", re.IGNORECASE)

# What a list shows next to the name unless somebody chose otherwise: enough to tell siblings apart.
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


@dataclass(frozen=True, slots=True)
class Facet:
    """An attribute to narrow a list by: value, words and, where the list is short enough to count, number."""

    field: Field
    chosen: str
    options: tuple[tuple[str, str, int | None], ...]

    @property
    def name(self) -> str:
        return f"{filters.PREFIX}{self.field.name}"


def choosable(domain: Domain) -> list[Field]:
    """What a list can show."""
    return [f for f in domain.fields if f.kind not in (Kind.CHILDREN, Kind.LIST)]


def columns(domain: Domain, chosen: Sequence[str] = ()) -> tuple[Field, ...]:
    """The columns somebody chose, else the usual ones."""
    known = {f.name: f for f in choosable(domain)}
    wanted = [name for name in chosen if name in known] or COLUMNS[domain.name]
    return tuple(known[name] for name in wanted[:MOST_COLUMNS])


def page_of(wanted: Filter, shown: Sequence[Field], after: str = "", before: str = "") -> Page:
    """One page by name. At most four queries, none of which reads more than a page or the counting limit.

    Args:
        after, before: the public id of the record that the page follows or precedes.
    """
    matching, domain = wanted.rows(), wanted.domain
    records = list(_slice(matching, after, before).select_related(*_joins(domain, shown))[: PAGE + 1])
    more, records = len(records) > PAGE, records[:PAGE]
    if before:
        records.reverse()
    back, ahead = (more, True) if before else (bool(after), more)
    rows = tuple(Row(r, tuple((spec, cell(spec, r)) for spec in shown)) for r in records)
    previous = records[0].public_id if records and back else ""
    following = records[-1].public_id if records and ahead else ""
    limit = EXACT_UP_TO if wanted.is_plain else COUNTED  # a filter's rows lie apart, so each costs a read
    return Page(rows, previous, following, count(matching, limit))


def facets(wanted: Filter, total: Count) -> list[Facet]:
    """The facets of a list. Counted in one query where the list is short enough to be counted exactly."""
    specs = filters.facets(wanted.domain)
    numbers = _numbers(wanted, specs) if total.exact and 0 < total.number <= COUNTED else None
    return [_facet(wanted, spec, numbers[spec.name] if numbers else None) for spec in specs]


def _facet(wanted: Filter, spec: Field, numbers: Counter[str] | None) -> Facet:
    options = (
        (value, words, numbers[value] if numbers is not None else None) for value, words in filters.options(spec)
    )
    return Facet(spec, wanted.values.get(spec.name, ""), tuple(o for o in options if o[2] != 0))


def _numbers(wanted: Filter, specs: Sequence[Field]) -> dict[str, Counter[str]]:
    paths = [f"{wanted.domain.name}__{spec.name}" for spec in specs]
    found: dict[str, Counter[str]] = {spec.name: Counter() for spec in specs}
    for *values, number in wanted.rows().order_by().values_list(*paths).annotate(n=Number("pk")):
        for spec, value in zip(specs, values, strict=True):
            said = ("yes" if value else "no") if isinstance(value, bool) else str(value or "")
            found[spec.name][said or filters.UNSTATED] += number
    return found


def systems() -> list[tuple[str, str]]:
    return list(SourceSystem.objects.filter(active=True).values_list("code", "name"))


def _slice(matching: QuerySet[GoldenRecord], after: str, before: str) -> QuerySet[GoldenRecord]:
    if not (after or before):
        return matching.order_by("name", "pk")
    at = GoldenRecord.objects.filter(public_id=after or before).values_list("name", "pk").first()
    # the plain bound on the name lets the index begin there; the alternatives alone are a filter on all before it
    if at and after:
        matching = matching.filter(Q(name__gt=at[0]) | Q(pk__gt=at[1]), name__gte=at[0])
    elif at:
        matching = matching.filter(Q(name__lt=at[0]) | Q(pk__lt=at[1]), name__lte=at[0])
        return matching.order_by("-name", "-pk")
    return matching.order_by("name", "pk")


def _joins(domain: Domain, shown: Sequence[Field]) -> list[str]:
    references = [f"{domain.name}__{f.name}" for f in shown if f.kind is Kind.REFERENCE]
    return [domain.name, *references]


def cell(spec: Field, record: GoldenRecord) -> Any:
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
    for domain in LISTED:
        hits = tuple(search.search(domain.name, query, limit=each + 1, status=("live",)))
        if hits:
            found.append(Found(domain, hits[:each], len(hits) > each))
    return found
