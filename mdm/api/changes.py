"""``/api/v1/changes``: the feed of what changed. ``/api/v1/change-requests``: what waits for a second person."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mdm import permissions
from mdm.api import examples, paging
from mdm.api.base import Strict, actor
from mdm.exceptions import NotFound
from mdm.models import ChangeEvent, ChangeRequest, DomainName, User
from mdm.services import requests


class FeedQuery(Strict):
    after = serializers.IntegerField(
        min_value=0, max_value=2**63 - 1, default=0, help_text="The position you have read."
    )
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=200)
    domain = serializers.ChoiceField(choices=DomainName.choices, required=False)


class ChangeShape(serializers.Serializer[Any]):
    position = serializers.IntegerField()
    id = serializers.CharField(help_text="Public id of the golden record.")
    domain = serializers.CharField()
    version = serializers.IntegerField()
    kind = serializers.CharField(help_text="created, updated, published, retired, merged or unmerged.")
    changed = serializers.ListField(child=serializers.CharField())
    merged_into = serializers.CharField(allow_null=True, help_text="The survivor, as of now.")
    change_id = serializers.UUIDField(help_text="Shared by everything that one action changed: both sides of a merge.")
    recorded_at = serializers.DateTimeField()


class Feed(serializers.Serializer[Any]):
    changes = ChangeShape(many=True)
    position = serializers.IntegerField(help_text="Send it as `after` next time.")
    more = serializers.BooleanField(help_text="There is more to read already.")


class ChangeFeed(APIView):
    """Changes of published records in the order of their commits, without gaps. Store `position`, and ask again."""

    permission = permissions.VIEW
    tag, operation = "Changes", "changes_feed"
    query, answer, answer_example = FeedQuery, Feed, examples.FEED

    def get(self, request: Request) -> Response:
        query = FeedQuery.of_query(request)
        events = ChangeEvent.objects.filter(position__gt=query["after"], published=True).order_by("position")
        if domain := query.get("domain"):
            events = events.filter(record__domain=domain)
        rows = list(events.select_related("record__merged_into")[: query["limit"] + 1])
        shown, more = rows[: query["limit"]], len(rows) > query["limit"]
        position = shown[-1].position if shown else query["after"]
        return Response({"changes": [_change(event) for event in shown], "position": position, "more": more})


def _change(event: ChangeEvent) -> dict[str, Any]:
    record = event.record
    return {
        "position": event.position,
        "id": record.public_id,
        "domain": record.domain,
        "version": event.version,
        "kind": event.kind,
        "changed": event.changed,
        "merged_into": record.merged_into and record.merged_into.public_id,
        "change_id": event.change_id,
        "recorded_at": event.recorded_at,
    }


class RequestQuery(paging.PageQuery):
    state = serializers.ChoiceField(choices=ChangeRequest.State.choices, default="open")


class ChangeRequestShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.CharField(help_text="merge, retire, guarded_value or policy.")
    state = serializers.CharField()
    subject = serializers.CharField(allow_null=True, help_text="The golden record it is about.")
    other = serializers.CharField(allow_null=True)
    path = serializers.CharField()
    expected_version = serializers.IntegerField(help_text="The subject's version that is to be approved.")
    diff = serializers.DictField()
    reason = serializers.CharField()
    proposer = serializers.CharField()
    proposed_at = serializers.DateTimeField()
    approver = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decision_reason = serializers.CharField()


class RequestList(APIView):
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


class RequestDetail(APIView):
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


class DecideRequest(APIView):
    """Base of the three answers to a change request."""

    tag = "Change requests"
    body: ClassVar[type[Strict]] = Strict
    body_example: ClassVar[dict[str, Any]] = {"reason": "Checked with the supplier."}
    answer, answer_example = ChangeRequestShape, examples.CHANGE_REQUEST

    def post(self, request: Request, pk: int) -> Response:
        self.decide(find(pk), self.body.checked(request.data), actor(request))
        return Response(show(find(pk)))

    def decide(self, request: ChangeRequest, given: dict[str, Any], who: User) -> None:
        raise NotImplementedError


class ApproveRequest(DecideRequest):
    """Carry the change out. Refused to its proposer, and when the record has changed since it was proposed."""

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
    path("changes", ChangeFeed.as_view(), name="changes"),
    path("change-requests", RequestList.as_view(), name="change-request-list"),
    path("change-requests/<int:pk>", RequestDetail.as_view(), name="change-request-detail"),
    path("change-requests/<int:pk>/approve", ApproveRequest.as_view(), name="change-request-approve"),
    path("change-requests/<int:pk>/reject", RejectRequest.as_view(), name="change-request-reject"),
    path("change-requests/<int:pk>/withdraw", WithdrawRequest.as_view(), name="change-request-withdraw"),
]
