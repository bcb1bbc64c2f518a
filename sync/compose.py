"""From claimed lanes to messages: what each sends next, whether it may, and its bytes as they were first rendered."""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from django.db import connection
from django.utils import timezone

from mdm.arrays import numbers
from mdm.bulk import maker
from mdm.canonical import DOMAINS
from mdm.models import ChangeEvent, GoldenRecord
from mdm.services import publish
from sync import fieldmap, gates, pins, verdicts
from sync.adapters.base import Adapter, InvalidForTarget, Message
from sync.models import Letter, Target
from sync.steps import TRANSITIONS, Claim, Event, Payload, Shipment, Step, addressed, next_step
from sync.verdicts import Verdict

log = structlog.get_logger(__name__)

# Only while the lane is still the claimer's: a late worker must not replace what a newer one is sending.
STORE_SQL = """
INSERT INTO sync_letter (lane_id, key, version, generation, kind, payload, body, rendered_at)
SELECT n.lane, n.key, n.version, n.generation, n.kind, n.payload, decode(n.body, 'base64'), clock_timestamp()
FROM jsonb_to_recordset(%s::jsonb) AS n(lane bigint, fence bigint, key uuid, version int, generation int, kind text,
                                        payload jsonb, body text)
JOIN sync_lane l ON l.id = n.lane AND l.fence = n.fence
ON CONFLICT (lane_id) DO UPDATE SET key = excluded.key, version = excluded.version, generation = excluded.generation,
    kind = excluded.kind, payload = excluded.payload, body = excluded.body, rendered_at = excluded.rendered_at
RETURNING lane_id
"""


HEADS_SQL = "SELECT lane_id, version, generation, kind FROM sync_letter WHERE lane_id = ANY(%s)"

# One a lane, however many wait: a lane takes one step at a time.
NEXT_TRANSITION_SQL = """
SELECT e.* FROM unnest(%s::bigint[], %s::int[], %s::int[]) AS c(record, acked, version)
CROSS JOIN LATERAL (
    SELECT * FROM mdm_changeevent WHERE record_id = c.record AND version > c.acked AND version <= c.version
        AND kind = ANY(%s) AND published ORDER BY version LIMIT 1
) e
"""


@dataclass(slots=True)
class Composed:
    shipments: list[Shipment] = field(default_factory=list)  # to be sent, those first that others refer to
    verdicts: list[Verdict] = field(default_factory=list)  # what is already decided without sending


@dataclass(slots=True)
class Plan:
    """What each claimed lane does next: a step to be sent, or what is decided already."""

    steps: list[tuple[Claim, Step, Payload]]
    verdicts: list[Verdict]
    letters: Mapping[int, Letter]  # the last one of each lane


def plan(target: Target, claims: Sequence[Claim]) -> Plan:
    """Decide; reads only."""
    payloads = publish.payloads([claim.record for claim in claims])
    letters = _last_letters(claims)
    events = _events(claims, payloads)
    steps: list[tuple[Claim, Step, Payload]] = []
    decided: list[Verdict] = []
    for claim in claims:
        payload = payloads[claim.record]
        wanted = target.wants(payload["domain"], payload["attributes"])
        step = next_step(claim, payload, events[claim.record], wanted=wanted, letter=letters.get(claim.lane))
        if step.kind is None:
            decided.append(verdicts.unneeded(claim, step))
        else:
            steps.append((claim, step, payload))
    waits = gates.waits(target, steps)
    decided += [verdicts.held(claim, step, waits[claim.lane]) for claim, step, _ in steps if claim.lane in waits]
    return Plan([s for s in steps if s[0].lane not in waits], decided, letters)


def _last_letters(claims: Sequence[Claim]) -> dict[int, Letter]:
    """By lane. Those that its target has got have neither payload nor bytes here, because they are never sent again."""
    by_lane = {claim.lane: claim for claim in claims}
    with connection.cursor() as cursor:
        cursor.execute(HEADS_SQL, [numbers(by_lane)])
        rows = cursor.fetchall()
    found = {lane: maker(Letter)(lane_id=lane, version=v, generation=g, kind=kind) for lane, v, g, kind in rows}
    again = [lane for lane, row in found.items() if not by_lane[lane].has(row) or row.version >= by_lane[lane].head]
    return found | ({row.pk: row for row in Letter.objects.filter(lane__among=again)} if again else {})


def compose(target: Target, adapter: Adapter, claims: Sequence[Claim]) -> Composed:
    """Decide, render and store; opens no socket. Lanes that were claimed by somebody else meanwhile are left out."""
    planned = plan(target, claims)
    out = Composed(verdicts=planned.verdicts)
    _render(target, adapter, planned, out)
    return out


