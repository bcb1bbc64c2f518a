"""``/api/v1/events``: the messages that webhooks get, as an AsyncAPI 3.0 document."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import permissions
from mdm.api.base import View
from mdm.api.fields import Section
from mdm.canonical import DOMAINS
from sync import webhooks
from sync.api import examples

CHANGE: dict[str, Any] = {
    "type": "object",
    "required": ["position", "id", "ids", "domain", "version", "kind", "changed", "change_id", "recorded_at"],
    "properties": {
        "position": {"type": "integer", "description": "In the change feed."},
        "id": {"type": "string", "description": "Public id of the golden record."},
        "ids": {"type": "array", "items": {"type": "string"}, "description": "All records that it is about."},
        "domain": {"type": "string", "enum": list(DOMAINS)},
        "version": {"type": "integer"},
        "kind": {"type": "string", "enum": [kind for kind in webhooks.KINDS if kind != webhooks.UNMAPPED]},
        "changed": {"type": "array", "items": {"type": "string"}, "description": "Names of attributes."},
        "merged_into": {"type": ["string", "null"]},
        "change_id": {"type": "string", "format": "uuid"},
        "recorded_at": {"type": "string", "format": "date-time"},
        "code_system": {"type": "string", "description": "Of unmapped: where it has codes."},
        "codes": {"type": "array", "items": {"type": "string"}},
        "to": {"type": "string", "description": "Of unmapped: where it has none."},
    },
}
TYPES = [webhooks.TYPE.format(domain=domain, kind=kind) for domain in DOMAINS for kind in webhooks.KINDS]
CLOUD_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "description": "Also the webhook-id: the same when it is sent again."},
        "source": {"type": "string", "format": "uri-reference"},
        "type": {"type": "string", "enum": TYPES},
        "subject": {"type": "string", "description": "Public id of the golden record."},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "data": {"$ref": "#/components/schemas/Change"},
    },
}
HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    "properties": {
        "webhook-id": {"type": "string"},
        "webhook-timestamp": {"type": "string", "pattern": "^[0-9]+$", "description": "Seconds since 1970."},
        "webhook-signature": {
            "type": "string",
            "description": "v1,<base64 of HMAC-SHA256 over id.timestamp.body>, keyed by the secret after whsec_.",
        },
    },
}
EXAMPLE = webhooks.event(examples.CHANGE, examples.CHANGE["kind"], examples.CHANGE)

DOCUMENT: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {
        "title": "Concord events",
        "version": "1",
        "description": "Changes of golden records, posted to webhooks as CloudEvents 1.0, in order, at least once.",
    },
    "defaultContentType": "application/cloudevents+json",
    "channels": {
        "webhook": {
            "address": None,
            "description": "The address of a webhook; see POST /api/v1/webhooks.",
            "messages": {"change": {"$ref": "#/components/messages/change"}},
        }
    },
    "operations": {
        "tell": {
            "action": "send",
            "channel": {"$ref": "#/channels/webhook"},
            "messages": [{"$ref": "#/channels/webhook/messages/change"}],
            "summary": "Answer 2xx to accept it, 410 to end the webhook; anything else is sent again.",
        }
    },
    "components": {
        "messages": {
            "change": {
                "name": "change",
                "contentType": "application/cloudevents+json",
                "headers": {"$ref": "#/components/schemas/Headers"},
                "payload": {"$ref": "#/components/schemas/CloudEvent"},
                "examples": [{"payload": EXAMPLE}],
            }
        },
        "schemas": {"Change": CHANGE, "CloudEvent": CLOUD_EVENT, "Headers": HEADERS},
    },
}


class Document(serializers.Serializer[Any]):
    asyncapi = serializers.CharField()
    info = Section()
    defaultContentType = serializers.CharField()
    channels = Section()
    operations = Section()
    components = Section()


class Events(View):
    """The messages that webhooks get, described as AsyncAPI 3.0."""

    permission = permissions.SUBSCRIBE
    tag, operation = "Webhooks", "events_description"
    answer = Document
    answer_example: ClassVar = DOCUMENT

    def get(self, request: Request) -> Response:
        return Response(DOCUMENT)
