"""Codes that records name, but that no system has sent a record of: what waits for each, and what it may mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from mdm import search
from mdm.canonical import DOMAINS
from mdm.models import CodeSystem, GoldenRecord, PendingReference
from mdm.ui.readers.counting import EXACT_UP_TO, count_distinct
from mdm.ui.readers.counting import Count as Number

PAGE = 50
WAITING_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A code that nobody knows, and how many records wait for it."""

    system: CodeSystem
    code: str
    waiting: int

    @property
    def domain(self) -> Any:
        return DOMAINS[self.system.domain]


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Unmapped]
    following: str  # "<code system id>/<code>" to page on from


def _grouped() -> Any:
    rows = PendingReference.objects.order_by().values("code_system", "code")
    return rows.annotate(waiting=Count("golden", distinct=True))


def _rows(found: Sequence[dict[str, Any]]) -> list[Unmapped]:
    systems = CodeSystem.objects.select_related("system").in_bulk({row["code_system"] for row in found})
    return [Unmapped(systems[row["code_system"]], row["code"], row["waiting"]) for row in found]


def most(number: int) -> list[Unmapped]:
    """The codes that most records wait for."""
    return _rows(list(_grouped().order_by("-waiting", "code_system", "code")[:number]))


def total(limit: int = EXACT_UP_TO) -> Number:
    return count_distinct(PendingReference.objects.all(), "code_system", "code", limit=limit)


def page_of(system: str = "", after: str = "") -> Page:
    """Codes by system and code, off the index."""
    rows = _grouped()
    if system:
        rows = rows.filter(code_system__slug=system)
    at, _, code = after.partition("/")
    if at.isdecimal():
        rows = rows.filter(Q(code_system__gt=int(at)) | Q(code_system=int(at), code__gt=code))
    found = list(rows.order_by("code_system", "code")[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    return Page(_rows(found[:PAGE]), f"{last['code_system']}/{last['code']}" if last else "")


def systems() -> list[CodeSystem]:
    """Code systems that have unmapped codes."""
    wanted = PendingReference.objects.order_by().values_list("code_system", flat=True).distinct()
    return list(CodeSystem.objects.filter(pk__in=list(wanted)).select_related("system"))


def waiting(system: CodeSystem, code: str) -> list[GoldenRecord]:
    """Records that name the code."""
    named = PendingReference.objects.filter(code_system=system, code=code).values("golden")
    return list(GoldenRecord.objects.filter(pk__in=named).order_by("name", "pk")[:WAITING_SHOWN])


def meanings(system: CodeSystem, text: str) -> list[search.Hit]:
    """Live records of the code's domain that the text may mean."""
    return search.search(system.domain, text, limit=8, status=("live",)) if text.strip() else []
