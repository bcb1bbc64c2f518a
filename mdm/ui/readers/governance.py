"""Owners, the dictionary of the canonical model with what the installation says about it, and what needs approval."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.db.models import Count, Q
from django.utils import timezone

from mdm.canonical import DOMAINS, LISTED, Domain, Field, Kind
from mdm.models import AttributeNote, ChangeRequest, DomainOwnership, QualityMeasure, User, WorkItem

KINDS = {
    Kind.TEXT: "Text",
    Kind.CODE: "Code",
    Kind.BOOLEAN: "Yes or no",
    Kind.DATE: "Date",
    Kind.DECIMAL: "Amount",
    Kind.INTEGER: "Whole number",
    Kind.CHOICE: "Choice",
    Kind.IDENTIFIER: "Identifier",
    Kind.REFERENCE: "Reference",
    Kind.LIST: "List of texts",
    Kind.CHILDREN: "Table",
}
# what waits for a second person, whatever the rules
APPROVED = (
    ("Merging or retiring a critical record", "An implant, or what was made critical otherwise"),
    ("Changing a guarded value of a live record", "The old value is held until somebody approves"),
    ("Changing the rules", "With what they would do to the whole population"),
)


@dataclass(frozen=True, slots=True)
class Owned:
    domain: Domain
    ownership: DomainOwnership | None
    stewards: tuple[User, ...]
    open: int
    overdue: int


def owners() -> list[Owned]:
    """Four queries."""
    rows = DomainOwnership.objects.select_related("owner").prefetch_related("stewards")
    owned = {row.domain: row for row in rows}
    late = Count("pk", filter=Q(due_at__lt=timezone.now()))
    waiting = WorkItem.objects.filter(state=WorkItem.State.OPEN).order_by().values("domain")
    counts = {row["domain"]: (row["n"], row["late"]) for row in waiting.annotate(n=Count("pk"), late=late)}
    return [
        Owned(
            spec,
            owned.get(spec.name),
            tuple(owned[spec.name].stewards.all()) if spec.name in owned else (),
            *counts.get(spec.name, (0, 0)),
        )
        for spec in LISTED
    ]


@dataclass(frozen=True, slots=True)
class Entry:
    field: Field
    kind: str
    note: AttributeNote | None
    stated: float | None  # share of live records in percent, as last measured

    @property
    def classification(self) -> str:
        return self.note.classification if self.note else AttributeNote.Classification.INTERNAL

    @property
    def allowed(self) -> str:
        """What a value may be, in a few words."""
        if self.field.choices:
            return ", ".join(text for _, text in self.field.choices)
        if self.field.kind is Kind.REFERENCE:
            return DOMAINS[self.field.domain].label if self.field.domain in DOMAINS else self.field.domain
        if self.field.kind is Kind.CHILDREN:
            return ", ".join(child.label for child in self.field.children)
        if self.field.scheme:
            return self.field.scheme.upper().replace("_", "-")
        return f"up to {self.field.max_length} characters" if self.field.max_length else ""


class Dictionary:
    """The attributes of one domain. Three queries."""

    def __init__(self, domain: str) -> None:
        self.spec = DOMAINS[domain]

    @cached_property
    def groups(self) -> list[tuple[str, list[Entry]]]:
        notes = {row.path: row for row in AttributeNote.objects.filter(domain=self.spec.name).select_related("author")}
        measures = QualityMeasure.objects.filter(domain=self.spec.name, rule__startswith="stated.", total__gt=0)
        stated = {row.rule[7:]: 100 * row.passing / row.total for row in measures.order_by("day")}
        found: dict[str, list[Entry]] = {}
        for spec in self.spec.fields:
            entry = Entry(spec, KINDS[spec.kind], notes.get(spec.name), stated.get(spec.name))
            found.setdefault(spec.group, []).append(entry)
        return list(found.items())

    def entry(self, path: str) -> Entry | None:
        return next((entry for _, entries in self.groups for entry in entries if entry.field.name == path), None)


def waiting() -> list[tuple[str, int]]:
    """Open change requests by kind."""
    rows = ChangeRequest.objects.filter(state=ChangeRequest.State.OPEN).order_by().values("kind")
    counts = {row["kind"]: row["n"] for row in rows.annotate(n=Count("pk"))}
    return [(label, counts.get(kind, 0)) for kind, label in ChangeRequest.Kind.choices]


def people() -> list[User]:
    return list(User.objects.filter(is_active=True, simulated=False).order_by("first_name", "username"))
