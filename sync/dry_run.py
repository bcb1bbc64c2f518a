"""What a target would be sent now, without sending it: payloads, and how they differ from what it was last told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models.functions import Now

from mdm.models import GoldenRecord
from sync import compose, pins, targets
from sync.models import Lane, Letter, Target
from sync.steps import Claim
from sync.verdicts import Verdict

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Trial:
    """One record: the letter that would go out, or why none would."""

    lane: Lane
    version: int
    kind: str  # of adapters.base.Kind; "" when nothing is sent
    letter: Letter | None = None
    rendered_before: bool = False  # the same bytes are sent again
    why: str = ""  # waits, can't be rendered, or need not be sent

    @property
    def key(self) -> str:
        return str(self.letter.key) if self.letter else ""


def due(target: Target, limit: int = SHOWN) -> list[Lane]:
    """What would be claimed next, whatever the schedule says."""
    rows = Lane.objects.filter(target=target, due_at__lte=Now()).select_related("target", "record", "letter")
    return list(rows.order_by("-urgent", "due_at", "pk")[:limit])


def of_records(target: Target, records: Sequence[GoldenRecord]) -> list[Lane]:
    rows = Lane.objects.filter(target=target, record__in=records).select_related("target", "record", "letter")
    return list(rows.order_by("pk"))


def trials(target: Target, lanes: Sequence[Lane]) -> list[Trial]:
    """Reads and renders; stores nothing, opens no socket. Raises AdapterError or SealBroken for a wrong set-up."""
    adapter = targets.adapter_of(target)
    by_pk = {lane.pk: lane for lane in lanes}
    planned = compose.plan(target, [Claim.of(lane) for lane in lanes])
    kept = pins.of(target, [lane.record_id for lane in lanes])
    found = [_unsent(by_pk[v.claim.lane], v, "The target need not hear of it.") for v in planned.verdicts if not v.wait]
    found += [_unsent(by_pk[v.claim.lane], v, v.error) for v in planned.verdicts if v.wait]
    for claim, step, payload in planned.steps:
        lane, standing = by_pk[claim.lane], planned.letters.get(claim.lane)
        letter = compose.letter(target, adapter, claim, step, payload, kept.get(claim.record, {}), standing)
        if isinstance(letter, Verdict):
            found.append(_unsent(lane, letter, letter.error))
        else:
            found.append(Trial(lane, step.version, str(step.kind), letter, rendered_before=letter is standing))
    order = {lane.pk: place for place, lane in enumerate(lanes)}
    return sorted(found, key=lambda trial: order[trial.lane.pk])


def _unsent(lane: Lane, verdict: Verdict, why: str) -> Trial:
    return Trial(lane, verdict.step.version, "", why=why)
