"""Versions of a golden record: who changed what, why, and the values before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mdm.canonical import DOMAINS, Field, Kind
from mdm.models import AuditEntry, ChangeEvent, GoldenRecord
from mdm.past import as_of
from mdm.ui import words
from mdm.ui.readers import children

PAGE = 12


@dataclass(frozen=True, slots=True)
class Version:
    event: ChangeEvent
    audit: AuditEntry | None
    labels: tuple[str, ...]  # of the attributes that changed


@dataclass(frozen=True, slots=True)
class Difference:
    label: str
    before: str
    after: str


def versions(record: GoldenRecord, before: int | None = None) -> list[Version]:
    """A page of versions, newest first, below version ``before``. One more than a page when there are more."""
    events = ChangeEvent.objects.filter(record=record)
    if before:
        events = events.filter(version__lt=before)
    page = list(events.order_by("-version")[: PAGE + 1])
    said = AuditEntry.objects.filter(change_id__in={e.change_id for e in page}, golden=record).select_related("actor")
    by_change = {entry.change_id: entry for entry in said.order_by("-id")}
    fields = DOMAINS[record.domain].by_name
    return [Version(e, by_change.get(e.change_id), _labels(fields, e.changed)) for e in page]


def _labels(fields: dict[str, Field], changed: list[str]) -> tuple[str, ...]:
    return tuple(fields[name].label for name in changed if name in fields)


def differences(record: GoldenRecord, version: int) -> list[Difference]:
    """Field, before and after of one version: the history as it was at its event and at the one before."""
    events = list(ChangeEvent.objects.filter(record=record, version__lte=version).order_by("-version")[:2])
    if not events or events[0].version != version:
        return []
    before = as_of(record, events[1].recorded_at) if len(events) > 1 else {}
    return between(record, before, as_of(record, events[0].recorded_at))


def between(record: GoldenRecord, before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    """Field by field, where two states of a record differ."""
    names = names_in([*before.items(), *after.items()], record)
    specs = [f for f in DOMAINS[record.domain].fields if before.get(f.name) != after.get(f.name)]
    return [Difference(f.label, say(f, before.get(f.name), names), say(f, after.get(f.name), names)) for f in specs]


def names_in(values: list[tuple[str, Any]], record: GoldenRecord) -> dict[int, str]:
    fields = DOMAINS[record.domain].by_name
    wanted = {v for name, v in values if fields[name].kind is Kind.REFERENCE and v}
    for name, rows in values:
        references = [c.name for c in fields[name].children if c.kind is Kind.REFERENCE]
        wanted |= {row[r] for row in rows or [] for r in references if row.get(r)} if references else set()
    return dict(GoldenRecord.objects.filter(pk__in=wanted).values_list("pk", "name")) if wanted else {}


def say(spec: Field, value: Any, names: dict[int, str]) -> str:
    if spec.kind is Kind.REFERENCE and value:
        return names.get(value, str(value))
    if spec.kind is Kind.CHILDREN and value:
        return children.joined(spec, [_named(spec, row, names) for row in value])
    return words.display(spec, value)


def _named(spec: Field, row: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    references = {c.name for c in spec.children if c.kind is Kind.REFERENCE}
    return {name: names.get(part, str(part)) if name in references and part else part for name, part in row.items()}
