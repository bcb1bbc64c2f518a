"""Effective periods of codes: what a code meant from one day to another. A correction adds knowledge, it changes none:
rows that say otherwise are closed, what they said about other days is opened anew, and old answers stay as they were.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import InvalidValue, NeedsReason, Refused
from mdm.locks import lock_name, lock_records
from mdm.models import BEGINNING, PRIMARY, CodeSystem, Crosswalk, GoldenRecord, User
from mdm.services.change import writable
from mdm.services.crosswalk import Period, open_rows
from mdm.services.follow import rebuild_naming, rebuild_waiting
from mdm.services.survive import recompute

MAX_CODE = Crosswalk._meta.get_field("code").max_length or 0


@transaction.atomic
def state_period(
    *,
    code_system: CodeSystem,
    code: str,
    golden: GoldenRecord,
    actor: User,
    reason: str,
    valid_from: dt.date | None = None,
    valid_to: dt.date | None = None,
    uom: str = "",
) -> Crosswalk:
    """The code meant this record from ``valid_from`` until before ``valid_to``, in this unit.

    What a code means until further notice is its own record's to say, where its system has one: such a period must end.
    """
    permissions.require(actor, permissions.CHANGE_IDENTITY)
    if not reason.strip():
        raise NeedsReason
    code = _checked(code_system, code, golden)
    lock_name("mapping", code_system.slug)  # nobody else says what codes of this system mean meanwhile
    period = valid_from or BEGINNING, valid_to
    lock_records(golden, *(row.golden.survivor for row in _overlapping(code_system, code, period)))
    golden = writable(golden)
    if valid_to is not None and valid_to <= period[0]:
        raise InvalidValue("valid_to must be after valid_from: it is the first day that the period no longer holds.")
    change = Change.begin(actor, "crosswalk.period", reason)
    rows = _overlapping(code_system, code, period)
    if valid_to is None and any(r.source_id and r.valid_to is None and r.golden_id != golden.pk for r in rows):
        raise Refused(f"{code_system.slug} has a record of its own for {code}: move that record, or say valid_to.")
    _make_room(change, rows, period)
    entry = code_system.pk, code, uom
    open_rows(change, [(entry, golden.pk, None)], [period])
    made = Crosswalk.objects.get(change_id=change.id, code=code, golden=golden, valid_from=period[0], known_to=None)
    change.audit(about=made, golden=golden, after={"code": made.pk, "closed": [row.pk for row in rows]})
    for row in rows:
        _pass_on(change, row, period[0])
    _tell(change, golden, rows, entry[:2], lasting=valid_to is None)
    return made


def _checked(code_system: CodeSystem, code: str, golden: GoldenRecord) -> str:
    if code_system.kind != PRIMARY or not code_system.unique:
        raise Refused(f"The codes of {code_system.slug} follow from the attributes of records. Change those.")
    if golden.domain != code_system.domain:
        raise Refused(f"{golden.public_id} is no {code_system.domain}, of which {code_system.slug} has codes.")
    normal = code_system.normalise(code)
    if not normal or len(normal) > MAX_CODE or "\0" in normal:
        raise InvalidValue(f"A code of {code_system.slug} has 1 to {MAX_CODE} characters, none of them NUL.")
    return normal


def _overlapping(code_system: CodeSystem, code: str, period: Period) -> list[Crosswalk]:
    rows = Crosswalk.objects.filter(_within(period), code_system=code_system, code=code, known_to__isnull=True)
    return list(rows.select_related("golden__merged_into").order_by("pk"))


def _within(period: Period) -> Q:
    since, until = period
    later = Q(valid_to__isnull=True) | Q(valid_to__gt=since)
    return later & Q(valid_from__lt=until) if until else later


def _make_room(change: Change, rows: list[Crosswalk], period: Period) -> None:
    """Close these rows and open what is left of each before and after the period."""
    since, until = period
    Crosswalk.objects.filter(pk__in=[row.pk for row in rows]).update(known_to=change.at)
    left: list[tuple[Crosswalk, Period, bool]] = []
    for row in rows:
        if row.valid_from < since:
            left.append((row, (row.valid_from, since), row.preferred))
        if until is not None and (row.valid_to is None or row.valid_to > until):
            left.append((row, (until, row.valid_to), row.preferred))
    _open(change, left)


def _pass_on(change: Change, closed: Crosswalk, since: dt.date) -> None:
    """Where a record has lost its preferred code from a day on, the oldest that is left is preferred from that day on;
    what was said of the days before stays.
    """
    same = {"golden": closed.golden, "code_system": closed.code_system, "uom": closed.uom}
    left = list(Crosswalk.objects.filter(**same, known_to__isnull=True, valid_to__isnull=True).order_by("pk"))
    if closed.valid_to is not None or not left or any(row.preferred for row in left):
        return
    heir, start = left[0], max(since, closed.valid_from)
    Crosswalk.objects.filter(pk=heir.pk).update(known_to=change.at)
    before = [(heir, (heir.valid_from, start), False)] if heir.valid_from < start else []
    _open(change, [*before, (heir, (max(start, heir.valid_from), None), True)])


def _open(change: Change, parts: Sequence[tuple[Crosswalk, Period, bool]]) -> None:
    """Open parts of closed rows anew: (row, its days, whether it is preferred then)."""
    open_rows(
        change,
        [((row.code_system_id, row.code, row.uom), row.golden_id, row.source_id) for row, _, _ in parts],
        [period for _, period, _ in parts],
        preferred=[preferred for *_, preferred in parts],
    )


def _tell(
    change: Change, golden: GoldenRecord, closed: Sequence[Crosswalk], code: tuple[int, str], *, lasting: bool
) -> None:
    """Every record whose codes changed gets a version and an event, so that targets hear of it. ``lasting``: what
    names others by this code means another record from now on.
    """
    others = {row.golden.survivor.pk: row.golden.survivor for row in closed if row.golden.survivor.pk != golden.pk}
    ids = [golden.pk, *others]
    recompute(change, golden.domain, ids, relinked=ids)
    if lasting:
        for other in others.values():
            rebuild_naming(change, other)
        rebuild_waiting(change, [code])
