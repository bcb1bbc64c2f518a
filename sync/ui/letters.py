"""Lanes one by one: those that failed by kind of error, what was sent, what came back, and what had changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, Q

from mdm.canonical import DOMAINS, Field, Kind
from mdm.models import Delivered, GoldenRecord
from mdm.ui import words
from mdm.ui.readers import children
from mdm.ui.readers.timeline import Difference
from sync.dry_run import Trial
from sync.models import Attempt, Lane
from sync.ui.readers import COUNTS

SHOWN = 50
BODY = 20_000  # characters of a payload shown
STATES = {
    "queued": "Queued",
    "sending": "Sending",
    "sent": "Awaiting answer",
    "retrying": "Retrying",
    "held": "Held",
    "dead": "Dead letters",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Failed lanes of a target that failed for the same kind of reason; ``lanes`` are the first of ``number``."""

    target: Any
    error_class: str
    number: int
    lanes: Sequence[Lane]

    @property
    def key(self) -> str:
        return f"{self.target.code}/{self.error_class}"


def dead(target: str = "") -> list[Group]:
    """Failed lanes by target and kind of error; at most ``SHOWN`` of all."""
    rows = Lane.objects.filter(state=Lane.State.DEAD)
    if target:
        rows = rows.filter(target__code=target)
    counted = rows.order_by().values_list("target", "error_class").annotate(n=Count("pk"))
    numbers = {(pk, error): number for pk, error, number in counted}
    shown: dict[tuple[int, str], list[Lane]] = {}
    ordered = rows.select_related("target", "record").order_by("target", "error_class", "changed_at", "pk")
    for lane in ordered[:SHOWN]:
        shown.setdefault((lane.target_id, lane.error_class), []).append(lane)
    return [Group(lanes[0].target, error, numbers[pk, error], lanes) for (pk, error), lanes in shown.items()]


class LaneView:
    """One lane: what was sent, what came back, every attempt, and what had changed since the target was last told."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.letter = getattr(lane, "letter", None)

    @cached_property
    def attempts(self) -> list[Attempt]:
        return list(Attempt.objects.filter(lane=self.lane).order_by("-id")[:20])

    @cached_property
    def lines(self) -> list[str]:
        """The payload as it was sent, line by line."""
        return _lines(bytes(self.letter.body).decode("utf-8", "replace")) if self.letter else []

    @property
    def told(self) -> dict[str, Any]:
        return self.letter.payload.get("attributes") or {} if self.letter else {}

    @cached_property
    def differences(self) -> list[Difference]:
        """Attribute by attribute, what the message says otherwise than the last one that the target took."""
        found = self.delivered
        if found is None or self.letter is None or not self.told or self._holds(found):
            return []
        specs = DOMAINS[self.lane.record.domain].fields
        changed = [f for f in specs if (found.values.get(f.name) or None) != (self.told.get(f.name) or None)]
        return [Difference(f.label, _say(f, found.values.get(f.name)), _say(f, self.told.get(f.name))) for f in changed]

    @cached_property
    def delivered(self) -> Delivered | None:
        """What the target took last."""
        return Delivered.objects.filter(system=self.lane.target.system_id, golden=self.lane.record_id).first()

    def _holds(self, delivered: Delivered) -> bool:
        return self.letter is not None and delivered.version == self.letter.version

    @property
    def editable(self) -> list[tuple[str, str]]:
        """Attributes that a steward may mend in passing: path, and label with what it says."""
        specs = [f for f in DOMAINS[self.lane.record.domain].fields if f.kind not in (Kind.CHILDREN, Kind.LIST)]
        return [(f.name, f"{f.label}: {_say(f, self.told.get(f.name))[:60]}") for f in specs]


class TrialView(LaneView):
    """A letter that was not sent: what it says, and what of it is new to the target."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(trial.lane)
        self.trial, self.letter = trial, trial.letter

    def _holds(self, delivered: Delivered) -> bool:
        return False  # the same version may read otherwise by now: the mapping changed, or an exception ended


def _say(spec: Field, value: Any) -> str:
    return children.joined(spec, value) if spec.kind is Kind.CHILDREN and value else words.display(spec, value)


def _lines(text: str) -> list[str]:
    """JSON indented, HL7 by segment, X12 by segment, CSV by row; the beginning of a long one."""
    try:
        text = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    except ValueError:
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("~", "~\n")
    return text[:BODY].rstrip("\n").split("\n")


def find(pk: int, **condition: Any) -> Lane | None:
    rows = Lane.objects.select_related("target", "record", "letter", "waits_for")
    return rows.filter(pk=pk, **condition).first()


def find_dead(pk: int) -> Lane | None:
    return find(pk, state=Lane.State.DEAD)


@dataclass(frozen=True, slots=True)
class Page:
    lanes: Sequence[Lane]
    following: int | None


def page_of(state: str, target: str = "", record: str = "", after: int = 0) -> Page:
    """Lanes in one of ``STATES``, or all of one record; off the partial indexes of what is not at rest."""
    rows = Lane.objects.select_related("target", "record", "waits_for")
    if record:
        golden = GoldenRecord.objects.filter(public_id=record.strip().upper())
        rows = rows.filter(record__in=golden)
    else:
        rows = rows.filter(COUNTS[state])
    if target:
        rows = rows.filter(target__code=target)
    found = list(rows.filter(Q(pk__gt=after)).order_by("pk")[: SHOWN + 1])
    return Page(found[:SHOWN], found[SHOWN - 1].pk if len(found) > SHOWN else None)
