"""Changing golden records over the API: enter, override, merge, unmerge, split, retire. The same services as on screen,
under the same rules: what needs a second person becomes a change request, answered with 202.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import URLPattern, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import permissions
from mdm.api import changes, conditional, examples
from mdm.api.base import Nothing, Strict, View, actor, expected_etag, reason_field
from mdm.api.fields import AttributeValues
from mdm.api.golden import find_record, reads, shown
from mdm.api.json import dumps
from mdm.api.shapes import SHAPES
from mdm.canonical import DOMAINS, Domain
from mdm.exceptions import NotFound
from mdm.models import ChangeRequest, GoldenRecord, Override, SourceRecord
from mdm.services import change, enter, merge, split


class Entering(Strict):
    values = AttributeValues(help_text="Canonical attributes, as for submitting a source record.")
    reason = reason_field()
    not_same_as = serializers.ListField(
        child=serializers.CharField(max_length=20),
        max_length=50,
        required=False,
        default=list,
        help_text="Ids of the candidates that you have looked at, and that it is not.",
    )


class Entered(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(
        choices=["created", "linked", "review", "pending"],
        help_text="review: a steward decides. pending: it is resolved in a moment.",
    )
    golden = serializers.CharField(allow_null=True, help_text="Public id of the golden record.")
    code_system = serializers.CharField()
    code = serializers.CharField(help_text="Names the record that was entered.")


class EnterRecord(View):
    description = (
        "Enter a record by hand. What it may be already is looked for first: candidates are answered with 409 until "
        "`not_same_as` names them."
    )
    permission = permissions.IMPORT
    domain: ClassVar[Domain]
    body, answer, status = Entering, Entered, 201
    answer_example: ClassVar = {"outcome": "created", "golden": "MDM-IT-000123", "code_system": "concord-item",
                                "code": "6b2f0c1e9f5d4d1c8c0e1a5b9c1d2e3f"}  # fmt: skip

    def post(self, request: Request) -> Response:
        given = Entering.checked(request.data)
        record = enter.enter(domain=self.domain.name, actor=actor(request), **given)
        outcome = {
            "outcome": "created" if record.link_reason == SourceRecord.LinkReason.NEW else record.state,
            "golden": record.golden and record.golden.public_id,
            "code_system": record.code_system.slug,
            "code": record.code,
        }
        return Response(outcome, status=201)


class RecordAction(View):
    """Base: find the record, hold it to If-Match, call the service, show what became of it."""

    domain: ClassVar[Domain]
    conditional: ClassVar[bool] = True
    body: ClassVar[type[Strict]] = Nothing
    body_example: ClassVar[dict[str, Any]] = {}

    def act(self, record: GoldenRecord, given: dict[str, Any], request: Request) -> GoldenRecord | ChangeRequest | None:
        raise NotImplementedError

    def run(self, request: Request, public_id: str) -> Response:
        record = find_record(self.domain, public_id, drafts=True)
        given = self.body.checked(request.data)
        if "HTTP_IF_MATCH" in request.META:
            expected_etag(request, shown(record))
        done = self.act(record, given, request)
        if isinstance(done, ChangeRequest):
            return Response(changes.show(changes.find(done.pk)), status=202)
        now = shown(GoldenRecord.objects.select_related("merged_into").get(pk=(done or record).pk))
        return Response(now, headers={"ETag": conditional.etag(dumps(now))} if request.method == "PATCH" else None)


class PostAction(RecordAction):
    def post(self, request: Request, public_id: str) -> Response:
        return self.run(request, public_id)


class Values(Strict):
    values = AttributeValues(help_text="{attribute: value}, of children `packaging[CA].quantity`. Null: not stated.")
    reason = reason_field()
    until = serializers.DateTimeField(required=False, help_text="The sources speak again from then on.")


class OverrideValues(RecordAction):
    description = (
        "Put your values in place of the sources'. Guarded attributes of a live record wait for approval; see its "
        "change requests. Send the record's ETag as If-Match to change only what you saw."
    )
    permission = permissions.OVERRIDE
    body = Values
    body_example: ClassVar = {"values": {"brand": "HALDEN"}, "reason": "Confirmed by the supplier"}

    def patch(self, request: Request, public_id: str) -> Response:
        return self.run(request, public_id)

    def act(self, record: GoldenRecord, given: dict[str, Any], request: Request) -> GoldenRecord:
        return change.override_all(
            golden=record,
            values=given["values"],
            actor=actor(request),
            reason=given["reason"],
            until=given.get("until"),
            expected_version=record.version if "HTTP_IF_MATCH" in request.META else None,
        )


class Withdrawal(Strict):
    path = serializers.CharField(max_length=80, help_text="The attribute whose override ends.")
    reason = reason_field()


class WithdrawOverride(PostAction):
    description = "Let the sources speak again for an attribute."
    permission = permissions.OVERRIDE
    body = Withdrawal
    body_example: ClassVar = {"path": "brand", "reason": "The ERP is right now"}

    def act(self, record: GoldenRecord, given: dict[str, Any], request: Request) -> GoldenRecord:
        standing = Override.objects.filter(
            golden=record, path=given["path"], kind=Override.Kind.STEWARD, withdrawn_at__isnull=True
        )
        if (row := standing.first()) is None:
            raise NotFound(f"{record.public_id} has no override of {given['path'][:80]}.")
        return change.withdraw_override(override=row, actor=actor(request), reason=given["reason"])


class Merging(Strict):
    other = serializers.CharField(max_length=20, help_text="Public id of the record that is the same thing.")
    reason = reason_field()
    picks = AttributeValues(required=False, help_text="Values that should survive: {path: value}.")


class MergeRecords(PostAction):
    proposal = changes.ChangeRequestShape
    description = (
        "Make one record of two. Which survives is not the caller's choice: the live one, else the published one, else "
        "the older. Of criticality high it is proposed: 202 with the change request."
    )
    permission = permissions.CHANGE_IDENTITY
    body = Merging
    body_example: ClassVar = {"other": "MDM-IT-000456", "reason": "Same catalogue number"}

    def act(self, record: GoldenRecord, given: dict[str, Any], request: Request) -> GoldenRecord | ChangeRequest:
        other = find_record(self.domain, given["other"], drafts=True)
        seen = {record.pk: record.version} if "HTTP_IF_MATCH" in request.META else None
        return merge.merge(
            survivor=record, loser=other, actor=actor(request), reason=given["reason"],
            picks=given.get("picks"), expected_versions=seen,
        )  # fmt: skip


class Reasoned(Strict):
    reason = reason_field()


class UnmergeRecord(PostAction):
    description = "Undo the merge of this id: it lives again, with the source records that it brought."
    permission = permissions.CHANGE_IDENTITY
    body = Reasoned
    body_example: ClassVar = {"reason": "Two sizes"}

    def act(self, record: GoldenRecord, given: dict[str, Any], request: Request) -> GoldenRecord:
        return split.unmerge(loser=record, actor=actor(request), reason=given["reason"])


class RetireRecord(PostAction):
    proposal = changes.ChangeRequestShape
    description = "End the record's life. Of criticality high it is proposed: 202 with the change request."
    permission = permissions.CHANGE_IDENTITY
    body = Reasoned
    body_example: ClassVar = {"reason": "No longer made"}

    def act(self, record: GoldenRecord, given: dict[str, Any], request: Request) -> GoldenRecord | ChangeRequest:
        return change.retire(golden=record, actor=actor(request), reason=given["reason"])


class SourceKey(Strict):
    code_system = serializers.CharField(max_length=80)
    code = serializers.CharField(max_length=120)


class Splitting(Strict):
    sources = SourceKey(many=True, allow_empty=False, help_text="The source records that leave.")
    reason = reason_field()


class SplitRecord(PostAction):
    description = "Give some of the record's source records a golden record of their own, and answer with that one."
    permission = permissions.CHANGE_IDENTITY
    body = Splitting
    body_example: ClassVar = {"sources": [{"code_system": "scm-item", "code": "S-1"}], "reason": "Another size"}

    def act(self, record: GoldenRecord, given: dict[str, Any], request: Request) -> GoldenRecord:
        wanted = {(one["code_system"], one["code"]) for one in given["sources"]}
        linked = SourceRecord.objects.filter(golden=record).select_related("code_system")
        sources = [row for row in linked if (row.code_system.slug, row.code) in wanted]
        if len(sources) != len(wanted):
            raise NotFound(f"Not all of these are source records of {record.public_id}.")
        return split.split(golden=record, sources=sources, actor=actor(request), reason=given["reason"])


ACTIONS: dict[str, type[PostAction]] = {
    "merge": MergeRecords,
    "unmerge": UnmergeRecord,
    "split": SplitRecord,
    "retire": RetireRecord,
    "withdraw-override": WithdrawOverride,
}


def _of(view: type[View], domain: Domain, operation: str, **declared: Any) -> Any:
    own = {"domain": domain, "tag": domain.plural, "operation": f"{domain.name}_{operation}"} | declared
    return type(f"{view.__name__}{SHAPES[domain.name].__name__}", (view,), own)


def routes(domain: Domain) -> list[URLPattern]:
    """Everything under ``/items`` and the like: reads, and writes beside them."""
    word, shown = domain.plural.lower().replace(" ", "-"), reads(domain)
    shape = {"answer": SHAPES[domain.name], "answer_example": examples.GOLDEN[domain.name]}
    example = {"values": {domain.fields[0].name: "CATHETER FOLEY 16FR"}, "reason": "Needed for a new procedure"}
    enter_record = _of(EnterRecord, domain, "enter", body_example=example)
    override = _of(OverrideValues, domain, "override", **shape)
    record = f"{word}/<slug:public_id>"
    return [
        path(word, shown["list"].with_writes(post=enter_record).as_view(), name=f"{word}-list"),
        path(record, shown["detail"].with_writes(patch=override).as_view(), name=f"{word}-detail"),
        path(f"{record}/history", shown["history"].as_view(), name=f"{word}-history"),
        path(f"{record}/provenance", shown["provenance"].as_view(), name=f"{word}-provenance"),
        *(
            path(
                f"{record}/{name}",
                _of(view, domain, name.replace("-", "_"), **shape).as_view(),
                name=f"{word}-{name}",
            )
            for name, view in ACTIONS.items()
        ),
    ]


ROUTES = [route for domain in DOMAINS.values() for route in routes(domain)]
