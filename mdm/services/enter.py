"""Entering a record by hand: a steward's word is a source record like any system's, so what becomes of it is decided
by the same engine. Search comes first: what it may be already must be looked at before there is a second one.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import ConcordError, InvalidValue, NeedsReason
from mdm.models import CodeSystem, GoldenRecord, Judgement, SourceRecord, SourceSystem, User
from mdm.services import ingest, match, resolve
from mdm.services.ingest import Row
from mdm.services.judgements import judge, members
from mdm.values import parse_values

SYSTEM = "concord"


class MayExist(ConcordError):
    """This may exist already. Use one of the candidates, or name in not_same_as those that you have looked at."""

    status = 409
    code = "may-exist"


def own_codes(domain: str) -> CodeSystem:
    """Concord's own code system of a domain: of records that people entered."""
    system, _ = SourceSystem.objects.get_or_create(
        code=SYSTEM, defaults={"name": "Entered in Concord", "kind": SourceSystem.Kind.STEWARD}
    )
    return CodeSystem.objects.own(system, domain)


@transaction.atomic
def enter(
    *, domain: str, values: Mapping[str, Any], actor: User, reason: str, not_same_as: Sequence[str] = ()
) -> SourceRecord:
    """Make a record with these canonical values: linked to a new golden record, or in review where it is in doubt.

    Raises:
        InvalidValue: a value doesn't fit.
        MayExist: with the candidates, unless all of them are named in ``not_same_as``: they are then judged different.
    """
    permissions.require(actor, permissions.IMPORT)
    if not_same_as:
        permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    parsed = parse_values(domain, values)
    if parsed.problems:
        first = parsed.problems[0]
        raise InvalidValue(f"{first.path}: {first.message}", path=first.path)
    if not parsed.values:
        raise InvalidValue("A record needs at least one value, e.g. a name or description.")
    codes = own_codes(domain)
    apart = _looked_at(domain, parsed.values, actor, codes, not_same_as)
    landing = ingest.begin(code_system=codes, channel=ingest.STEWARD, actor=actor)
    row = Row(
        number=1,
        code=uuid.uuid4().hex,
        values=parsed.values,
        raw=dict(values),
        invalid=parsed.invalid,
        written=parsed.written,
    )
    ingest.land(ingest=landing, rows=[row])
    ingest.finish(ingest=landing)
    record = SourceRecord.objects.get(code_system=codes, code=row.code)
    change = Change.begin(actor, "record.entered", reason)
    change.audit(about=record, after={"code": row.code})
    if apart:
        judge(change, [record.pk], [pk for golden in apart for pk in members(golden)], Judgement.Verdict.DIFFERENT)
    resolve.resolve_pending(domain=domain, actor=actor, ids=[record.pk])
    return SourceRecord.objects.select_related("golden").get(pk=record.pk)


def _looked_at(
    domain: str, values: Mapping[str, Any], actor: User, codes: CodeSystem, not_same_as: Sequence[str]
) -> list[GoldenRecord]:
    """The candidates that the caller says it isn't. Raises ``MayExist`` if there are others that it may be."""
    found = match.find(domain=domain, values=values, actor=actor, code_system=codes)
    likely = [one for one in found.matches if one.decision in ("link", "review")]
    if open_ := [one for one in likely if one.golden.public_id not in not_same_as]:
        raise MayExist(
            candidates=[
                {"id": one.golden.public_id, "name": one.golden.name, "score": round(one.score, 2)} for one in open_
            ]
        )
    return list(GoldenRecord.objects.filter(domain=domain, public_id__in=not_same_as))
