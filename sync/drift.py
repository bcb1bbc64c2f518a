"""The three answers to drift: send ours again, take theirs as a change request, or let the target keep it for a while.

An answer is given for *points*: a field of a record that drifted, or the record as a whole.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from mdm.bulk import batched
from mdm.canonical import DOMAINS
from mdm.changes import Change, audit_all
from mdm.exceptions import ConcordError, InvalidValue, NeedsReason, Refused
from mdm.models import GoldenRecord, User, WorkItem
from mdm.permissions import MANAGE_SYNC, OVERRIDE, require
from mdm.services import adopt, work
from sync import fieldmap, pins, services
from sync.models import Drift, LocalException, Reconciliation

MOST = 500  # points that are answered at a time, but for sending ours, which is for all
LONGEST = dt.timedelta(days=366)
GUARDED = {name: {field.name for field in domain.fields if field.guarded} for name, domain in DOMAINS.items()}
PUSHED, PROPOSED, PINNED = "pushed", "proposed", "pinned"


@dataclass(frozen=True, slots=True)
class Point:
    """``field`` "": the record as a whole, because it is missing or in another state there."""

    drift: Drift
    field: str = ""

    @property
    def record(self) -> GoldenRecord:
        if self.drift.record is None:
            raise Refused(f"{self.drift.public_id} was never sent to this target. Remove it there.")
        return self.drift.record

    @property
    def golden(self) -> tuple[str, Any]:
        """(attribute, value) of the golden record that theirs stands for. Raises Refused where it stands for none."""
        rules = self.drift.reconciliation.target.mapping.get(self.drift.domain, {})
        return fieldmap.back(rules, self.field, self.theirs)

    @property
    def ours(self) -> Any:
        return self.drift.fields[self.field][0]

    @property
    def theirs(self) -> Any:
        return self.drift.fields[self.field][1]


@dataclass(frozen=True, slots=True)
class Answered:
    """How many points an answer was given for, and why not for the others."""

    done: int
    problems: tuple[str, ...] = ()


def open_points(drifts: Iterable[Drift], chosen: Collection[str] | None = None) -> list[Point]:
    """Open points of these drifts; of those chosen, each written ``pk:field``."""
    found = [Point(drift, field) for drift in drifts if _mendable(drift) for field in drift.open_fields or ("",)]
    return found if chosen is None else [p for p in found if f"{p.drift.pk}:{p.field}" in chosen]


def _mendable(drift: Drift) -> bool:
    return drift.record_id is not None and not drift.resolution


def push(*, run: Reconciliation, actor: User, reason: str, points: Sequence[Point] | None = None) -> int:
    """Send our version of the drifted records again, each as a whole; returns how many.

    Fields that were answered otherwise keep their answers: what a target may keep is part of our version for it.
    """
    require(actor, MANAGE_SYNC)
    chosen = run.drifts.filter(record__isnull=False, resolution="")
    if points is not None:
        chosen = chosen.filter(pk__in={point.drift.pk for point in points})
    change, pushed = Change.begin(actor, "drift.push", reason), 0
    for keys in batched(list(chosen.order_by("pk").values_list("pk", flat=True)), services.CHUNK):
        drifts = list(chosen.filter(pk__among=keys).select_related("record"))
        records = [drift.record for drift in drifts if drift.record]
        pushed += services.replay(target=run.target, records=records, actor=actor, reason=reason)
        _note(change, PUSHED, open_points(drifts))  # what is noted is not sent again, should this end half-way
    return pushed


def take(*, points: Sequence[Point], actor: User, reason: str) -> Answered:
    """Ask a second person to take the target's values over. Each value for itself: one may be refused, others not."""
    require(actor, MANAGE_SYNC)
    require(actor, OVERRIDE)
    _check(points, reason)
    done, problems = [], []
    for point in points:
        try:
            with transaction.atomic():
                _propose(point, actor, reason)
        except ConcordError as error:
            problems.append(f"{point.drift.public_id}: {error.message}")
        else:
            done.append(point)
    _note(Change.begin(actor, "drift.take", reason), PROPOSED, done)
    return Answered(len(done), tuple(problems))