def _events(claims: Sequence[Claim], payloads: Mapping[int, Payload]) -> dict[int, list[Event]]:
    """{record: the first retirement, merge or unmerge that its lane has still to tell of}."""
    parameters = [
        numbers(claim.record for claim in claims),
        numbers(claim.acked for claim in claims),
        numbers(payloads[claim.record]["version"] for claim in claims),
        [str(kind) for kind in TRANSITIONS],
    ]
    found: dict[int, list[Event]] = defaultdict(list)
    for row in ChangeEvent.objects.raw(NEXT_TRANSITION_SQL, parameters):
        survivor = _survivor(row, payloads[row.record_id]) if row.kind == ChangeEvent.Kind.MERGED else None
        found[row.record_id].append(Event(row.version, row.kind, row.change_id, survivor))
    return found


def _survivor(merge: ChangeEvent, payload: Payload) -> str | None:
    """Public id of the record that this one was merged into, also when it was split off again since."""
    if payload["merged_into"]:
        return str(payload["merged_into"])
    past = GoldenRecord.history.filter(id=merge.record_id, version=merge.version, merged_into__isnull=False)
    return past.values_list("merged_into__public_id", flat=True).first()


def _render(target: Target, adapter: Adapter, planned: Plan, out: Composed) -> None:
    ready: list[Shipment] = []
    kept = pins.of(target, [claim.record for claim, _, _ in planned.steps])
    for claim, step, payload in planned.steps:
        standing = planned.letters.get(claim.lane)
        written = letter(target, adapter, claim, step, payload, kept.get(claim.record, {}), standing)
        if isinstance(written, Verdict):
            out.verdicts.append(written)
        else:
            ready.append(Shipment(claim, step, written))
    ours = _store(ready)
    order = {name: position for position, name in enumerate(DOMAINS)}
    out.shipments = sorted(
        (s for s in ready if s.claim.lane in ours),
        key=lambda s: (order[s.letter.payload["domain"]], s.claim.record),
    )


def letter(
    target: Target, adapter: Adapter, claim: Claim, step: Step, payload: Payload, kept: pins.Kept, last: Letter | None
) -> Letter | Verdict:
    """The lane's last letter if it is the one to be sent; a new one, not yet stored; or the verdict on a record that
    this target can't hold.
    """
    if last and (last.version, last.generation, last.kind) == (step.version, claim.generation, step.kind):
        return last
    key = idempotency_key(target, payload["id"], step.version, claim.generation)
    try:
        told = told_to(target, payload, step, kept)
        body = adapter.render(
            Message(str(key), told["id"], told["domain"], step.version, claim.generation, str(step.kind), told)
        )
    except InvalidForTarget as error:
        return verdicts.unrenderable(claim, step, str(error))
    except Exception as error:
        log.exception("render failed", target=target.code, record=payload["id"], version=step.version)
        return verdicts.unrenderable(claim, step, f"Could not be rendered ({type(error).__name__}); see the log.")
    return maker(Letter)(
        lane_id=claim.lane,
        key=key,
        version=step.version,
        generation=claim.generation,
        kind=str(step.kind),
        payload=told,
        body=body,
        rendered_at=timezone.now(),
    )


def told_to(target: Target, payload: Payload, step: Step, kept: pins.Kept) -> dict[str, Any]:
    """The payload as this target is told it: through its own mapping, and with what it may keep."""
    told = addressed(payload, step, target.system.code)
    if rules := target.mapping.get(payload["domain"]):
        told["attributes"] = fieldmap.applied(rules, told["attributes"])
    return pins.keep(told, kept)


def idempotency_key(target: Target, record: str, version: int, generation: int) -> uuid.UUID:
    """The same on every attempt at one version in one generation, and nowhere else."""
    return uuid.uuid5(target.namespace, f"{record}/{version}/{generation}")


def _store(shipments: Sequence[Shipment]) -> set[int]:
    """Keep the letters; returns the lanes that are still ours."""
    if not shipments:
        return set()
    # one JSON document: arrays of texts would be escaped character by character
    rows = [
        {
            "lane": s.claim.lane,
            "fence": s.claim.fence,
            "key": s.letter.key,
            "version": s.letter.version,
            "generation": s.letter.generation,
            "kind": s.letter.kind,
            "payload": s.letter.payload,
            "body": b64encode(s.letter.body).decode(),
        }
        for s in shipments
    ]
    with connection.cursor() as cursor:
        cursor.execute(STORE_SQL, [orjson.dumps(rows).decode()])
        return {row[0] for row in cursor.fetchall()}
