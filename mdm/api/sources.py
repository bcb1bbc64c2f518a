"""``/api/v1/sources/{code_system}/records``: a system tells Concord what it has, up to 500 records at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import permissions
from mdm.api import examples
from mdm.api.base import Strict, View, actor
from mdm.api.fields import AttributeValues
from mdm.api.problems import leaves
from mdm.exceptions import InvalidValue
from mdm.lookup import code_systems
from mdm.models import PRIMARY, CodeSystem, Ingest, SourceRecord, User
from mdm.services import ingest, resolve
from mdm.services.ingest import Row
from mdm.values import CODE_LENGTH, UOM_LENGTH, Problem, parse_values

MAX_RECORDS = 500


class RecordInput(Strict):
    code = serializers.CharField(max_length=CODE_LENGTH, help_text="Your own code of the record.")
    uom = serializers.CharField(
        max_length=UOM_LENGTH, required=False, default="", allow_blank=True, help_text="The unit you count it in."
    )
    updated_at = serializers.DateTimeField(required=False, default=None, allow_null=True)
    values = AttributeValues(help_text="Canonical attributes, as in `attributes` of a golden record.")


class Submission(Strict):
    records = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=MAX_RECORDS)


class SubmissionShape(serializers.Serializer[Any]):
    """For the description: each record is checked by itself, so that one bad one doesn't refuse the others."""

    records = RecordInput(many=True, help_text=f"1 to {MAX_RECORDS}.")


class ValueProblem(serializers.Serializer[Any]):
    path = serializers.CharField()
    value = serializers.CharField()
    message = serializers.CharField()


class OutcomeShape(serializers.Serializer[Any]):
    code = serializers.CharField(allow_null=True)
    outcome = serializers.ChoiceField(
        choices=["created", "linked", "updated", "unchanged", "review", "pending", "refused"],
        help_text="created: a new golden record. review: a steward decides. pending: it is resolved in a moment.",
    )
    golden = serializers.CharField(allow_null=True, help_text="Public id of the golden record it belongs to.")
    problems = ValueProblem(many=True, help_text="Why it was refused.")
    invalid = serializers.DictField(
        child=serializers.CharField(),
        help_text="Identifiers that were kept although they are invalid, and why they are.",
    )


class SubmissionAnswer(serializers.Serializer[Any]):
    ingest = serializers.IntegerField(help_text="Names this submission in Concord.")
    received = serializers.IntegerField()
    new = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    outcomes = OutcomeShape(many=True, help_text="One per record, in the order sent.")


@dataclass(frozen=True, slots=True)
class _Read:
    """One record of the body: the row to land, or the problems that keep it out."""

    code: str | None
    row: Row | None = None
    problems: Sequence[Problem] = ()


class SubmitRecords(View):
    """Send records of one of your code systems. Good ones are kept whatever the others are; repeating is harmless."""

    permission = permissions.SUBMIT
    tag, operation = "Sources", "sources_submit"
    body, answer = SubmissionShape, SubmissionAnswer
    body_example, answer_example = examples.SUBMISSION, examples.SUBMISSION_ANSWER

    def post(self, request: Request, code_system: str) -> Response:
        system = _own(code_system)
        read = _read_all(system, Submission.checked(request.data)["records"])
        rows = [one.row for one in read if one.row]
        before = _records(system, rows)
        landed = _land(system, rows, len(read) - len(rows), actor(request))
        after = _records(system, rows)
        return Response(_answer(landed, [_outcome(one, before, after) for one in read]))


def _own(slug: str) -> CodeSystem:
    system = code_systems.get(slug)
    if system.kind != PRIMARY:
        raise InvalidValue(f"{slug} is a public identifier, not a system's own records. Submit to one of those.")
    return system


def _read_all(system: CodeSystem, records: Sequence[Any]) -> list[_Read]:
    """Each record by itself. The second record of a code is refused: which one is right, Concord can't know."""
    seen: dict[str, int] = {}
    read = []
    for number, record in enumerate(records, start=1):
        one = _read(system, number, record)
        if one.row and (first := seen.setdefault(one.row.code, number)) != number:
            text = f"Record {first} of this submission has this code already. Send each code once."
            one = _Read(one.code, problems=[Problem("code", one.row.code, text)])
        read.append(one)
    return read


def _read(system: CodeSystem, number: int, record: Any) -> _Read:
    envelope = RecordInput(data=record)
    if not envelope.is_valid():
        code = record.get("code")
        problems = [Problem(pointer, "", text) for pointer, text in leaves(envelope.errors)]
        return _Read(code if isinstance(code, str) else None, problems=problems)
    given = envelope.validated_data
    parsed = parse_values(system.domain, given["values"], units=system.units)
    if parsed.problems:
        return _Read(given["code"], problems=parsed.problems)
    row = Row(
        number=number,
        code=given["code"],
        uom=given["uom"],
        updated_at=given["updated_at"],
        values=parsed.values,
        invalid=parsed.invalid,
        raw=record,
        written=parsed.written,
        units=system.units,
    )
    return _Read(given["code"], row)


def _land(system: CodeSystem, rows: Sequence[Row], refused: int, who: User) -> Ingest:
    """Land and resolve. Landed records that can't be resolved now stay pending, and the sweep takes them."""
    landing = ingest.begin(code_system=system, channel="api", actor=who)
    ingest.land(ingest=landing, rows=rows)
    landing.refused = refused
    landing.save(update_fields=["refused"])
    ingest.finish(ingest=landing)
    waiting = _records(system, rows).values()
    if ids := [record.pk for record in waiting if record.state == SourceRecord.State.PENDING]:
        resolve.resolve_pending(domain=system.domain, actor=who, ids=ids)
    return landing


def _records(system: CodeSystem, rows: Sequence[Row]) -> dict[str, SourceRecord]:
    found = SourceRecord.objects.filter(code_system=system, code__in=[row.code for row in rows])
    wanted = found.select_related("golden").only("code", "state", "version", "link_reason", "golden__public_id")
    return {record.code: record for record in wanted}


def _outcome(one: _Read, before: Mapping[str, SourceRecord], after: Mapping[str, SourceRecord]) -> dict[str, Any]:
    if one.row is None:
        problems = [{"path": p.path, "value": p.value, "message": p.message} for p in one.problems]
        return {"code": one.code, "outcome": "refused", "golden": None, "problems": problems, "invalid": {}}
    record = after[one.row.code]
    return {
        "code": one.code,
        "outcome": _word(before.get(one.row.code), record),
        "golden": record.golden and record.golden.public_id,
        "problems": [],
        "invalid": one.row.invalid,
    }


def _word(before: SourceRecord | None, after: SourceRecord) -> str:
    if before and before.version == after.version:
        return "unchanged"
    if after.state != SourceRecord.State.LINKED:
        return after.state
    if before:
        return "updated"
    return "created" if after.link_reason == SourceRecord.LinkReason.NEW else "linked"


def _answer(landed: Ingest, outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    counts = {name: getattr(landed, name) for name in ("received", "new", "changed", "unchanged", "refused")}
    return {"ingest": landed.pk, **counts, "outcomes": outcomes}


ROUTES = [path("sources/<str:code_system>/records", SubmitRecords.as_view(), name="source-records")]
