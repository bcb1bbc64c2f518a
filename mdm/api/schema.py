"""How the API describes itself: OpenAPI 3.1 from the views, with problem details on every operation."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import deep_import_string
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from mdm import access
from mdm.api.base import Strict
from mdm.api.fields import COMPONENTS
from mdm.api.idempotency import SAFE
from mdm.api.json import PROBLEM_TYPE

PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:concord:problem:unknown-code"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to do about it."},
        "request_id": {"type": "string", "description": "Quote it when you report the problem."},
        "candidates": {
            "type": "array",
            "description": "The records that it may be: public ids, with name and score where records were compared.",
            "items": {
                "anyOf": [
                    {"type": "string"},
                    {
                        "type": "object",
                        "properties": {
                            "id": {"type": "string"},
                            "name": {"type": "string"},
                            "score": {"type": "number"},
                        },
                        "required": ["id"],
                    },
                ]
            },
        },
        "known_in": {
            "type": "array",
            "description": "Code systems that have the code which isn't known where it was asked.",
            "items": {"type": "string"},
        },
        "permission": {"type": "string", "description": "What is missing; a key names it as a scope."},
        "errors": {
            "type": "array",
            "description": "Which values of the body or query don't fit.",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                "required": ["pointer", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "request_id"],
    "additionalProperties": True,
}

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 128},
    OpenApiParameter.HEADER,
    description="A UUID that you choose. Sent again with it within a day, the request is carried out once.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The record's ETag: change only what you saw, else 412.",
)


class Schema(AutoSchema):
    """Reads what a view declares about itself.

    ``tag`` and ``operation``; ``query`` and ``body``, the serializers of its input; ``conditional``: it heeds If-Match;
    ``answer``, the serializer of its
    output with ``status``, or ``media`` of what isn't JSON; ``proposal``, that of its output where a second person
    must approve; ``body_example`` and ``answer_example``; ``description`` where the docstring doesn't serve.
    """

    def declared(self, name: str) -> Any:
        parts: dict[str, Any] = getattr(self.view, "parts", {})
        return getattr(parts.get(self.method, self.view), name, None)

    def get_tags(self) -> list[str]:
        return [self.declared("tag") or "Concord"]

    def get_operation_id(self) -> str:
        return self.declared("operation") or super().get_operation_id()

    def get_description(self) -> str:  # type: ignore[override]  # as the base class has it
        return self.declared("description") or super().get_description()

    def get_override_parameters(self) -> list[Any]:
        """The query, and the headers that a client made from this must be able to send."""
        query, headers = self.declared("query"), []
        if self.method not in SAFE and self.declared("permission") != access.PUBLIC:
            headers.append(IDEMPOTENCY_KEY)
        if self.declared("conditional"):
            headers.append(IF_MATCH)
        return [query, *headers] if query else headers

    def get_request_serializer(self) -> Any:
        return self.declared("body")

    def get_response_serializers(self) -> Any:
        shape = self.declared("answer")
        if self.declared("status") == 204:
            return {204: None}
        if shape is None:  # a stream or a file
            media = self.declared("media")
            return {(200, media): OpenApiTypes.BINARY if media == "application/zip" else OpenApiTypes.STR}
        proposed = {202: self.declared("proposal")} if self.declared("proposal") else {}
        return {self.declared("status") or 200: shape} | proposed

    def get_examples(self) -> list[OpenApiExample]:
        sent, answered = self.declared("body_example"), self.declared("answer_example")
        return [
            *([self._sent(sent)] if sent is not None else []),
            *([self._answered(answered)] if answered is not None else []),
        ]

    def _sent(self, example: Any) -> OpenApiExample:
        return OpenApiExample("Request", example, request_only=True, media_type=self.map_parsers()[0])

    def _answered(self, example: Any) -> OpenApiExample:
        status = str(self.declared("status") or 200)
        return OpenApiExample("Answer", example, response_only=True, status_codes=[status])

    def map_parsers(self) -> Any:
        """What takes anything takes bytes; ``*/*`` is a type that no client sends."""
        return ["application/octet-stream" if media == "*/*" else media for media in super().map_parsers()]

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        """Generated clients name their classes so: WorkItem, not WorkItemShape."""
        return str(super().get_serializer_name(serializer, direction)).removesuffix("Shape")

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Any:
        """Input that refuses names it doesn't know says so."""
        mapped = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, Strict):
            mapped["additionalProperties"] = False
            if type(serializer).__doc__ in (None, Strict.__doc__):
                mapped.pop("description", None)
        return mapped

    def is_deprecated(self) -> bool:
        return bool(self.declared("deprecated"))


class RequestUserScheme(OpenApiAuthenticationExtension):
    target_class = "mdm.auth.RequestUser"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "ck_…",
            "description": "An API key. Made with `manage.py issue_api_key`; a browser's session works as well.",
        }


def problems_everywhere(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Post-processing: any operation may answer with problem details."""
    result["components"]["schemas"] |= {"Problem": PROBLEM, **COMPONENTS}
    reference = {"schema": {"$ref": "#/components/schemas/Problem"}}
    answer = {"description": "Anything but success.", "content": {PROBLEM_TYPE: reference}}
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = answer
    return result


EXAMPLE_UUID = "0c5e7a4e-6f0d-4a53-9d5b-6f6f0f3f2a11"
IN_ADDRESSES = {
    "code": "4711",
    "code_system": "erp-item",
    "id": 17,
    "message_format": "x12",
    "public_id": "MDM-IT-000123",
    "source": "erp",
}


def addresses_with_examples(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Post-processing: whoever tries an operation out sees what its address is made of."""
    for operations in result["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    parameter["example"] = _in_address(parameter)
    return result


def _in_address(parameter: dict[str, Any]) -> Any:
    return EXAMPLE_UUID if parameter["schema"].get("format") == "uuid" else IN_ADDRESSES[parameter["name"]]


def enums_by_name(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Post-processing: the choices of parameters by the names that those of bodies have. A query says no null."""
    schemas = result["components"]["schemas"]
    names = {frozenset(values): name for name, values in _named_enums().items()}
    for operations in result["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                schema = parameter["schema"]
                values = [value for value in schema.get("enum", []) if value is not None]
                if name := names.get(frozenset(values)):
                    schemas.setdefault(name, {"type": "string", "enum": values})
                    default = {"default": schema["default"]} if schema.get("default") is not None else {}
                    parameter["schema"] = {"$ref": f"#/components/schemas/{name}"} | default
    return result


NOTHING: dict[str, dict[str, Any]] = {"Null": {"type": "null"}, "Blank": {"type": "string", "maxLength": 0}}


def nothing_by_its_type(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Post-processing: null beside choices is a type, not a choice of its own, which clients would name a class for."""
    for name in NOTHING:
        result["components"]["schemas"].pop(name, None)
    references = {f"#/components/schemas/{name}": shape for name, shape in NOTHING.items()}
    found: dict[str, Any] = _replaced(result, references)
    return found


def _replaced(node: Any, references: dict[str, dict[str, Any]]) -> Any:
    if isinstance(node, dict):
        if (reference := node.get("$ref")) in references:
            return references[reference]
        return {name: _replaced(inner, references) for name, inner in node.items()}
    return [_replaced(inner, references) for inner in node] if isinstance(node, list) else node


def _named_enums() -> dict[str, list[str]]:
    found = spectacular_settings.ENUM_NAME_OVERRIDES.items()
    return {name: deep_import_string(values).values if isinstance(values, str) else values for name, values in found}
