"""Quality measured: per domain and dimension, how many live records keep which rule, day by day.

What one record keeps and breaks is ``mdm.services.record_quality``, by the same rules and the same score.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from mdm.canonical import DOMAINS, Field
from mdm.models import (
    ATTRIBUTES,
    Crosswalk,
    GoldenRecord,
    Ingest,
    QualityIssue,
    QualityMeasure,
    SourceRecord,
    WorkItem,
)
from mdm.policies import REQUIRED

FRESH_FOR = dt.timedelta(days=30)
IMPORTANT: dict[str, tuple[str, ...]] = {
    "item": ("manufacturer", "catalogue_number", "gtin", "base_uom", "unspsc", "latex"),
    "supplier": ("supplier_type", "ein", "phone", "payment_terms"),
    "location": ("location_type", "parent", "cost_center", "gln"),
    "cost_center": ("name", "legal_entity", "department", "parent"),
}
ISSUES = {
    "packaging": "Every packaging level says how many it holds",
    "unknown_reference": "Every record it names is known",
    "cycle": "No record is its own ancestor",
}

Records = QuerySet[GoldenRecord]


class Dimension(StrEnum):
    COMPLETE = "complete"
    VALID = "valid"
    UNIQUE = "unique"
    CONSISTENT = "consistent"
    TIMELY = "timely"


@dataclass(frozen=True, slots=True)
class Rule:
    """``floor``: the share in percent below which the rule counts as broken. ``applies``: which golden records it is
    asked of, of those that are live; ``fails``: which of these break it. Both hold for a population and for one record.
    """

    name: str
    domain: str
    dimension: Dimension
    label: str
    floor: int
    applies: Q
    fails: Q

    def population(self) -> Records:
        live = GoldenRecord.objects.filter(domain=self.domain, status=GoldenRecord.Status.LIVE)
        return live.filter(self.applies)

    def failing(self) -> Records:
        return self.population().filter(self.fails)


def rules() -> list[Rule]:
    """Every rule, domain by domain."""
    return [rule for domain in sorted(DOMAINS, key=lambda d: -DOMAINS[d].order) for rule in rules_of(domain)]


@cache
def rules_of(domain: str) -> tuple[Rule, ...]:
    return (
        *_complete(domain), *_valid(domain), *_unique(domain), *_consistent(domain), _timely(domain), _in_time(domain),
    )  # fmt: skip


def rule(domain: str, name: str) -> Rule | None:
    return next((one for one in rules_of(domain) if one.name == name), None)


def score(shares: Iterable[tuple[Dimension, float]]) -> float | None:
    """The one score of Concord, of a domain and of a record: each dimension is the mean of its rules, the score the
    mean of the dimensions. So no dimension weighs more for having more rules. None of nothing.
    """
    grouped: dict[Dimension, list[float]] = defaultdict(list)
    for dimension, share in shares:
        grouped[dimension].append(share)
    means = [sum(shares) / len(shares) for shares in grouped.values()]
    return sum(means) / len(means) if means else None


@transaction.atomic
def measure(*, day: dt.date | None = None) -> int:
    """Measure every rule as it is now, as of a day (today); again on the same day it replaces the figures."""
    day = day or timezone.localdate()
    rows = []
    for one in rules():
        total = one.population().count()
        failing = one.failing().count() if total else 0
        rows.append(QualityMeasure(domain=one.domain, rule=one.name, day=day, passing=total - failing, total=total))
    made = QualityMeasure.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["domain", "rule", "day"], update_fields=["passing", "total"]
    )
    return len(made)


# --------------------------------------------------------------------------------------------------------------- rules


EVERYTHING = Q()


def _complete(domain: str) -> list[Rule]:
    fields = DOMAINS[domain].by_name
    names = dict.fromkeys((*REQUIRED[domain], *IMPORTANT[domain]))
    found = [
        Rule(
            f"stated.{name}", domain, Dimension.COMPLETE, f"{fields[name].label} is stated",
            95 if name in REQUIRED[domain] else 60, EVERYTHING, _unstated(domain, fields[name]),
        )
        for name in names
        if name in fields
    ]  # fmt: skip
    if domain == "item":
        found.append(
            Rule(
                "implant.udi", domain, Dimension.COMPLETE, "Implants carry a UDI-DI", 98,
                Q(item__implant=True), _unstated(domain, fields["udi_di"]),
            )
        )  # fmt: skip
    return found


def _unstated(domain: str, spec: Field) -> Q:
    column = f"{domain}__{spec.name}"
    nullable = ATTRIBUTES[domain]._meta.get_field(spec.name).null
    return Q(**{f"{column}__isnull": True}) if nullable else Q(**{column: ""})


def _valid(domain: str) -> list[Rule]:
    return [
        Rule(
            f"valid.{spec.name}", domain, Dimension.VALID, f"{spec.label} has a valid check digit and form", 90,
            ~_unstated(domain, spec), _with_issue("invalid_identifier", spec.name),
        )
        for spec in DOMAINS[domain].identifiers
    ]  # fmt: skip


def _with_issue(rule: str, path: str = "") -> Q:
    issues = QualityIssue.objects.filter(golden=OuterRef("pk"), rule=rule, closed_at__isnull=True)
    return Q(Exists(issues.filter(path=path) if path else issues))


def _unique(domain: str) -> list[Rule]:
    live = WorkItem.objects.filter(kind=WorkItem.Kind.POSSIBLE_DUPLICATE, state__in=WorkItem.LIVE)
    found = [
        Rule(
            "no_duplicate", domain, Dimension.UNIQUE, "No open question whether another record is the same", 95,
            EVERYTHING, Q(Exists(live.filter(golden=OuterRef("pk")))) | Q(Exists(live.filter(other=OuterRef("pk")))),
        )
    ]  # fmt: skip
    return found + [
        Rule(
            f"unique.{spec.name}", domain, Dimension.UNIQUE, f"One golden record per {spec.label}", 95,
            ~_unstated(domain, spec), _shared(domain, spec),
        )
        for spec in DOMAINS[domain].identifiers
    ]  # fmt: skip


def _shared(domain: str, spec: Field) -> Q:
    """Another live record has the same identifier in the crosswalk, which is where all that are valid are indexed, in
    their one spelling.
    """
    known = Crosswalk.objects.filter(
        code_system__kind=spec.scheme, code_system__domain=domain, known_to__isnull=True, valid_to__isnull=True
    )
    same = Crosswalk.objects.filter(
        code_system=OuterRef("code_system"), code=OuterRef("code"), known_to__isnull=True, valid_to__isnull=True
    )
    others = same.filter(golden__status=GoldenRecord.Status.LIVE).exclude(golden=OuterRef("golden"))
    return Q(Exists(known.filter(Exists(others), golden=OuterRef("pk"))))


def _consistent(domain: str) -> list[Rule]:
    wanted = [name for name in ISSUES if name != "packaging" or domain == "item"]
    return [
        Rule(f"no_{name}", domain, Dimension.CONSISTENT, ISSUES[name], 95, EVERYTHING, _with_issue(name))
        for name in wanted
    ]


def _timely(domain: str) -> Rule:
    """A repeated feed writes nothing to its records, so it is the feed that tells whether they are up to date."""
    recent = Ingest.objects.filter(code_system=OuterRef("code_system"), started_at__gte=Now() - FRESH_FOR)
    kept = SourceRecord.objects.filter(Exists(recent), golden=OuterRef("pk"))
    label = f"A system that keeps it has sent a feed within {FRESH_FOR.days} days"
    fails = ~Exists(kept.exclude(state=SourceRecord.State.RETIRED))
    return Rule("fresh", domain, Dimension.TIMELY, label, 90, EVERYTHING, Q(fails))


def _in_time(domain: str) -> Rule:
    overdue = WorkItem.objects.filter(golden=OuterRef("pk"), state=WorkItem.State.OPEN, due_at__lt=Now())
    return Rule(
        "reviewed", domain, Dimension.TIMELY, "No review about it is overdue", 95, EVERYTHING, Q(Exists(overdue))
    )
