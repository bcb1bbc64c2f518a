"""``/api/v1/webhooks``: who is told of what."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import ValidationError as Misfit
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import permissions
from mdm.api.base import Nothing, Strict, View, actor
from mdm.api.fields import Topics
from mdm.exceptions import InvalidValue, NotFound
from sync import overlap, webhooks
from sync.api import examples
from sync.models import Webhook


class Subscription(Strict):
    url = serializers.CharField(max_length=500, help_text="https address that messages are posted to.")
    topics = Topics(
        child=serializers.DictField(),
        help_text='Domains, each limited to the values given: {"item": {}, "supplier": {"lifecycle": ["active"]}}.',
    )
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=webhooks.KINDS),
        required=False,
        default=list,
        help_text="created, updated, published, retired, merged, unmerged, unmapped; left out: all.",
    )
    codes_of = serializers.CharField(
        max_length=80, required=False, allow_null=True, default=None,
        help_text="Tell, as `unmapped`, of changed records that have a code here and none in `codes_in`.",
    )  # fmt: skip
    codes_in = serializers.CharField(max_length=80, required=False, allow_null=True, default=None)
    after = serializers.IntegerField(
        min_value=0,
        max_value=2**63 - 1,
        required=False,
        help_text="Begin after this position; left out: with what comes now.",
    )


class WebhookShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    owner = serializers.CharField(help_text="While they are locked out or may not subscribe, nothing is sent.")
    url = serializers.CharField()
    topics = Topics()
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=webhooks.KINDS), help_text="Empty: all.")
    codes_of = serializers.CharField(allow_null=True)
    codes_in = serializers.CharField(allow_null=True)
    active = serializers.BooleanField(help_text="False after the receiver answered 410.")
    position = serializers.IntegerField(help_text="Of the change feed: everything up to it was accepted.")
    attempts = serializers.IntegerField(help_text="Failed ones of the message that is due.")
    due_at = serializers.DateTimeField(
        allow_null=True, help_text="Of the next attempt; null: as soon as there is news."
    )
    last_status = serializers.IntegerField(allow_null=True)
    last_error = serializers.CharField()
    accepted_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    old_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until then messages carry a signature of the secret before the current one, too."
    )


class Rotation(Strict):
    hours = serializers.IntegerField(
        min_value=0,
        max_value=overlap.MOST_OVERLAP,
        required=False,
        default=overlap.OVERLAP,
        help_text="That messages are signed with the secret of now as well; 0 where it has leaked.",
    )


class NewWebhook(WebhookShape):
    secret = serializers.CharField(help_text="Signs the messages. Told this once.")


class WebhookList(serializers.Serializer[Any]):
    results = WebhookShape(many=True)


class Webhooks(View):
    """Your webhooks; an administrator's key lists everybody's."""

    permission = permissions.SUBSCRIBE
    tag, operation = "Webhooks", "webhooks_list"
    answer, answer_example = WebhookList, {"results": [examples.WEBHOOK]}

    def get(self, request: Request) -> Response:
        return Response({"results": [_show(row) for row in webhooks.within_reach(actor(request))]})


class Subscribe(View):
    """Be told of changes by signed messages (CloudEvents, Standard Webhooks); see `/api/v1/events` for their shape."""

    permission = permissions.SUBSCRIBE
    tag, operation, status = "Webhooks", "webhooks_create", 201
    body, answer, body_example = Subscription, NewWebhook, examples.SUBSCRIPTION
    answer_example: ClassVar = {**examples.WEBHOOK, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}

    def post(self, request: Request) -> Response:
        try:
            made, secret = webhooks.subscribe(actor=actor(request), **Subscription.checked(request.data))
        except Misfit as error:
            raise InvalidValue("; ".join(error.messages)) from error
        where = f"{request.path}/{made.pk}"
        return Response({**_show(made), "secret": secret}, status=201, headers={"Location": where})


class WebhookDetail(View):
    """One webhook, how far it is and what its receiver last said."""

    permission = permissions.SUBSCRIBE
    tag, operation = "Webhooks", "webhooks_detail"
    answer, answer_example = WebhookShape, examples.WEBHOOK

    def get(self, request: Request, pk: UUID) -> Response:
        return Response(_show(_find(request, pk)))


class Unsubscribe(View):
    """End it. Nothing more is sent. Administrators may end everybody's."""

    permission = permissions.SUBSCRIBE
    tag, operation, status = "Webhooks", "webhooks_delete", 204

    def delete(self, request: Request, pk: UUID) -> Response:
        webhooks.unsubscribe(webhook=_find(request, pk), actor=actor(request))
        return Response(status=204)


class ResumeWebhook(View):
    """Go on where it stopped, now: the receiver has been mended."""

    permission = permissions.SUBSCRIBE
    tag, operation = "Webhooks", "webhooks_resume"
    body = Nothing
    body_example: ClassVar[dict[str, Any]] = {}
    answer, answer_example = WebhookShape, examples.WEBHOOK

    def post(self, request: Request, pk: UUID) -> Response:
        Nothing.checked(request.data)
        return Response(_show(webhooks.resume(webhook=_find(request, pk), actor=actor(request))))


class RotateSecret(View):
    """Get a new secret. Messages carry signatures of the new one and, for some hours, of the one before."""

    permission = permissions.SUBSCRIBE
    tag, operation = "Webhooks", "webhooks_rotate"
    body, answer = Rotation, NewWebhook
    body_example: ClassVar = {"hours": 24}
    answer_example: ClassVar = {
        **examples.WEBHOOK,
        "old_secret_until": "2026-05-04T09:00:00Z",
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    }

    def post(self, request: Request, pk: UUID) -> Response:
        given = Rotation.checked(request.data)
        made, secret = webhooks.rotate(webhook=_find(request, pk), actor=actor(request), hours=given["hours"])
        return Response({**_show(made), "secret": secret})


def _find(request: Request, pk: UUID) -> Webhook:
    found = webhooks.within_reach(actor(request)).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"You have no webhook {pk}.")
    return found


_PLAIN = (
    "id", "url", "topics", "kinds", "active", "position", "attempts", "due_at", "last_status", "last_error",
    "accepted_at", "created_at", "old_secret_until",
)  # fmt: skip


def _show(row: Webhook) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _PLAIN} | {
        "owner": row.owner.username,
        "codes_of": row.codes_of and row.codes_of.slug,
        "codes_in": row.codes_in and row.codes_in.slug,
    }
