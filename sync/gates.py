"""Publish gates: what a target must have acknowledged before it hears of a record that refers to it.

An item waits for its suppliers, a location for its parent and cost center, a child for its parent; a merged record for
its survivor. Only references that the target subscribes to count. ``cost_center.location`` is soft: cost centers and
locations name each other, and one of them has to go first. Nothing waits for a record that had ended before the target
would have heard of it: it never will.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection

from mdm.arrays import numbers
from mdm.canonical import DOMAINS, Kind
from mdm.models import ChangeEvent, GoldenRecord
from sync.models import Target
from sync.steps import Claim, Payload, Step, Wait

SOFT = {("cost_center", "location")}
ENDED = (GoldenRecord.Status.RETIRED.value, GoldenRecord.Status.MERGED.value)


def gated(domain: str) -> Iterator[tuple[str, str | None, str]]:
    """(field, child field or None, domain it refers to) of every reference that holds a record back."""
    for spec in DOMAINS[domain].fields:
        if spec.kind is Kind.REFERENCE and (domain, spec.name) not in SOFT:
            yield spec.name, None, spec.domain
        for child in spec.children:
            if child.kind is Kind.REFERENCE:
                yield spec.name, child.name, child.domain


@cache
def _gates(domain: str) -> list[tuple[str, str | None, str]]:
    return list(gated(domain))


def references(payload: Payload, domains: Iterable[str]) -> set[str]:
    """Public ids that this record names and a target with these domains should have first."""
    attributes: Mapping[str, Any] = payload["attributes"]
    found: set[str] = set()
    for name, child, domain in _gates(payload["domain"]):
        value = attributes.get(name)
        if not value or domain not in domains:
            continue
        rows = [value] if child is None else [row[child] for row in value if row.get(child)]
        found |= {row["id"] for row in rows}
    return found - {payload["id"]}


def waits(target: Target, steps: Sequence[tuple[Claim, Step, Payload]]) -> dict[int, Wait]:
    """{lane: the first thing it still has to wait for}."""
    named = {claim.lane: _named(target, step, payload) for claim, step, payload in steps}
    survivors = _survivor_versions(step for _, step, _ in steps)
    held = _acknowledged(target, {public_id for ids in named.values() for public_id in ids})
    found: dict[int, Wait] = {}
    for claim, step, _ in steps:
        for public_id in sorted(named[claim.lane] & held.keys()):
            record, acked = held[public_id]
            needed = survivors.get((step.change_id, record), 1)
            if acked < needed:
                found[claim.lane] = Wait(
                    record, needed, f"Waits for {public_id}, which {target.code} has not confirmed yet"
                )
                break
    return found


def _named(target: Target, step: Step, payload: Payload) -> set[str]:
    if step.is_live:
        return references(payload, target.subscriptions)
    return {step.merged_into} if step.merged_into and step.kind else set()


def _survivor_versions(steps: Iterable[Step]) -> dict[tuple[Any, int], int]:
    """{(change, record): version} of the other records of a merge: the survivor must be confirmed as merged."""
    changes = {step.change_id for step in steps if step.change_id and step.merged_into}
    if not changes:
        return {}
    rows = ChangeEvent.objects.filter(change_id__in=changes).values_list("change_id", "record", "version")
    return {(change, record): version for change, record, version in rows}


def _acknowledged(target: Target, public_ids: set[str]) -> dict[str, tuple[int, int]]:
    """{public id: (record, version that the target acknowledged, 0 for none)}, but for those it will never hear of."""
    if not public_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT g.public_id, g.id, coalesce(l.acked, 0) FROM mdm_goldenrecord g
               LEFT JOIN sync_lane l ON l.record_id = g.id AND l.target_id = %s
               WHERE g.public_id = ANY(%s) AND (l.id IS NOT NULL OR g.status <> ALL(%s))""",
            [target.pk, sorted(public_ids), list(ENDED)],
        )
        return {public_id: (record, acked) for public_id, record, acked in cursor.fetchall()}


def release(target_id: int, records: Sequence[int] | None = None) -> int:
    """Open the lanes whose wait is over: those that wait for these records, or all. Returns how many.

    Skips what somebody else holds, so it can't deadlock; what is missed comes with the next call for all, at the
    latest with the beat's tick.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE sync_lane SET state = 'open', due_at = clock_timestamp(), waits_for_id = NULL, waits_version = 1,
                      error = ''
               WHERE id IN (SELECT h.id FROM sync_lane h JOIN mdm_goldenrecord g ON g.id = h.waits_for_id
                            LEFT JOIN sync_lane r ON r.target_id = h.target_id AND r.record_id = g.id
                            WHERE h.target_id = %(target)s AND h.state = 'held'
                              AND (r.acked >= h.waits_version OR (r.id IS NULL AND g.status = ANY(%(ended)s)))
                              AND (%(records)s::bigint[] IS NULL OR h.waits_for_id = ANY(%(records)s::bigint[]))
                            FOR UPDATE OF h SKIP LOCKED)""",
            {"target": target_id, "records": None if records is None else numbers(records), "ended": list(ENDED)},
        )
        return cursor.rowcount
