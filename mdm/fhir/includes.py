"""``_include`` and ``_revinclude``: what the records of a page are part of, and what is part of them (R4, search.html).

That is the one reference among the resources of a type. Items name their maker and supplier by name and identifier.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rest_framework.exceptions import ValidationError

from mdm.models import ATTRIBUTES, GoldenRecord

NAMES = ("_include", "_revinclude")
MODIFIERS = ("", "iterate", "recurse")  # the last is what STU3 calls it
MOST = 1_000  # records that come along with a page
HAVING = ("Organization", "Location")  # types that have ``partof``
Domains = tuple[str, ...]


class TooMany(ValidationError):
    def __init__(self) -> None:
        super().__init__({"_revinclude": f"More than {MOST} records would come along. Ask for fewer with _count."})


@dataclass(frozen=True, slots=True)
class Include:
    up: bool  # to what it is part of; else down to what is part of it
    iterate: bool  # and so on from there


def known(resource: str) -> list[str]:
    """What may be asked for, as the CapabilityStatement has it."""
    return [f"{resource}:partof"] if resource in HAVING else []


def parse(resource: str, name: str, values: Iterable[str]) -> list[Include]:
    """Raises ``ValidationError``."""
    base, _, modifier = name.partition(":")
    if modifier not in MODIFIERS:
        raise ValidationError({name[:80]: "The one modifier is :iterate."})
    for value in values:
        if value not in (*known(resource), *(f"{one}:{resource}" for one in known(resource)), "*"):
            possible = " or ".join(known(resource)) or "none"
            raise ValidationError({name: f"Not {value[:80]!r}; possible: {possible}."})
    return [Include(up=base == "_include", iterate=bool(modifier))]


def found(wanted: Sequence[Include], records: Collection[GoldenRecord], domains: Domains) -> list[GoldenRecord]:
    """The records that come along with these, each once, none of these themselves. Raises ``TooMany``."""
    if not wanted:
        return []
    page = {record.pk for record in records}
    seen: set[int] = set()
    for one in wanted:
        fresh = page
        while fresh:
            fresh = _next(fresh, one, domains) - seen - page
            seen |= fresh
            if len(seen) > MOST:
                raise TooMany
            if not one.iterate:
                break
    shown = GoldenRecord.objects.filter(pk__in=seen, domain__in=domains, approved_version__gt=0)
    return list(shown.order_by("public_id").only("public_id", "domain", "name", "version", "updated_at"))


def _next(pks: set[int], include: Include, domains: Domains) -> set[int]:
    """The records one step up or down."""
    along: set[int] = set()
    for domain in domains:
        rows: Any = ATTRIBUTES[domain]._default_manager
        if include.up:
            along |= set(rows.filter(golden__in=pks, parent__isnull=False).values_list("parent", flat=True))
        else:
            along |= set(rows.filter(parent__in=pks).values_list("golden", flat=True)[: MOST + 1])
    return along
