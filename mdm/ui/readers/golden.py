"""Everything about one golden record, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from mdm.canonical import DOMAINS, Domain, Field, Kind
from mdm.conversion import Ladder
from mdm.known import Known
from mdm.models import (
    ATTRIBUTES,
    AuditEntry,
    Crosswalk,
    GoldenRecord,
    Override,
    QualityIssue,
    Relation,
    SourceRecord,
    SourceSystem,
    Substitution,
    WorkItem,
)
from mdm.services import publish, record_quality
from mdm.ui import words
from mdm.ui.readers import children

DEPTH = 12  # of a hierarchy; cycles are refused when written, this only bounds the query


@dataclass(frozen=True, slots=True)
class Origin:
    """Who stands behind a value."""

    name: str
    kind: str  # of the source system, "steward" for a person
    at: str
    source: int | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """A value that lost."""

    text: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Attribute:
    field: Field
    label: str
    path: str
    text: str
    link: str  # public id of the record it refers to
    origin: Origin | None
    reason: str
    note: str
    invalid: str
    others: tuple[Other, ...]
    override: Override | None

    @property
    def stated(self) -> bool:
        return self.text != words.EMPTY

    @property
    def by_person(self) -> bool:
        return self.origin is not None and self.origin.kind == "steward"


@dataclass(frozen=True, slots=True)
class Code:
    row: Crosswalk
    factor: Fraction | None  # base units in one of its unit

    @property
    def ended(self) -> bool:
        return self.row.valid_to is not None and self.row.valid_to <= timezone.localdate()

    @property
    def state(self) -> tuple[str, str]:
        """Tone and words of its validity today."""
        today = timezone.localdate()
        if self.row.valid_from > today:
            return "", "Not yet valid"
        if self.row.valid_to is None:
            return ("eq", "Preferred") if self.row.preferred else ("eq", "Also valid")
        if self.ended:
            return "ne", "Ended"
        left = (self.row.valid_to - today).days
        return "sim", f"Ends in {left} day{'' if left == 1 else 's'}"


class GoldenView:
    """One record as the screen shows it. Parts that a page leaves out are not asked for."""

    def __init__(self, record: GoldenRecord, known: Known | None = None) -> None:
        self.record, self.known = record, known or Known()
        self.domain: Domain = DOMAINS[record.domain]

    @cached_property
    def payload(self) -> dict[str, Any]:
        return publish.payload(self.record)

    @cached_property
    def values(self) -> dict[str, Any]:
        """Canonical values; references are ``{"id", "name"}``."""
        return self.payload["attributes"]

    @cached_property
    def systems(self) -> dict[str, SourceSystem]:
        """Those that code anything, which are all that a value may come from, by code."""
        return {s.code: s for s in self.known.systems.values()}

    @cached_property
    def named(self) -> dict[int, dict[str, str]]:
        """Records that losing values refer to, by golden id."""
        wanted = set()
        for spec in self.domain.references:
            why = self.record.provenance.get(spec.name) or {}
            wanted |= {o["value"] for o in why.get("others", []) if isinstance(o["value"], int)}
        rows = GoldenRecord.objects.filter(pk__in=wanted) if wanted else ()
        return {r.pk: {"id": r.public_id, "name": r.name} for r in rows}

    @cached_property
    def overrides(self) -> dict[str, Override]:
        live = Override.objects.filter(golden=self.record, withdrawn_at__isnull=True).select_related("author")
        return {o.path: o for o in live.order_by("kind")}  # a steward's value comes after a hold, and is shown

    @cached_property
    def groups(self) -> list[tuple[str, list[Attribute]]]:
        """Attributes by group, in the order of the canonical model."""
        grouped: dict[str, list[Attribute]] = {}
        for spec in self.domain.fields:
            grouped.setdefault(spec.group, []).extend(self._attributes(spec))
        return [(name, rows) for name, rows in grouped.items() if rows]

    @property
    def attributes(self) -> Iterable[Attribute]:
        return (row for _, rows in self.groups for row in rows)

    @property
    def stated(self) -> int:
        return sum(row.stated for row in self.attributes)

    @property
    def conflicting(self) -> int:
        return sum(bool(row.others) for row in self.attributes)

    def _attributes(self, spec: Field) -> list[Attribute]:
        value = self.values.get(spec.name)
        if spec.kind is not Kind.CHILDREN:
            link = value["id"] if spec.kind is Kind.REFERENCE and value else ""
            return [self._attribute(spec, spec.label, spec.name, words.display(spec, value), link)]
        rows = value or []
        return [
            self._attribute(spec, label, children.path(spec, row), text, first=number == 0)
            for number, (row, (label, text)) in enumerate(zip(rows, children.texts(spec, rows), strict=True))
        ]

    def _attribute(
        self, spec: Field, label: str, path: str, text: str, link: str = "", *, first: bool = True
    ) -> Attribute:
        """``first``: of several children, which share the losing values of the whole list."""
        why = self.record.provenance.get(spec.name) or {}
        own = next((p for k, p in self.record.provenance.items() if k.startswith(f"{path}.")), why)
        return Attribute(
            field=spec,
            label=label,
            path=path,
            text=text,
            link=link,
            origin=self._origin(own) if own else None,
            reason=own.get("reason", ""),
            note=own.get("note", ""),
            invalid=why.get("invalid", ""),
            others=self._others(spec, why) if first else (),
            override=next((o for p, o in self.overrides.items() if p == path or p.startswith(f"{path}.")), None),
        )

    @staticmethod
    def fields_of(domain: str) -> dict[str, Field]:
        return DOMAINS[domain].by_name

    def origin_of(self, name: str) -> Origin | None:
        why = self.record.provenance.get(name)
        return self._origin(why) if why else None

    def _origin(self, why: Mapping[str, Any]) -> Origin:
        if why.get("source") in ("override", "hold"):
            return Origin(why["system"], "steward", why["at"])
        system = self.systems.get(why["system"])
        name, kind = (system.name, system.kind) if system else (why["system"], "")
        return Origin(name, kind, why["at"], why.get("source"))

    def _others(self, spec: Field, why: Mapping[str, Any]) -> tuple[Other, ...]:
        return tuple(Other(self._text(spec, other["value"]), self._origin(other)) for other in why.get("others", []))

    def _text(self, spec: Field, value: Any) -> str:
        if spec.kind is Kind.REFERENCE:
            return words.display(spec, self.named.get(value, {"name": str(value)}))
        if spec.children and isinstance(value, list):
            return children.joined(spec, value)
        return words.display(spec, value)

    @cached_property
    def linked(self) -> list[SourceRecord]:
        """Its source records with their code systems, by id."""
        rows = list(SourceRecord.objects.filter(golden=self.record).defer("raw", "standardised").order_by("pk"))
        self.known.attach(rows)
        return rows

    @cached_property
    def sources(self) -> list[tuple[SourceRecord, int]]:
        """Linked source records and how many of the attributes that are stated each wins, the best first."""
        won = [row.origin.source for row in self.attributes if row.stated and row.origin]
        return sorted(((s, won.count(s.pk)) for s in self.linked), key=lambda pair: (-pair[1], pair[0].pk))

    @cached_property
    def codes(self) -> list[Code]:
        """Of today and of days to come."""
        return [code for code in self._every_code if not code.ended]

    @property
    def ended_codes(self) -> list[Code]:
        return [code for code in self._every_code if code.ended]

    @cached_property
    def _every_code(self) -> list[Code]:
        live = Crosswalk.objects.filter(golden=self.record, known_to__isnull=True).select_related("code_system__system")
        ordered = live.order_by("code_system__system__name", "code_system__slug", "-preferred", "code")
        ladder = Ladder.of(self.values.get("packaging") or [], self.values.get("base_uom") or "")
        return [Code(row, ladder.holds.get(row.uom)) for row in ordered]

    @cached_property
    def issues(self) -> QuerySet[QualityIssue]:
        return QualityIssue.objects.filter(golden=self.record, closed_at__isnull=True)

    @cached_property
    def quality(self) -> record_quality.RecordQuality | None:
        return record_quality.of(self.record)

    @cached_property
    def work_items(self) -> list[WorkItem]:
        about = Q(golden=self.record) | Q(other=self.record)
        return list(WorkItem.objects.filter(about, state__in=WorkItem.LIVE).select_related("assignee")[:20])

    @cached_property
    def relations(self) -> list[tuple[Relation, GoldenRecord]]:
        about = Q(subject=self.record) | Q(object=self.record)
        rows = Relation.objects.filter(about).select_related("subject", "object", "author", "site")
        return [(r, r.object if r.subject_id == self.record.pk else r.subject) for r in rows]

    @cached_property
    def substitutions(self) -> list[tuple[Substitution, GoldenRecord]]:
        """Approved substitutes of the item and what it stands in for, with the other item; ended ones are left out."""
        if self.domain.name != "item":
            return []
        about = Q(item=self.record) | Q(substitute=self.record)
        rows = Substitution.objects.filter(about, ended_at__isnull=True)
        found = rows.select_related("item", "substitute", "site", "approver")
        return [(row, row.substitute if row.item_id == self.record.pk else row.item) for row in found]

    @cached_property
    def audit(self) -> list[AuditEntry]:
        return list(AuditEntry.objects.filter(golden=self.record).select_related("actor", "golden")[:8])

    @cached_property
    def absorbed(self) -> list[GoldenRecord]:
        return list(self.record.absorbed.order_by("pk"))

    @cached_property
    def ancestors(self) -> list[GoldenRecord]:
        """From the top of the hierarchy down to the direct parent."""
        return ancestors(self.record) if "parent" in self.domain.by_name else []

    @cached_property
    def below(self) -> list[GoldenRecord]:
        if "parent" not in self.domain.by_name:
            return []
        table: Any = ATTRIBUTES[self.domain.name]
        below = table.objects.filter(parent=self.record).select_related("golden")
        return [row.golden for row in below.order_by("golden__name", "golden_id")[:25]]

    @property
    def safety(self) -> str:
        """What must be seen before anything else."""
        if self.values.get("latex") == "contains":
            return "Contains latex"
        return "Implant" if self.values.get("implant") else ""


def ancestors(record: GoldenRecord) -> list[GoldenRecord]:
    table = connection.ops.quote_name(ATTRIBUTES[record.domain]._meta.db_table)
    sql = f"""
        WITH RECURSIVE up AS (
            SELECT parent_id, 1 AS depth FROM {table} WHERE golden_id = %s
            UNION ALL
            SELECT t.parent_id, up.depth + 1 FROM {table} t JOIN up ON t.golden_id = up.parent_id WHERE up.depth < %s)
        SELECT g.* FROM mdm_goldenrecord g JOIN up ON up.parent_id = g.id ORDER BY up.depth DESC
    """  # noqa: S608 - the table's name is ours
    return list(GoldenRecord.objects.raw(sql, [record.pk, DEPTH]))