def _propose(point: Point, actor: User, reason: str) -> None:
    if not point.field:
        raise Refused("There is no value to take over: the record as a whole departs. Send ours.")
    path, value = point.golden
    adopt.propose(golden=point.record, path=path, value=value, actor=actor, reason=reason)


@transaction.atomic
def pin(*, points: Sequence[Point], owner: User, until: dt.datetime, actor: User, reason: str) -> Answered:
    """Let the target keep its values until then; the owner is asked when the time is over."""
    require(actor, MANAGE_SYNC)
    _check(points, reason)
    now = timezone.now()
    if not now < until <= now + LONGEST:
        raise InvalidValue("A local exception ends after today and within a year.")
    if not owner.is_active:
        raise InvalidValue(f"{owner.display_name} can't be asked any more. Name somebody else.")
    if not owner.has_permission(MANAGE_SYNC):
        raise InvalidValue(f"{owner.display_name} may not answer for targets. Name somebody who does.")
    fields = [point for point in points if not _why_not(point)]
    change = Change.begin(actor, "drift.pin", reason)
    for point in fields:
        _pin(change, point, owner, until)
    _note(change, PINNED, fields)
    return Answered(len(fields), tuple(f"{p.drift.public_id}: {why}" for p in points if (why := _why_not(p))))


def _why_not(point: Point) -> str:
    """Why the target may not keep its value; "" if it may."""
    if not point.field:
        return "the record as a whole departs. Send ours."
    if point.field in GUARDED[point.drift.domain]:
        return f"two people decide about {point.field}. Take theirs, or send ours."
    return ""


def _pin(change: Change, point: Point, owner: User, until: dt.datetime) -> None:
    drift, target = point.drift, point.drift.reconciliation.target
    standing = LocalException.objects.filter(
        target=target, record=point.record, field=point.field, ended_at__isnull=True
    )
    pins.close(change, standing.select_for_update(of=("self",)).select_related("target", "record"))
    row = LocalException.objects.create(
        target=target,
        record=point.record,
        field=point.field,
        value=pins.payload_form(drift.domain, point.field, point.theirs),
        owner=owner,
        author=change.actor,
        reason=change.reason,
        created_at=change.at,
        until=until,
    )
    asked = WorkItem.objects.filter(
        kind=WorkItem.Kind.LOCAL_EXCEPTION, subject=pins.subject(row), state__in=WorkItem.LIVE
    )
    work.close(change, asked, resolution="renewed")


def _check(points: Sequence[Point], reason: str) -> None:
    if not reason.strip():
        raise NeedsReason
    if not points:
        raise Refused("Nothing was chosen, or somebody has answered it already. Look at the drift again.")
    if len(points) > MOST:
        raise Refused(f"Answer at most {MOST} at a time; these are {len(points)}.")


@transaction.atomic
def _note(change: Change, answer: str, points: Sequence[Point]) -> None:
    """Write the answers beside what drifted, with an audit row for each record."""
    answers: dict[int, dict[str, str]] = defaultdict(dict)
    for point in points:
        answers[point.drift.pk][point.field] = answer
    drifts = Drift.objects.select_for_update(of=("self",)).select_related("record", "reconciliation__target")
    rows = list(drifts.filter(pk__in=answers).order_by("pk"))
    for row in rows:
        row.answers = row.answers | answers[row.pk]
        row.resolution = "" if row.open_fields else answer
    Drift.objects.bulk_update(rows, ["answers", "resolution"], batch_size=500)
    audit_all([_entry(change, row, answer, [f for f in answers[row.pk] if f]) for row in rows])


def _entry(change: Change, drift: Drift, answer: str, fields: list[str]) -> Any:
    about = {"target": drift.reconciliation.target.code, "answer": answer, "fields": fields}
    return change.entry(golden=drift.record, about=drift, after=about)
