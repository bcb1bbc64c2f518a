"""``/api/v1/change-requests``: what waits for a second person."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import permissions
from mdm.api import examples, paging
from mdm.api.base import Nothing, Strict, View, actor
from mdm.api.fields import Difference
from mdm.exceptions import NotFound
from mdm.models import ChangeRequest, User
from mdm.services import requests


class RequestQuery(paging.PageQuery):
    state = serializers.ChoiceField(choices=ChangeRequest.State.choices, default="open", help_text="Left out: open.")


class ChangeRequestShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=ChangeRequest.Kind.choices)
    state = serializers.ChoiceField(choices=ChangeRequest.State.choices)
    subject = serializers.CharField(allow_null=True, help_text="The golden record it is about.")
    other = serializers.CharField(allow_null=True)
    path = serializers.CharField()
    expected_version = serializers.IntegerField(help_text="The subject's version that is to be approved.")
    diff = Difference()
    reason = serializers.CharField()
    proposer = serializers.CharField()
    proposed_at = serializers.DateTimeField()
    approver = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decision_reason = serializers.CharField()


class RequestList(View):
    """Change requests by age, a page at a time."""

    permission = permissions.VIEW
    tag, operation = "Change requests", "change_requests_list"
    query, answer = RequestQuery, paging.page_of(ChangeRequestShape, "ChangeRequestPage")
    answer_example: ClassVar = {"results": [examples.CHANGE_REQUEST], "next": None}

    def get(self, request: Request) -> Response:
        query = RequestQuery.of_query(request)
        waiting = _requests().filter(state=query["state"])
        if key := paging.after(query, "change-requests"):
            waiting = waiting.filter(pk__gt=key[0])
        found = list(waiting[: query["limit"] + 1])
        rows, cursor = paging.page(found, query, "change-requests", lambda row: [row.pk])
        return Response({"results": [show(row) for row in rows], "next": cursor})


class RequestDetail(View):
    """One change request."""

    permission = permissions.VIEW
    tag, operation = "Change requests", "change_requests_detail"
    answer, answer_example = ChangeRequestShape, examples.CHANGE_REQUEST

    def get(self, request: Request, pk: int) -> Response:
        return Response(show(find(pk)))


class Approval(Strict):
    reason = serializers.CharField(required=False, default="", max_length=500, allow_blank=True)


class Refusal(Strict):
    reason = serializers.CharField(max_length=500)


class DecideRequest(View):
    """Base of the three answers to a change request."""

    tag = "Change requests"
    body: ClassVar[type[Strict]] = Nothing
    body_example: ClassVar[dict[str, Any]] = {"reason": "Checked with the supplier."}
    answer, answer_example = ChangeRequestShape, examples.CHANGE_REQUEST

    def post(self, request: Request, pk: int) -> Response:
        self.decide(find(pk), self.body.checked(request.data), actor(request))
        return Response(show(find(pk)))

    def decide(self, request: ChangeRequest, given: dict[str, Any], who: User) -> None:
        raise NotImplementedError


class ApproveRequest(DecideRequest):
    """Carry the change out. Refused to its proposer, when the record has changed since it was proposed, and without a
    reason where a guardrail of proposed match rules (`diff.guardrails`) isn't passed.
    """

    permission = permissions.APPROVE
    operation, body = "change_requests_approve", Approval

    def decide(self, request: ChangeRequest, given: dict[str, Any], who: User) -> None:
        requests.approve(request=request, actor=who, **given)


class RejectRequest(DecideRequest):
    """Leave everything as it is."""

    permission = permissions.APPROVE
    operation, body = "change_requests_reject", Refusal

    def decide(self, request: ChangeRequest, given: dict[str, Any], who: User) -> None:
        requests.reject(request=request, actor=who, **given)


class WithdrawRequest(DecideRequest):
    """Take one's own proposal back."""

    permission = permissions.VIEW
    operation = "change_requests_withdraw"
    body_example: ClassVar[dict[str, Any]] = {}

    def decide(self, request: ChangeRequest, given: dict[str, Any], who: User) -> None:
        requests.withdraw(request=request, actor=who)


def _requests() -> QuerySet[ChangeRequest]:
    return ChangeRequest.objects.select_related("subject", "other", "proposer", "approver").order_by("pk")


def find(pk: int) -> ChangeRequest:
    request = _requests().filter(pk=pk).first()
    if request is None:
        raise NotFound(f"There is no change request {pk}.")
    return request


_PLAIN = ("kind", "state", "path", "expected_version", "diff", "reason", "proposed_at", "decided_at", "decision_reason")


def show(request: ChangeRequest) -> dict[str, Any]:
    return {
        "id": request.pk,
        **{name: getattr(request, name) for name in _PLAIN},
        "subject": request.subject and request.subject.public_id,
        "other": request.other and request.other.public_id,
        "proposer": request.proposer.username,
        "approver": request.approver and request.approver.username,
    }


ROUTES = [
    path("change-requests", RequestList.as_view(), name="change-request-list"),
    path("change-requests/<int:pk>", RequestDetail.as_view(), name="change-request-detail"),
    path("change-requests/<int:pk>/approve", ApproveRequest.as_view(), name="change-request-approve"),
    path("change-requests/<int:pk>/reject", RejectRequest.as_view(), name="change-request-reject"),
    path("change-requests/<int:pk>/withdraw", WithdrawRequest.as_view(), name="change-request-withdraw"),
]
