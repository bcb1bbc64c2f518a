"""What a golden record was: its canonical values, version and codes as they stood at a moment, read from its history.
Reads only.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Q, QuerySet

from mdm.canonical import DOMAINS
from mdm.exceptions import NotFound
from mdm.models import ATTRIBUTES, ChangeEvent, Crosswalk, GoldenRecord
from mdm.rows import CHILD_TABLES, ChildTable, read
from mdm.services.publish import Payload, describe
from mdm.survivorship import in_order


def as_of(record: GoldenRecord, moment: dt.datetime) -> dict[str, Any]:
    """Canonical values as they were at a moment; references are golden ids. One query per table of the domain."""
    specs = DOMAINS[record.domain].fields
    history: Any = ATTRIBUTES[record.domain].history  # type: ignore[attr-defined]
    row = _latest(history.filter(golden=record.pk), moment)
    values = read(row, specs) if row else {}
    for table in CHILD_TABLES[record.domain]:
        values[table.name] = _children_as_of(table, record, moment)
    return values


def _children_as_of(table: ChildTable, record: GoldenRecord, moment: dt.datetime) -> list[dict[str, Any]] | None:
    history: Any = table.model.history  # type: ignore[attr-defined]
    past = history.filter(**{table.parent: record.pk}, history_date__lte=moment)
    latest = past.order_by("id", "-history_date", "-history_id").distinct("id")
    standing = [row for row in latest if row.history_type != "-"]
    standing.sort(key=lambda row: (getattr(row, "position", 0), row.id))  # a ladder's order; others have their own
    return in_order(table.spec, [read(row, table.spec.children) for row in standing]) or None


def event_of(record: GoldenRecord, version: int) -> ChangeEvent | None:
    return ChangeEvent.objects.filter(record=record, version=version).first()


def event_at(record: GoldenRecord, moment: dt.datetime) -> ChangeEvent | None:
    """The version that was in force at a moment."""
    return ChangeEvent.objects.filter(record=record, recorded_at__lte=moment).order_by("-version").first()


def codes_at(record: GoldenRecord, moment: dt.datetime) -> QuerySet[Crosswalk]:
    """The codes that Concord took to mean the record then."""
    then = Q(known_to__isnull=True) | Q(known_to__gt=moment)
    rows = Crosswalk.objects.filter(then, golden=record, known_from__lte=moment)
    return rows.select_related("code_system__system").order_by("code_system__system__name", "code_system__slug", "code")


def payload(record: GoldenRecord, moment: dt.datetime) -> Payload:
    """What Concord told of a golden record then. Raises ``NotFound`` if it wasn't published yet."""
    history: Any = GoldenRecord.history
    then = _latest(history.filter(id=record.pk), moment)
    if then is None or not then.approved_version:
        raise NotFound(f"{record.public_id} was not published yet at {moment:%Y-%m-%dT%H:%M:%SZ}.")
    shown = GoldenRecord(
        pk=record.pk,
        public_id=record.public_id,
        domain=record.domain,
        status=then.status,
        version=then.version,
        merged_into=then.merged_into,
    )
    return describe(shown, as_of(record, moment), _codes(record, moment))


def _latest(history: Any, moment: dt.datetime) -> Any:
    return history.filter(history_date__lte=moment).order_by("-history_date", "-history_id").first()


def _codes(record: GoldenRecord, moment: dt.datetime) -> list[dict[str, Any]]:
    lasting = codes_at(record, moment).filter(valid_to=None)
    return [
        {
            "system": row.code_system.system.code,
            "code_system": row.code_system.slug,
            "kind": row.code_system.kind,
            "code": row.code,
            "uom": row.uom,
            "preferred": row.preferred,
        }
        for row in lasting.order_by("code_system__slug", "-preferred", "code", "uom")
    ]
