"""Effective periods of codes: what a code meant from one day to another. A correction adds knowledge, it changes none:
rows that say otherwise are closed, what they said about other days is opened anew, and old answers stay as they were.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Q

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import InvalidValue, NeedsReason, Refused
from mdm.locks import lock_records
from mdm.models import BEGINNING, PRIMARY, CodeSystem, Crosswalk, GoldenRecord, User
from mdm.services.change import writable
from mdm.services.crosswalk import Period, open_rows

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
    lock_records(golden)
    golden = writable(golden)
    period = valid_from or BEGINNING, valid_to
    if valid_to is not None and valid_to <= period[0]:
        raise InvalidValue("valid_to must be after valid_from: it is the first day that the period no longer holds.")
    change = Change.begin(actor, "crosswalk.period", reason)
    rows = _overlapping(code_system, code, period)
    if valid_to is None and any(r.source_id and r.valid_to is None and r.golden_id != golden.pk for r in rows):
        raise Refused(f"{code_system.slug} has a record of its own for {code}: move that record, or say valid_to.")
    _make_room(change, rows, period)
    open_rows(change, [((code_system.pk, code, uom), golden.pk, None)], [period])
    made = Crosswalk.objects.get(change_id=change.id, code=code, golden=golden, valid_from=period[0], known_to=None)
    change.audit(about=made, golden=golden, after={"code": made.pk, "closed": [row.pk for row in rows]})
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
    since, until = period
    rows = Crosswalk.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gt=since), code_system=code_system, code=code, known_to__isnull=True
    )
    return list((rows.filter(valid_from__lt=until) if until else rows).order_by("pk"))


def _make_room(change: Change, rows: list[Crosswalk], period: Period) -> None:
    """Close these rows and open what is left of each before and after the period."""
    since, until = period
    Crosswalk.objects.filter(pk__in=[row.pk for row in rows]).update(known_to=change.at)
    left: list[tuple[Crosswalk, Period]] = []
    for row in rows:
        if row.valid_from < since:
            left.append((row, (row.valid_from, since)))
        if until is not None and (row.valid_to is None or row.valid_to > until):
            left.append((row, (until, row.valid_to)))
    open_rows(
        change,
        [((row.code_system_id, row.code, row.uom), row.golden_id, row.source_id) for row, _ in left],
        [part for _, part in left],
    )
