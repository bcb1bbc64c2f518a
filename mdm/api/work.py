"""``/api/v1/work-items``: what waits for a person, and their decisions."""

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
from mdm.api.fields import AttributeValues
from mdm.api.shapes import EvidenceShape
from mdm.exceptions import NotFound
from mdm.models import DomainName, GoldenRecord, Relation, User, WorkItem
from mdm.services import review
from mdm.services.undo import undo

TAG = "Work items"


class WorkQuery(paging.PageQuery):
    state = serializers.ChoiceField(choices=WorkItem.State.choices, default="open", help_text="Left out: open.")
    kind = serializers.ChoiceField(choices=WorkItem.Kind.choices, required=False, help_text="Left out: all.")
    domain = serializers.ChoiceField(choices=DomainName.choices, required=False, help_text="Left out: all.")
    assignee = serializers.CharField(required=False, help_text="A user name, or `me`.")


class SourceName(serializers.Serializer[Any]):
    code_system = serializers.CharField()
    code = serializers.CharField()


class WorkItemShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=WorkItem.Kind.choices)
    domain = serializers.ChoiceField(
        choices=DomainName.choices, allow_blank=True, help_text="Empty: none in particular."
    )
    state = serializers.ChoiceField(choices=WorkItem.State.choices)
    priority = serializers.IntegerField(help_text="1 low, 2 normal, 3 high.")
    title = serializers.CharField()
    reason = serializers.CharField(help_text="Why a person is asked.")
    version = serializers.IntegerField(help_text="Send it back as `expected_version` when you decide.")
    source_record = SourceName(allow_null=True, help_text="What the item is about.")
    golden = serializers.CharField(allow_null=True)
    other = serializers.CharField(allow_null=True)
    score = serializers.FloatField(allow_null=True, help_text="Bits of evidence for the best candidate.")
    probability = serializers.FloatField(allow_null=True)
    assignee = serializers.CharField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    resolution = serializers.CharField()
    resolution_reason = serializers.CharField()


class CandidateShape(serializers.Serializer[Any]):
    golden = serializers.CharField(help_text="Public id.")
    name = serializers.CharField()
    score = serializers.FloatField(help_text="Bits; the sum of the evidence.")
    probability = serializers.FloatField()
    vetoes = serializers.ListField(child=serializers.CharField(), help_text="What forbids a link.")
    evidence = EvidenceShape(many=True)


class WorkItemDetailShape(WorkItemShape):
    candidates = CandidateShape(many=True, help_text="Ranked, with the evidence as it was scored.")


class WorkList(View):
    """Work items by age, a page at a time."""

    permission = permissions.VIEW
    tag, operation = TAG, "work_items_list"
    query, answer = WorkQuery, paging.page_of(WorkItemShape, "WorkItemPage")
    answer_example: ClassVar = {"results": [examples.WORK_ITEM], "next": None}

    def get(self, request: Request) -> Response:
        query = WorkQuery.of_query(request)
        items = _matching(query, actor(request))
        if key := paging.after(query, "work"):
            items = items.filter(pk__gt=key[0])
        rows, cursor = paging.page(list(items[: query["limit"] + 1]), query, "work", lambda item: [item.pk])
        return Response({"results": [show(item) for item in rows], "next": cursor})


class WorkDetail(View):
    """One work item with its candidates and their evidence."""

    permission = permissions.VIEW
    tag, operation = TAG, "work_items_detail"
    answer, answer_example = WorkItemDetailShape, examples.WORK_ITEM_DETAIL

    def get(self, request: Request, pk: int) -> Response:
        return Response(show_detail(find(pk)))


class Decision(Strict):
    expected_version = serializers.IntegerField(min_value=1, help_text="The version you saw.")
    reason = serializers.CharField(required=False, default="", max_length=500, allow_blank=True)


class Accept(Decision):
    golden = serializers.CharField(required=False, help_text="The one it is; left out: the best candidate.")
    picks = AttributeValues(required=False, help_text="Values that should survive: {path: value}.")


class Reject(Decision):
    golden = serializers.CharField(required=False, help_text="The one it isn't; left out: the best candidate.")


class Relate(Decision):
    kind = serializers.ChoiceField(choices=Relation.Kind.choices)
    reason = serializers.CharField(max_length=500)


class Snooze(Strict):
    expected_version = serializers.IntegerField(min_value=1)
    until = serializers.DateTimeField()


class Assign(Strict):
    assignee = serializers.CharField(allow_null=True, help_text="A user name; null gives it back to the queue.")


class Comment(Strict):
    text = serializers.CharField(max_length=2000)


class Decide(View):
    """Base of the decisions: read the body, call the review service, show what became of the item."""

    permission = permissions.DECIDE
    tag = TAG
    body: ClassVar[type[Strict]] = Decision
    body_example: ClassVar[dict[str, Any]] = {"expected_version": 1, "reason": "Another size."}
    answer, answer_example = WorkItemDetailShape, examples.WORK_ITEM_DETAIL

    def post(self, request: Request, pk: int) -> Response:
        self.decide(find(pk), self.body.checked(request.data), actor(request))
        return Response(show_detail(find(pk)))

    def decide(self, item: WorkItem, given: dict[str, Any], who: User) -> None:
        raise NotImplementedError


class AcceptItem(Decide):
    """It is this golden record: link the source record to it, or merge the two golden records."""

    operation, body = "work_items_accept", Accept
    body_example = {"expected_version": 1, "golden": "MDM-IT-000123", "reason": "Same catalogue number."}

    def decide(self, item: WorkItem, given: dict[str, Any], who: User) -> None:
        review.accept(item=item, actor=who, **_with_golden(given))


