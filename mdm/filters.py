"""Which golden records of a domain somebody wants: state, words, values of attributes, the system that knows them.

One description for lists, exports and bulk actions. Every condition is served by an index or by the list's own order,
so a page costs the same at a thousand records and at a million.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.http import urlencode

from mdm import search
from mdm.canonical import DOMAINS, Domain, Field, Kind
from mdm.models import GoldenRecord, QualityIssue, SourceRecord, SourceSystem

STATUSES = ("live", "draft", "retired", "merged")
QUERY_LENGTH = 200
UNSTATED = "-"
PREFIX = "f."

FACETS: dict[str, tuple[str, ...]] = {
    "item": ("lifecycle", "latex", "implant", "sterile", "mri_safety"),
    "supplier": ("supplier_type", "lifecycle"),
    "location": ("location_type", "lifecycle"),
    "cost_center": ("lifecycle",),
}


@dataclass(frozen=True)
class Filter:
    domain: Domain
    status: str = "live"
    query: str = ""
    values: Mapping[str, str] = field(default_factory=dict)  # facet: a choice, "yes", "no", or UNSTATED
    system: str = ""  # a source system that has sent a record of it
    issues: bool = False  # only with an open quality issue

    @property
    def is_plain(self) -> bool:
        return not (self.query or self.values or self.system or self.issues)

    @property
    def parameters(self) -> dict[str, str]:
        """As an address carries them; ``parse`` reads them back."""
        said = {"status": self.status, "q": self.query, "system": self.system, "issues": "1" if self.issues else ""}
        said |= {f"{PREFIX}{name}": value for name, value in self.values.items()}
        return {name: value for name, value in said.items() if value}

    @property
    def address(self) -> str:
        return urlencode(self.parameters)

    @cached_property
    def _matching(self) -> Q:
        return search.matching(self.domain.name, self.query)

    def rows(self) -> QuerySet[GoldenRecord]:
        rows = GoldenRecord.objects.filter(domain=self.domain.name, status=self.status)
        if self.query:
            rows = rows.filter(self._matching)
        for name, value in self.values.items():
            rows = rows.filter(_condition(self.domain, name, value))
        if self.system:
            sent = SourceRecord.objects.filter(golden=OuterRef("pk"), code_system__system__code=self.system)
            rows = rows.filter(Exists(sent.exclude(state=SourceRecord.State.RETIRED)))
        if self.issues:
            rows = rows.filter(Exists(QualityIssue.objects.filter(golden=OuterRef("pk"), closed_at__isnull=True)))
        return rows


def parse(domain: str, said: Mapping[str, Any]) -> Filter:
    """What an address asks for. What makes no sense is left out: a list never answers with an error."""
    spec = DOMAINS[domain]
    status, system = str(said.get("status") or ""), str(said.get("system") or "")
    return Filter(
        domain=spec,
        status=status if status in STATUSES else STATUSES[0],
        query=str(said.get("q") or "").replace("\x00", "").strip()[:QUERY_LENGTH],
        values={f.name: v for f in facets(spec) if (v := str(said.get(f"{PREFIX}{f.name}") or "")) in _allowed(f)},
        system=system if system and SourceSystem.objects.filter(code=system[:40]).exists() else "",
        issues=bool(said.get("issues")),
    )


def facets(domain: Domain) -> list[Field]:
    return [domain.by_name[name] for name in FACETS[domain.name]]


def options(spec: Field) -> list[tuple[str, str]]:
    """Value and words of each choice of a facet."""
    stated = [("yes", "Yes"), ("no", "No")] if spec.kind is Kind.BOOLEAN else list(spec.choices)
    return [*stated, (UNSTATED, "Not stated")]


def _allowed(spec: Field) -> set[str]:
    return {value for value, _ in options(spec)}


def _condition(domain: Domain, name: str, value: str) -> Q:
    column = f"{domain.name}__{name}"
    if domain.by_name[name].kind is Kind.BOOLEAN:
        return Q(**{column: {"yes": True, "no": False}.get(value)})
    return Q(**{column: "" if value == UNSTATED else value})
