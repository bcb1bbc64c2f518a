"""Quality measured: per domain and dimension, how many live records keep which rule, day by day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from mdm.canonical import DOMAINS, Field, Kind
from mdm.models import ATTRIBUTES, GoldenRecord, Ingest, QualityIssue, QualityMeasure, SourceRecord, WorkItem
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
    """``floor``: the share in percent below which the rule counts as broken. ``applies``: what it is asked of, among
    live records; ``fails``: what breaks it, among these.
    """

    name: str
    domain: str
    dimension: Dimension
    label: str
    floor: int
    applies: Callable[[Records], Records]
    fails: Callable[[Records], Records]

    def population(self) -> Records:
        live = GoldenRecord.objects.filter(domain=self.domain, status=GoldenRecord.Status.LIVE)
        return self.applies(live)

    def failing(self) -> Records:
        return self.fails(self.population())


def rules(domain: str = "") -> list[Rule]:
    """Every rule, or those of one domain."""
    found = []
    for name in [domain] if domain else sorted(DOMAINS, key=lambda d: -DOMAINS[d].order):
        found += [*_complete(name), *_valid(name), *_unique(name), *_consistent(name), _timely(name), _in_time(name)]
    return found


def rule(domain: str, name: str) -> Rule | None:
    return next((one for one in rules(domain) if one.name == name), None)


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


def _everything(records: Records) -> Records:
    return records


def _complete(domain: str) -> list[Rule]:
    fields = DOMAINS[domain].by_name
    names = dict.fromkeys((*REQUIRED[domain], *IMPORTANT[domain]))
    found = [
        Rule(
            f"stated.{name}", domain, Dimension.COMPLETE, f"{fields[name].label} is stated",
            95 if name in REQUIRED[domain] else 60, _everything, _unstated(domain, fields[name]),
        )
        for name in names
        if name in fields
    ]  # fmt: skip
    if domain == "item":
        found.append(
            Rule(
                "implant.udi", domain, Dimension.COMPLETE, "Implants carry a UDI-DI", 98,
                lambda records: records.filter(item__implant=True), _unstated(domain, fields["udi_di"]),
            )
        )  # fmt: skip
    return found


def _unstated(domain: str, spec: Field) -> Callable[[Records], Records]:
    column = f"{domain}__{spec.name}"
    nullable = ATTRIBUTES[domain]._meta.get_field(spec.name).null
    missing = Q(**{f"{column}__isnull": True}) if nullable else Q(**{column: ""})
    return lambda records: records.filter(missing)


def _stated(domain: str, spec: Field) -> Callable[[Records], Records]:
    fails = _unstated(domain, spec)
    return lambda records: records.exclude(pk__in=fails(records).values("pk"))


def _valid(domain: str) -> list[Rule]:
    return [
        Rule(
            f"valid.{spec.name}", domain, Dimension.VALID, f"{spec.label} has a valid check digit and form", 90,
            _stated(domain, spec), _with_issue("invalid_identifier", spec.name),
        )
        for spec in DOMAINS[domain].fields
        if spec.kind is Kind.IDENTIFIER
    ]  # fmt: skip


def _with_issue(rule: str, path: str = "") -> Callable[[Records], Records]:
    issues = QualityIssue.objects.filter(golden=OuterRef("pk"), rule=rule, closed_at__isnull=True)
    asked = Exists(issues.filter(path=path) if path else issues)
    return lambda records: records.filter(asked)


def _unique(domain: str) -> list[Rule]:
    live = WorkItem.objects.filter(kind=WorkItem.Kind.POSSIBLE_DUPLICATE, state__in=WorkItem.LIVE)
    doubled = Exists(live.filter(Q(golden=OuterRef("pk")) | Q(other=OuterRef("pk"))))
    found = [
        Rule(
            "no_duplicate", domain, Dimension.UNIQUE, "No open question whether another record is the same", 95,
            _everything, lambda records: records.filter(doubled),
        )
    ]  # fmt: skip
    return found + [
        Rule(
            f"unique.{spec.name}", domain, Dimension.UNIQUE, f"One golden record per {spec.label}", 95,
            _stated(domain, spec), _shared(domain, spec),
        )
        for spec in DOMAINS[domain].fields
        if spec.kind is Kind.IDENTIFIER
    ]  # fmt: skip


def _shared(domain: str, spec: Field) -> Callable[[Records], Records]:
    column = f"{domain}__{spec.name}"

    def fails(records: Records) -> Records:
        shared = records.order_by().values(column).annotate(n=Count("pk")).filter(n__gt=1).values(column)
        return records.filter(**{f"{column}__in": shared})

    return fails


def _consistent(domain: str) -> list[Rule]:
    wanted = [name for name in ISSUES if name != "packaging" or domain == "item"]
    return [
        Rule(f"no_{name}", domain, Dimension.CONSISTENT, ISSUES[name], 95, _everything, _with_issue(name))
        for name in wanted
    ]


def _timely(domain: str) -> Rule:
    """A repeated feed writes nothing to its records, so it is the feed that tells whether they are up to date."""
    kept = SourceRecord.objects.filter(golden=OuterRef("pk")).exclude(state=SourceRecord.State.RETIRED)

    def fails(records: Records) -> Records:
        recent = Ingest.objects.filter(code_system__domain=domain, started_at__gte=timezone.now() - FRESH_FOR)
        return records.exclude(Exists(kept.filter(code_system__in=recent.values("code_system"))))

    label = f"A system that keeps it has sent a feed within {FRESH_FOR.days} days"
    return Rule("fresh", domain, Dimension.TIMELY, label, 90, _everything, fails)


def _in_time(domain: str) -> Rule:
    waiting = WorkItem.objects.filter(golden=OuterRef("pk"), state=WorkItem.State.OPEN).order_by()

    def fails(records: Records) -> Records:
        return records.filter(Exists(waiting.filter(due_at__lt=timezone.now())))

    label = "No review about it is overdue"
    return Rule("reviewed", domain, Dimension.TIMELY, label, 95, _everything, fails)
