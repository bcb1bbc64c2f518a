"""What a lane sends next: a pure decision from how far the target is and what happened since.

Snapshots are coalesced to the newest, because each carries the whole record. Retirement, merge and unmerge are never
skipped: each is a step of its own, in order.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mdm.models import PRIMARY, ChangeEvent, GoldenRecord
from sync.adapters.base import Kind
from sync.models import Lane, Letter

Payload = Mapping[str, Any]
LIVE_KINDS = (Kind.UPSERT, Kind.UNMERGE)
STATUS = {Kind.UPSERT: "live", Kind.UNMERGE: "live", Kind.RETIRE: "retired", Kind.MERGE: "merged"}
TRANSITIONS = {
    ChangeEvent.Kind.RETIRED: Kind.RETIRE,
    ChangeEvent.Kind.MERGED: Kind.MERGE,
    ChangeEvent.Kind.UNMERGED: Kind.UNMERGE,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """A lane as it was claimed. Only the holder of its newest ``fence`` may settle it."""

    lane: int
    record: int
    head: int
    acked: int
    generation: int
    acked_generation: int
    active: bool
    attempts: int
    fence: int
    probe: bool = False  # the one lane that tries whether a target answers again

    @classmethod
    def of(cls, lane: Lane) -> Claim:
        """A lane as it stands; settling works while nobody claims it."""
        return cls(
            lane.pk,
            lane.record_id,
            lane.head,
            lane.acked,
            lane.generation,
            lane.acked_generation,
            lane.active,
            lane.attempts,
            lane.fence,
        )

    def has(self, letter: Letter) -> bool:
        """The target acknowledged this letter, or one after it."""
        return (self.acked, self.acked_generation) >= (letter.version, letter.generation)

    @property
    def repeats(self) -> bool:
        """The generation was raised: the target is to be told again what it acknowledged."""
        return self.generation > self.acked_generation and self.acked > 0


@dataclass(frozen=True, slots=True)
class Event:
    version: int
    kind: str  # ChangeEvent.Kind
    change_id: uuid.UUID
    merged_into: str | None = None  # public id of the survivor, of a merge


@dataclass(frozen=True, slots=True)
class Step:
    version: int
    kind: Kind | None  # None: the target need not hear of it
    snapshot: bool = True  # a newer version makes it superfluous
    merged_into: str | None = None
    change_id: uuid.UUID | None = None

    @property
    def is_live(self) -> bool:
        return self.kind in LIVE_KINDS


def next_step(claim: Claim, payload: Payload, events: Sequence[Event], *, wanted: bool, letter: Letter | None) -> Step:
    """The next message of a lane. ``events``: those after ``claim.acked``, by version; ``letter``: its last one."""
    known = Knowledge.of(claim, letter)
    for event in events:
        if event.kind in TRANSITIONS:
            return _transition(event, known, wanted=wanted)
    step = _snapshot(max(claim.head, payload["version"]), payload, known, wanted=wanted)
    return replace(step, merged_into=payload["merged_into"]) if payload["merged_into"] else step


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What can be known of the target's copy."""

    told: bool  # something was sent at some time
    maybe_live: bool  # it may hold the record as live
    inactive: bool  # it was told to stop using it, and did
    repeats: bool

    @classmethod
    def of(cls, claim: Claim, letter: Letter | None) -> Knowledge:
        told = letter is not None
        settled = letter is None or claim.has(letter)
        return cls(
            told=told,
            maybe_live=claim.active or (told and not settled),
            inactive=letter is not None and settled and not claim.active and letter.kind not in LIVE_KINDS,
            repeats=claim.repeats,
        )


def _transition(event: Event, known: Knowledge, *, wanted: bool) -> Step:
    kind: Kind | None = TRANSITIONS[ChangeEvent.Kind(event.kind)]
    if kind is Kind.UNMERGE:
        kind = _live_kind(known, wanted=wanted)
    elif kind is Kind.RETIRE:
        kind = _retired_kind(known)
    elif not known.told:
        kind = None
    return Step(event.version, kind, snapshot=False, merged_into=event.merged_into, change_id=event.change_id)


def _snapshot(version: int, payload: Payload, known: Knowledge, *, wanted: bool) -> Step:
    status = payload["status"]
    if status == GoldenRecord.Status.LIVE:
        return Step(version, _live_kind(known, wanted=wanted))
    if status == GoldenRecord.Status.MERGED and _retired_kind(known):
        return Step(version, Kind.MERGE)
    return Step(version, _retired_kind(known))


def _live_kind(known: Knowledge, *, wanted: bool) -> Kind | None:
    if not wanted:  # it left the target's filter
        return _retired_kind(known)
    return Kind.UNMERGE if known.inactive else Kind.UPSERT


def _retired_kind(known: Knowledge) -> Kind | None:
    return Kind.RETIRE if known.maybe_live or (known.told and known.repeats) else None


def addressed(payload: Payload, step: Step, system: str) -> dict[str, Any]:
    """The payload as this step tells it to the target whose own codes are those of ``system``."""
    kind = step.kind or Kind.UPSERT
    own = [c for c in payload["codes"] if c["system"] == system and c["kind"] == PRIMARY]
    return {
        **payload,
        "version": step.version,
        "status": STATUS[kind],
        "merged_into": step.merged_into if kind is Kind.MERGE else None,
        "target_codes": [{"code": c["code"], "uom": c["uom"]} for c in own],
    }


@dataclass(frozen=True, slots=True)
class Wait:
    """What a lane is held for: a record, in this version at least, acknowledged by the same target."""

    record: int
    version: int
    reason: str


@dataclass(frozen=True, slots=True)
class Shipment:
    """One step of one lane, ready to be sent."""

    claim: Claim
    step: Step
    letter: Letter
    started: dt.datetime | None = None
