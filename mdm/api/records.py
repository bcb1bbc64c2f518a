"""``/api/v1/records``: any record by its public id, whatever its domain: its codes, and an item's substitutes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import permissions, reverse
from mdm.api import changes, examples, paging
from mdm.api.base import Strict, View, actor, reason_field
from mdm.api.crosswalk import LookupQuery, SubstituteShape, asked
from mdm.api.shapes import PUBLISHED
from mdm.exceptions import NotFound
from mdm.models import DomainName, GoldenRecord, Substitution
from mdm.services import substitution


class OwnCode(serializers.Serializer[Any]):
    code_system = serializers.CharField()
    code = serializers.CharField()
    uom = serializers.CharField()
    preferred = serializers.BooleanField()
    valid_from = serializers.DateField(allow_null=True)
    valid_to = serializers.DateField(allow_null=True)
    factor = serializers.CharField(allow_null=True, help_text="How many of its unit one of `uom` is.")
    no_factor = serializers.CharField(allow_null=True)


class CodesAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    domain = serializers.ChoiceField(choices=DomainName.choices)
    status = serializers.ChoiceField(choices=PUBLISHED)
    name = serializers.CharField()
    redirected_from = serializers.CharField(allow_null=True)
    codes = OwnCode(many=True, help_text="By code system, preferred ones first.")
    substitutes = SubstituteShape(many=True)
    replaces = SubstituteShape(many=True)


class RecordCodes(View):
    """The lookup the other way round: a record's codes in one system, or in all of them."""

    permission = permissions.LOOKUP
    tag, operation = "Crosswalk", "records_codes"
    query, answer, answer_example = LookupQuery, CodesAnswer, examples.RECORD_CODES

    def get(self, request: Request, public_id: str) -> Response:
        return Response(reverse.codes_of(public_id, **asked(request._request.META["QUERY_STRING"])))


class SubstitutionShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    item = serializers.CharField(help_text="The item that is replaced.")
    substitute = serializers.CharField()
    factor = serializers.CharField(help_text="Base units of the substitute for one of the item.")
    site = serializers.CharField(allow_null=True)
    valid_from = serializers.DateField()
    valid_to = serializers.DateField(allow_null=True, help_text="Expiry, exclusive.")
    reason = serializers.CharField()
    approver = serializers.CharField()
    approved_at = serializers.DateTimeField()
    in_force = serializers.BooleanField(help_text="Today.")
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_by = serializers.CharField(allow_null=True)
    end_reason = serializers.CharField()


class Proposal(Strict):
    substitute = serializers.CharField(max_length=20, help_text="Public id of the item that may be used instead.")
    factor = serializers.RegexField(
        rf"^{substitution.FACTOR}$", default="1",
        help_text='Base units of the substitute that stand in for one of the item: "1", "3/2".',
    )  # fmt: skip
    site = serializers.CharField(
        max_length=20,
        required=False,
        default=None,
        allow_null=True,
        help_text="Public id of a location.",
    )
    valid_from = serializers.DateField(required=False, help_text="Left out: today.")
    valid_to = serializers.DateField(required=False, help_text="Expiry, exclusive; left out: until it is ended.")
    reason = reason_field()


class SubstitutionList(View):
    """The substitutes that an item has or had, newest first. Propose one with POST: a second person approves it."""

    permission = permissions.VIEW
    tag, operation = "Substitutes", "substitutes_list"
    query, answer = paging.PageQuery, paging.page_of(SubstitutionShape, "SubstitutionPage")
    answer_example: ClassVar = {"results": [examples.SUBSTITUTION], "next": None}

    def get(self, request: Request, public_id: str) -> Response:
        query = paging.PageQuery.of_query(request)
        record = _golden(public_id)
        scope = f"substitutes:{record.pk}"
        rows = _rows().filter(item=record)
        if key := paging.after(query, scope):
            rows = rows.filter(pk__lt=key[0])
        shown, cursor = paging.page(list(rows[: query["limit"] + 1]), query, scope, lambda row: [row.pk])
        return Response({"results": [_show(row) for row in shown], "next": cursor})


class ProposeSubstitution(View):
    """Ask for leave to use another item in this one's place. It is in force once a second person has approved it."""

    permission = permissions.CHANGE_IDENTITY
    tag, operation, status = "Substitutes", "substitutes_propose", 202
    body, answer, answer_example = Proposal, changes.ChangeRequestShape, examples.CHANGE_REQUEST
    body_example: ClassVar = {"substitute": "MDM-IT-000456", "factor": "1", "valid_to": "2027-02-01",
                              "reason": "Back order"}  # fmt: skip

    def post(self, request: Request, public_id: str) -> Response:
        given = Proposal.checked(request.data)
        site = given.pop("site")
        try:
            factor = Fraction(given.pop("factor"))
        except ZeroDivisionError:
            raise serializers.ValidationError({"factor": "Nothing can be divided by 0."}) from None
        made = substitution.propose(
            item=_golden(public_id),
            substitute=_golden(given.pop("substitute")),
            site=_golden(site) if site else None,
            factor=factor,
            actor=actor(request),
            **given,
        )
        return Response(changes.show(changes.find(made.pk)), status=202)


class Ending(Strict):
    reason = reason_field()


class EndSubstitution(View):
    """It may not be used any more, from now on."""

    permission = permissions.CHANGE_IDENTITY
    tag, operation = "Substitutes", "substitutes_end"
    body, answer, answer_example = Ending, SubstitutionShape, examples.SUBSTITUTION
    body_example: ClassVar = {"reason": "Delivered again"}

    def post(self, request: Request, pk: int) -> Response:
        row = _rows().filter(pk=pk).first()
        if row is None:
            raise NotFound(f"There is no substitute {pk}.")
        substitution.end(substitution=row, actor=actor(request), reason=Ending.checked(request.data)["reason"])
        return Response(_show(_rows().get(pk=pk)))


def _golden(public_id: str) -> GoldenRecord:
    record = GoldenRecord.objects.filter(public_id=public_id).first()
    if record is None:
        raise NotFound(f"There is no golden record {public_id[:40]}.")
    return record


def _rows() -> QuerySet[Substitution]:
    return Substitution.objects.select_related("item", "substitute", "site", "approver", "ended_by").order_by("-pk")


def _show(row: Substitution) -> dict[str, Any]:
    today = timezone.localdate()
    dated = row.valid_from <= today and (row.valid_to is None or row.valid_to > today)
    plain = {n: getattr(row, n) for n in ("valid_from", "valid_to", "reason", "approved_at", "ended_at", "end_reason")}
    return {
        "id": row.pk,
        "item": row.item.public_id,
        "substitute": row.substitute.public_id,
        "factor": str(Fraction(row.numerator, row.denominator)),
        "site": row.site and row.site.public_id,
        "approver": row.approver.username,
        "in_force": dated and row.ended_at is None,
        "ended_by": row.ended_by and row.ended_by.username,
        **plain,
    }


ROUTES = [
    path("records/<slug:public_id>/codes", RecordCodes.as_view(), name="record-codes"),
    path(
        "records/<slug:public_id>/substitutes",
        SubstitutionList.with_writes(post=ProposeSubstitution).as_view(),
        name="substitutes",
    ),
    path("substitutes/<int:pk>/end", EndSubstitution.as_view(), name="substitute-end"),
]
