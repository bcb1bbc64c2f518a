"""What targets, the API and the change feed see of a golden record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from django.db import connection
from django.db.models.functions import Coalesce
from django.utils import timezone

from mdm.canonical import DOMAINS, Field, Kind
from mdm.models import Crosswalk, GoldenRecord, SourceSystem
from mdm.models.among import Numbers
from mdm.rows import load_values

Payload = dict[str, Any]


def payload(golden: GoldenRecord) -> Payload:
    return payloads([golden.pk])[golden.pk]


# In the records' order: two workers who meet here take them in the same one.
REMEMBER_SQL = """
INSERT INTO mdm_delivered (system_id, golden_id, version, values, delivered_at)
SELECT %s, v.golden, v.version, v.values, %s
FROM jsonb_to_recordset(%s::jsonb) AS v(golden bigint, version int, values jsonb) ORDER BY v.golden
ON CONFLICT (system_id, golden_id) DO UPDATE SET
    version = excluded.version, values = excluded.values, delivered_at = excluded.delivered_at
"""


class _Head(NamedTuple):
    """What of a golden record itself is told."""

    pk: int
    public_id: str
    domain: str
    version: int
    status: str
    survivor: str | None  # public id of the record that this one was merged into


def payloads(golden_ids: Collection[int]) -> dict[int, Payload]:
    """The payload of each golden record, in the shape of docs/api.md. A handful of queries per domain."""
    told = ("pk", "public_id", "domain", "version", "status", "merged_into__public_id")
    records = [
        *map(_Head._make, GoldenRecord.objects.filter(pk__among=Numbers(golden_ids)).order_by("pk").values_list(*told))
    ]
    codes = _codes([r.pk for r in records])
    values: dict[int, dict[str, Any]] = {}
    for domain in {r.domain for r in records}:
        values |= load_values(domain, [r.pk for r in records if r.domain == domain])
    named = _named(_referenced(records, values))
    return {r.pk: _payload(r, values.get(r.pk, {}), codes.get(r.pk, []), named) for r in records}


def describe(record: GoldenRecord, values: Mapping[str, Any], codes: list[dict[str, Any]]) -> Payload:
    """The payload of one record with values and codes that the caller knows, e.g. from history."""
    survivor = record.merged_into.public_id if record.merged_into else None
    head = _Head(record.pk, record.public_id, record.domain, record.version, record.status, survivor)
    return _payload(head, values, codes, _named(_referenced([head], {head.pk: values})))


def _payload(
    record: _Head, values: Mapping[str, Any], codes: list[dict[str, Any]], named: Mapping[int, dict[str, str]]
) -> Payload:
    attributes = {name: values.get(name) for name in DOMAINS[record.domain].by_name}
    for spec in DOMAINS[record.domain].referring:
        attributes[spec.name] = _named_value(spec, attributes[spec.name], named)
    return {
        "id": record.public_id,
        "domain": record.domain,
        "version": record.version,
        "status": record.status,
        "merged_into": record.survivor,
        "codes": codes,
        "attributes": attributes,
    }


def _named_value(spec: Field, value: Any, named: Mapping[int, dict[str, str]]) -> Any:
    if value is None:
        return None
    if spec.kind is Kind.REFERENCE:
        return named[value]
    if spec.kind is Kind.CHILDREN:
        return [{c.name: _named_value(c, row.get(c.name), named) for c in spec.children} for row in value]
    return value


def _referenced(records: Iterable[_Head], values: Mapping[int, Mapping[str, Any]]) -> set[int]:
    found: set[int] = set()
    for record in records:
        stated = values.get(record.pk, {})
        for name, children in DOMAINS[record.domain].pointers:
            value = stated.get(name)
            if value and children:
                found |= {row[child] for row in value for child in children if row.get(child)}
            elif value:
                found.add(value)
    return found


def _named(golden_ids: set[int]) -> dict[int, dict[str, str]]:
    """Public id and name of each; of a merged record, those of its survivor."""
    if not golden_ids:
        return {}
    survivor = (Coalesce("merged_into__public_id", "public_id"), Coalesce("merged_into__name", "name"))
    rows = GoldenRecord.objects.filter(pk__among=golden_ids).order_by().values_list("pk", *survivor)
    return {pk: {"id": public_id, "name": name} for pk, public_id, name in rows}


def _codes(golden_ids: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    rows = (
        Crosswalk.objects.filter(golden__among=Numbers(golden_ids), known_to__isnull=True, valid_to__isnull=True)
        .order_by("code_system__slug", "-preferred", "code", "uom")
        .values_list(
            "golden", "code_system__system__code", "code_system__slug", "code_system__kind", "code", "uom", "preferred"
        )
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for golden, system, slug, kind, code, uom, preferred in rows:
        found[golden].append(
            {"system": system, "code_system": slug, "kind": kind, "code": code, "uom": uom, "preferred": preferred}
        )
    return found


def record_delivery(*, system: SourceSystem, versions: Mapping[int, tuple[int, Mapping[str, Any]]]) -> None:
    """Remember what a system has now been told: {golden id: (version, attributes as delivered)}.

    Its own feed repeating these values is echo, not evidence.
    """
    rows = [{"golden": golden, "version": version, "values": said} for golden, (version, said) in versions.items()]
    with connection.cursor() as cursor:
        cursor.execute(REMEMBER_SQL, [system.pk, timezone.now(), orjson.dumps(rows).decode()])
