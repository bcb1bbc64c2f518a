"""``/api/v1/inbound/…``: messages in the formats of other systems, and what became of them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import access, permissions
from mdm.api.base import Strict, View, actor
from mdm.exceptions import ConcordError, InvalidValue, NotFound
from mdm.models import DomainName, User
from sync.api import examples
from sync.inbound import intake, signatures
from sync.inbound.formats import FORMATS
from sync.inbound.hl7_batches import is_batch
from sync.inbound.ways import ApiConfig, WebhookConfig, config_of
from sync.models import InboundMessage, InboundRecord

MOST_RECORDS = 1000  # of a message, in one answer


class TooLarge(ConcordError):
    """The message is larger than this source takes. Send it in several."""

    status = 413
    code = "too-large"


class Bytes(BaseParser):
    """Whatever it is: formats read it, not the framework."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return bytes(stream.read())


class MessageShape(serializers.Serializer[Any]):
    message = serializers.IntegerField(help_text="Concord's number of the message: its place in the order.")
    source = serializers.CharField()  # type: ignore[assignment]  # fields of serializers have a source, too
    id = serializers.CharField(help_text="The sender's own id of it, or the beginning of its hash.")
    kind = serializers.CharField(help_text="As the format names it, e.g. MFN^M16 or 832.")
    state = serializers.ChoiceField(
        choices=InboundMessage.State.values,
        help_text="received: waits its turn. partly: some records were put aside. quarantined: all of it was.",
    )
    reason = serializers.CharField(help_text="Why it was put aside.")
    repeated = serializers.BooleanField(help_text="It had come before; nothing was done.")
    received_at = serializers.DateTimeField()
    done_at = serializers.DateTimeField(allow_null=True)
    landed = serializers.IntegerField()
    refused = serializers.IntegerField()
    superseded = serializers.IntegerField(help_text="Records of which something newer is known.")


class RecordShape(serializers.Serializer[Any]):
    position = serializers.IntegerField()
    domain = serializers.ChoiceField(choices=DomainName.choices)
    code = serializers.CharField()
    outcome = serializers.ChoiceField(choices=InboundRecord.Outcome.values)
    golden = serializers.CharField(allow_null=True, help_text="Public id of the golden record that it belongs to now.")
    problems = serializers.ListField(child=serializers.CharField())


class MessageDetailShape(MessageShape):
    reply = serializers.CharField(help_text="The acknowledgement in the format's own terms, where it has one.")
    records = RecordShape(many=True, help_text=f"The first {MOST_RECORDS} after `after`.")
    next = serializers.CharField(allow_null=True, help_text="Address of further records.")


class PageOf(Strict):
    after = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, default=0, help_text="Position of the last record you have."
    )


class SendMessage(View):
    """Send one message as your system writes it. It is kept, then answered; a worker takes it in its turn.

    The body is the message itself, of any content type. Repeating is harmless: a message is known by its own id and
    its content. An id used for other content is a conflict, which a person decides.
    """

    permission = permissions.SUBMIT
    parser_classes = [Bytes]
    tag, operation, status = "Inbound", "inbound_send", 202
    body, answer = OpenApiTypes.BINARY, MessageShape
    body_example, answer_example = examples.INBOUND, examples.RECEIVED

    def post(self, request: Request, source: str, message_format: str) -> Response:
        found = intake.source_of(source, "api")
        if found.format != message_format:
            known = "" if message_format in FORMATS else f" Formats are: {', '.join(FORMATS)}."
            raise NotFound(f"{source} takes {found.format}, not {message_format[:20]}.{known}")
        body = _body(request, config_of(found, ApiConfig).largest)
        if found.format == "hl7v2" and is_batch(body):
            raise InvalidValue(
                "It is a batch of HL7 messages. Send them one by one here, or as a batch by MLLP or SFTP."
            )
        received = intake.receive(source=found, body=body, actor=actor(request))
        return _accepted(received)


class SignedWebhook(View):
    """A webhook of another system, signed as Standard Webhooks say; needs no API key.

    The headers are `webhook-id`, `webhook-timestamp` and `webhook-signature`. A message that was accepted before is
    answered the same and not taken again.
    """

    permission = access.PUBLIC
    authentication_classes = []  # the signature says who it is
    parser_classes = [Bytes]
    tag, operation, status = "Inbound", "inbound_webhook", 202
    body, answer = OpenApiTypes.BINARY, MessageShape
    body_example, answer_example = examples.SIGNED, examples.RECEIVED

    def post(self, request: Request, source: str) -> Response:
        try:
            found = intake.source_of(source, "webhook")
        except NotFound:
            raise signatures.BadSignature from None  # strangers learn nothing of which sources there are
        config = config_of(found, WebhookConfig)
        body = _body(request, config.largest)
        headers = {name.lower(): value for name, value in request.headers.items()}
        name = signatures.verify(headers, body, secrets=found.secrets.values(), tolerance=config.tolerance)
        received = intake.receive(source=found, body=body, actor=User.objects.system(), message_id=name)
        return _accepted(received)


class InboundMessageDetail(View):
    """What became of a message, record by record. You see your own; who imports feeds sees all."""

    permission = permissions.SUBMIT
    tag, operation = "Inbound", "inbound_message"
    query, answer, answer_example = PageOf, MessageDetailShape, examples.TAKEN

    def get(self, request: Request, pk: int) -> Response:
        who = actor(request)
        rows = InboundMessage.objects.select_related("source").filter(pk=pk)
        found = (rows if who.has_permission(permissions.IMPORT) else rows.filter(actor=who.pk)).first()
        if found is None:
            raise NotFound(f"You have sent no message {pk}.")
        after = PageOf.of_query(request)["after"]
        records = found.records.filter(position__gt=after).select_related("source_record__golden")[: MOST_RECORDS + 1]
        shown = [_record(record) for record in records[:MOST_RECORDS]]
        more = f"{request.path}?after={shown[-1]['position']}" if len(records) > MOST_RECORDS else None
        return Response({**_show(found), "reply": found.reply, "records": shown, "next": more})


def _body(request: Request, largest: int) -> bytes:
    """The raw body. Raises ``TooLarge`` before more than that is read."""
    stated = request.META.get("CONTENT_LENGTH") or "0"
    if stated.isdecimal() and int(stated) > largest:
        raise TooLarge
    raw = request._request
    body = raw.body if hasattr(raw, "_body") else raw.read(largest + 1)
    if len(body) > largest:
        raise TooLarge
    if not body:
        raise InvalidValue("The body is empty: it is the message itself.")
    return bytes(body)


def _accepted(received: intake.Received) -> Response:
    place = reverse("sync-api:inbound-message", args=[received.message.pk])
    return Response(_show(received.message, repeated=received.repeated), status=202, headers={"Location": place})


def _show(message: InboundMessage, *, repeated: bool = False) -> dict[str, Any]:
    same = ("kind", "state", "reason", "received_at", "done_at", "landed", "refused", "superseded")
    return {
        "message": message.pk,
        "source": message.source.code,
        "id": message.message_id,
        "repeated": repeated,
        **{name: getattr(message, name) for name in same},
    }


def _record(record: InboundRecord) -> dict[str, Any]:
    golden = record.source_record.golden if record.source_record else None
    same = ("position", "domain", "code", "outcome", "problems")
    return {name: getattr(record, name) for name in same} | {"golden": golden and golden.public_id}
