"""What targets, the API and the change feed see of a golden record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from mdm.bulk import upsert
from mdm.canonical import DOMAINS, Field, Kind
from mdm.models import Crosswalk, Delivered, GoldenRecord, SourceSystem
from mdm.rows import load_values

Payload = dict[str, Any]


def payload(golden: GoldenRecord) -> Payload:
    return payloads([golden.pk])[golden.pk]


def payloads(golden_ids: Collection[int]) -> dict[int, Payload]:
    """The payload of each golden record, in the shape of docs/api.md. A handful of queries per domain."""
    records = list(GoldenRecord.objects.filter(pk__in=golden_ids).select_related("merged_into"))
    codes = _codes([r.pk for r in records])
    values: dict[int, dict[str, Any]] = {}
    for domain in {r.domain for r in records}:
        values |= load_values(domain, [r.pk for r in records if r.domain == domain])
    named = _named(_referenced(records, values))
    return {r.pk: _payload(r, values.get(r.pk, {}), codes.get(r.pk, []), named) for r in records}


def describe(record: GoldenRecord, values: Mapping[str, Any], codes: list[dict[str, Any]]) -> Payload:
    """The payload of one record with values and codes that the caller knows, e.g. from history."""
    return _payload(record, values, codes, _named(_referenced([record], {record.pk: values})))


def _payload(
    record: GoldenRecord, values: Mapping[str, Any], codes: list[dict[str, Any]], named: Mapping[int, dict[str, str]]
) -> Payload:
    return {
        "id": record.public_id,
        "domain": record.domain,
        "version": record.version,
        "status": record.status,
        "merged_into": record.merged_into.public_id if record.merged_into else None,
        "codes": codes,
        "attributes": {f.name: _named_value(f, values.get(f.name), named) for f in DOMAINS[record.domain].fields},
    }


def _named_value(spec: Field, value: Any, named: Mapping[int, dict[str, str]]) -> Any:
    if value is None:
        return None
    if spec.kind is Kind.REFERENCE:
        return named[value]
    if spec.kind is Kind.CHILDREN:
        return [{c.name: _named_value(c, row.get(c.name), named) for c in spec.children} for row in value]
    return value


def _referenced(records: Iterable[GoldenRecord], values: Mapping[int, Mapping[str, Any]]) -> set[int]:
    found: set[int] = set()
    for record in records:
        for spec in DOMAINS[record.domain].fields:
            value = values.get(record.pk, {}).get(spec.name)
            if spec.kind is Kind.REFERENCE and value:
                found.add(value)
            elif spec.kind is Kind.CHILDREN:
                refs = [c.name for c in spec.children if c.kind is Kind.REFERENCE]
                found |= {row[name] for row in value or [] for name in refs if row.get(name)}
    return found


def _named(golden_ids: set[int]) -> dict[int, dict[str, str]]:
    """Public id and name of each; of a merged record, those of its survivor."""
    rows = GoldenRecord.objects.filter(pk__in=golden_ids).select_related("merged_into")
    return {r.pk: {"id": r.survivor.public_id, "name": r.survivor.name} for r in rows}


def _codes(golden_ids: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    rows = (
        Crosswalk.objects.filter(golden__in=golden_ids, known_to__isnull=True, valid_to__isnull=True)
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


@transaction.atomic
def record_delivery(*, system: SourceSystem, versions: Mapping[int, tuple[int, Mapping[str, Any]]]) -> None:
    """Remember what a system has now been told: {golden id: (version, attributes as delivered)}.

    Its own feed repeating these values is echo, not evidence.
    """
    now = timezone.now()
    upsert(
        [
            Delivered(system=system, golden_id=golden, version=version, values=dict(values), delivered_at=now)
            for golden, (version, values) in sorted(versions.items())
        ],
        unique=["system", "golden"],
    )