class RejectItem(Decide):
    """It is not this golden record, and isn't proposed again until somebody reopens the decision."""

    operation, body = "work_items_reject", Reject

    def decide(self, item: WorkItem, given: dict[str, Any], who: User) -> None:
        review.reject(item=item, actor=who, **_with_golden(given))


class CreateNew(Decide):
    """It is none of the candidates: make a new golden record of it."""

    operation = "work_items_create_new"

    def decide(self, item: WorkItem, given: dict[str, Any], who: User) -> None:
        review.create_new(item=item, actor=who, **given)


class RelateItem(Decide):
    """Not the same, but related: a parent; or a substitute, which for an item is proposed to a second person."""

    operation, body = "work_items_relate", Relate
    body_example = {"expected_version": 1, "kind": "substitute", "reason": "Same use, another maker."}

    def decide(self, item: WorkItem, given: dict[str, Any], who: User) -> None:
        review.relate(item=item, actor=who, **given)


class SnoozeItem(Decide):
    """Ask again later."""

    operation, body = "work_items_snooze", Snooze
    body_example = {"expected_version": 1, "until": "2026-12-01T08:00:00Z"}

    def decide(self, item: WorkItem, given: dict[str, Any], who: User) -> None:
        review.snooze(item=item, actor=who, **given)


class AssignItem(Decide):
    """Give the item to somebody, or back to the queue."""

    operation, body = "work_items_assign", Assign
    body_example = {"assignee": "maria"}

    def decide(self, item: WorkItem, given: dict[str, Any], who: User) -> None:
        review.assign(item=item, actor=who, assignee=_user(given["assignee"]))


class CommentItem(Decide):
    """Say something about the item."""

    permission = permissions.VIEW
    operation, body = "work_items_comment", Comment
    body_example = {"text": "Asked the supplier."}

    def decide(self, item: WorkItem, given: dict[str, Any], who: User) -> None:
        review.comment(item=item, actor=who, **given)


class UndoItem(Decide):
    """Take the last decision on the item back."""

    operation, body = "work_items_undo", Nothing
    body_example: ClassVar[dict[str, Any]] = {}

    def decide(self, item: WorkItem, given: dict[str, Any], who: User) -> None:
        undo(item=item, actor=who)


def _items() -> QuerySet[WorkItem]:
    return WorkItem.objects.select_related("source__code_system", "golden", "other", "assignee").order_by("pk")


def _matching(query: dict[str, Any], who: User) -> QuerySet[WorkItem]:
    items = _items().filter(**{name: query[name] for name in ("state", "kind", "domain") if name in query})
    if name := query.get("assignee"):
        items = items.filter(assignee__username=who.username if name == "me" else name)
    return items


def find(pk: int) -> WorkItem:
    item = _items().filter(pk=pk).first()
    if item is None:
        raise NotFound(f"There is no work item {pk}.")
    return item


def _with_golden(given: dict[str, Any]) -> dict[str, Any]:
    """The public id as its record."""
    if not (public_id := given.get("golden")):
        return given
    record = GoldenRecord.objects.filter(public_id=public_id).first()
    if record is None:
        raise NotFound(f"There is no golden record {public_id[:40]}.")
    return given | {"golden": record}


def _user(username: str | None) -> User | None:
    if username is None:
        return None
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise NotFound(f"There is no user {username[:150]}.")
    return user


def show(item: WorkItem) -> dict[str, Any]:
    source = item.source
    return {
        "id": item.pk,
        **{name: getattr(item, name) for name in _PLAIN},
        "source_record": source and {"code_system": source.code_system.slug, "code": source.code},
        "golden": item.golden and item.golden.public_id,
        "other": item.other and item.other.public_id,
        "assignee": item.assignee and item.assignee.username,
    }


_PLAIN = (
    "kind", "domain", "state", "priority", "title", "reason", "version", "score", "probability", "due_at",
    "created_at", "resolution", "resolution_reason",
)  # fmt: skip


def show_detail(item: WorkItem) -> dict[str, Any]:
    """Candidates by public id, of the survivor where one was merged since; the rows' own ids stay inside."""
    found = GoldenRecord.objects.select_related("merged_into").in_bulk([one["golden"] for one in item.candidates])
    return show(item) | {"candidates": [_candidate(one, found[one["golden"]].survivor) for one in item.candidates]}


def _candidate(scored: dict[str, Any], golden: GoldenRecord) -> dict[str, Any]:
    evidence = {name: value for name, value in scored.items() if name not in {"golden", "via"}}
    return {"golden": golden.public_id, "name": golden.name, **evidence}


ROUTES = [
    path("work-items", WorkList.as_view(), name="work-list"),
    path("work-items/<int:pk>", WorkDetail.as_view(), name="work-detail"),
    path("work-items/<int:pk>/accept", AcceptItem.as_view(), name="work-accept"),
    path("work-items/<int:pk>/reject", RejectItem.as_view(), name="work-reject"),
    path("work-items/<int:pk>/create-new", CreateNew.as_view(), name="work-create-new"),
    path("work-items/<int:pk>/relate", RelateItem.as_view(), name="work-relate"),
    path("work-items/<int:pk>/snooze", SnoozeItem.as_view(), name="work-snooze"),
    path("work-items/<int:pk>/assign", AssignItem.as_view(), name="work-assign"),
    path("work-items/<int:pk>/comment", CommentItem.as_view(), name="work-comment"),
    path("work-items/<int:pk>/undo", UndoItem.as_view(), name="work-undo"),
]
