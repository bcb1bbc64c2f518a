"""How the API describes itself: OpenAPI 3.1 from the views, with problem details on every operation."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

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


class Schema(AutoSchema):
    """Operations are grouped by the first word of their path and named after their view."""

    def get_tags(self) -> list[str]:
        return [getattr(self.view, "tag", "Concord")]

    def get_operation_id(self) -> str:
        return getattr(self.view, "operation", None) or super().get_operation_id()


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
    result["components"]["schemas"]["Problem"] = PROBLEM
    reference = {"schema": {"$ref": "#/components/schemas/Problem"}}
    answer = {"description": "Anything but success.", "content": {PROBLEM_TYPE: reference}}
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = answer
    return result
