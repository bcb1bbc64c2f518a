"""Mapping a code that other records name, but whose own record no feed has brought: a steward says what it means."""

from __future__ import annotations

from django.db import transaction

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import NeedsReason, Refused
from mdm.locks import lock_name
from mdm.models import CodeSystem, Crosswalk, GoldenRecord, Ingest, Judgement, SourceRecord, User
from mdm.services import ingest as landing
from mdm.services.change import writable
from mdm.services.judgements import judge, members
from mdm.services.review import link
from mdm.values import CODE_LENGTH


@transaction.atomic
def map_code(*, code_system: CodeSystem, code: str, golden: GoldenRecord, actor: User, reason: str) -> SourceRecord:
    """This code means that golden record. What was waiting for the code is rebuilt.

    A source record that states nothing stands in until its system sends the real one, however that writes the code;
    it then keeps the link.
    """
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    code = code.strip()
    lock_name("mapping", code_system.slug)  # what is landing of this system is seen, what comes later sees us
    target = writable(golden)
    _check(code_system, code, target)
    run = Ingest.objects.create(code_system=code_system, channel=landing.STEWARD, actor=actor)
    landing.land(ingest=run, rows=[landing.Row(number=1, code=code, values={}, raw={})])
    landing.finish(ingest=run)
    change = Change.begin(actor, "code.mapped", reason)
    source = SourceRecord.objects.select_related("code_system").get(code_system=code_system, code=code)
    judge(change, [source.pk], members(target)[:1], Judgement.Verdict.SAME)
    link(change, source, target.pk, score=None)
    change.audit(about=source, golden=target, after={"code_system": code_system.slug, "code": code})
    return source


def _check(code_system: CodeSystem, code: str, target: GoldenRecord) -> None:
    if not code_system.normalise(code) or len(code) > CODE_LENGTH:
        raise Refused("This is no code. Give 1 to 120 characters.")
    if target.domain != code_system.domain:
        raise Refused(f"{target.public_id} is no {code_system.domain}. Choose a record of the same domain.")
    known = _sent(code_system, code)
    if known is not None:
        raise Refused(f"{code_system.slug} has sent a record of this code: it is {known.get_state_display().lower()}.")


def _sent(code_system: CodeSystem, code: str) -> SourceRecord | None:
    """The record that this system has sent of a code, however it wrote it. The crosswalk has those that are linked."""
    records, normal = SourceRecord.objects.filter(code_system=code_system), code_system.normalise(code)
    if exact := records.filter(code=code).first():
        return exact
    linked = Crosswalk.objects.filter(code_system=code_system, code=normal, known_to=None, source__isnull=False)
    if row := linked.select_related("source").first():
        return row.source
    if code_system.is_literal:
        return None
    others = records.filter(golden=None).values_list("code", flat=True).order_by()
    same = next((other for other in others.iterator() if code_system.normalise(other) == normal), None)
    return None if same is None else records.get(code=same)
