"""Golden records as they were at an instant, read from their history: what Concord showed then."""

from __future__ import annotations

import datetime as dt
from typing import Any

from mdm.canonical import DOMAINS
from mdm.exceptions import NotFound
from mdm.models import ATTRIBUTES, Crosswalk, GoldenRecord
from mdm.rows import CHILD_TABLES, read
from mdm.services.publish import Payload, describe
from mdm.survivorship import in_order


def payload(golden: GoldenRecord, instant: dt.datetime) -> Payload:
    """The payload of a golden record as of an instant. Raises ``NotFound`` if it wasn't published yet."""
    then: Any = _latest(GoldenRecord, "id", golden.pk, instant)
    if then is None or not then.approved_version:
        raise NotFound(f"{golden.public_id} was not published yet at {instant:%Y-%m-%dT%H:%M:%SZ}.")
    record = GoldenRecord(
        pk=golden.pk,
        public_id=golden.public_id,
        domain=golden.domain,
        status=then.status,
        version=then.version,
        merged_into=then.merged_into,
    )
    return describe(record, _values(golden, instant), _codes(golden, instant))


def _values(golden: GoldenRecord, instant: dt.datetime) -> dict[str, Any]:
    row = _latest(ATTRIBUTES[golden.domain], "golden_id", golden.pk, instant)
    values = {} if row is None else read(row, DOMAINS[golden.domain].fields)
    for table in CHILD_TABLES[golden.domain]:
        values[table.name] = _children(table, golden.pk, instant)
    return values


def _latest(model: Any, key: str, pk: int, instant: dt.datetime) -> Any:
    rows = model.history.filter(**{key: pk}, history_date__lte=instant)
    return rows.order_by("-history_date", "-history_id").first()


def _children(table: Any, parent: int, instant: dt.datetime) -> list[dict[str, Any]] | None:
    rows = table.model.history.filter(**{table.parent: parent}, history_date__lte=instant)
    latest = rows.order_by("id", "-history_date", "-history_id").distinct("id")
    standing = [row for row in latest if row.history_type != "-"]
    standing.sort(key=lambda row: (getattr(row, "position", 0), row.id))  # a ladder's order; others have their own
    return in_order(table.spec, [read(row, table.spec.children) for row in standing]) or None


def _codes(golden: GoldenRecord, instant: dt.datetime) -> list[dict[str, Any]]:
    known = Crosswalk.objects.filter(golden=golden, known_from__lte=instant, valid_to=None)
    rows = known.exclude(known_to__lte=instant).select_related("code_system__system")
    return [
        {
            "system": row.code_system.system.code,
            "code_system": row.code_system.slug,
            "kind": row.code_system.kind,
            "code": row.code,
            "uom": row.uom,
            "preferred": row.preferred,
        }
        for row in rows.order_by("code_system__slug", "-preferred", "code", "uom")
    ]
