"""``/fhir/`` described as OpenAPI for Schemathesis, from the tables that answer it."""

from __future__ import annotations

from typing import Any

from mdm.fhir import concepts, search, translate, versions
from mdm.fhir.outcomes import MEDIA_TYPE
from mdm.fhir.resources import R4, R5, TYPES

Json = dict[str, Any]
ROOTS = {R4: "/fhir", R5: "/fhir/r5"}
SENSIBLE = [
    "erp-item", "urn:concord:id", "urn:concord:code-system:erp-item", "urn:concord:code-system:erp-item|E1", "E1", "D1",
    "2026-05-03", "ge2026-02-30", "2026-05-03T14:00:00Z", "urn:concord:concept-map:erp-item:scm-item", "true", "0", "2",
    "|", ",", "Location:partof", "*", "-name,_id", "MDM-IT-000001", "accurate", "count", "terminology", "json",
]  # fmt: skip
TEXT: Json = {"anyOf": [{"type": "string", "enum": SENSIBLE}, {"type": "string"}]}
REFUSED = ("400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "429")
TERMS = {"NamingSystem": ("_id", "name", "status", "value"), "ConceptMap": ("_id", "name", "status", "url")}
RESULT = sorted(search.RESULT)
CODING: Json = {"type": "object", "properties": {"system": TEXT, "code": TEXT}}


def description() -> Json:
    return {"openapi": "3.1.0", "info": {"title": "Concord FHIR", "version": "1"}, "paths": _paths()}


def _paths() -> Json:
    paths: Json = {}
    for fhir, root in ROOTS.items():
        paths[f"{root}/metadata"] = {
            "get": _get("mode", "_format", kinds=["CapabilityStatement", "TerminologyCapabilities"])
        }
        for resource in TYPES[fhir]:
            paths |= _record(f"{root}/{resource}", resource)
        names = sorted({R4: translate.R4, R5: translate.R5}[fhir].known)
        paths[f"{root}/ConceptMap/$translate"] = _operation(names)
        paths[f"{root}/ConceptMap/{{id}}/$translate"] = _operation(names, "id")
    paths["/fhir/CodeSystem/$lookup"] = _operation(sorted(concepts.KNOWN))
    for resource, own in TERMS.items():
        paths[f"/fhir/{resource}"] = {"get": _get(*own, "_count", "_cursor", kinds=["Bundle"])}
        paths[f"/fhir/{resource}/{{id}}"] = {"get": _get(kinds=[resource], inside=("id",))}
    return paths


def _record(at: str, resource: str) -> Json:
    own = [*search.PARAMETERS[resource], "_include", "_revinclude:iterate", "name:contains", "_id:exact", *RESULT]
    form = {"type": "object", "properties": dict.fromkeys(own, TEXT)}
    content = {"application/x-www-form-urlencoded": {"schema": form}}
    of_version = (*sorted(versions.RESULT), "_since")
    return {
        at: {"get": _get(*own, kinds=["Bundle"])},
        f"{at}/_search": {"post": {"requestBody": {"content": content}, "responses": _responses(["Bundle"])}},
        f"{at}/_history": {"get": _get(*of_version, kinds=["Bundle"])},
        f"{at}/{{id}}": {"get": _get("_format", kinds=[resource], inside=("id",))},
        f"{at}/{{id}}/_history": {"get": _get(*of_version, kinds=["Bundle"], inside=("id",))},
        f"{at}/{{id}}/_history/{{vid}}": {"get": _get("_format", kinds=[resource], inside=("id", "vid"))},
    }


def _operation(names: list[str], *inside: str) -> Json:
    parts = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "enum": names},
            "valueString": TEXT,
            "valueCoding": CODING,
            "valueCodeableConcept": {"type": "object", "properties": {"coding": {"type": "array", "items": CODING}}},
            "part": {"type": "array"},
        },
    }
    body = {
        "type": "object",
        "required": ["resourceType"],
        "properties": {
            "resourceType": {"const": "Parameters"},
            "parameter": {"type": "array", "items": parts, "maxItems": 4},
        },
    }
    asked = _get(*names, kinds=["Parameters"], inside=inside)
    content = {MEDIA_TYPE: {"schema": body}, "application/json": {"schema": body}}
    posted = {"parameters": _inside(inside), "requestBody": {"content": content}, "responses": asked["responses"]}
    return {"get": asked, "post": posted}


def _get(*names: str, kinds: list[str], inside: tuple[str, ...] = ()) -> Json:
    query = [{"name": name, "in": "query", "schema": TEXT} for name in names]
    return {"parameters": [*_inside(inside), *query], "responses": _responses(kinds)}


def _inside(names: tuple[str, ...]) -> list[Json]:
    return [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]


def _responses(kinds: list[str]) -> Json:
    """What is asked for, or an OperationOutcome that says why not."""
    refusal = _resource(["OperationOutcome"], "issue")
    return {"200": _resource(kinds), **dict.fromkeys(REFUSED, refusal)}


def _resource(kinds: list[str], *required: str) -> Json:
    schema = {
        "type": "object",
        "required": ["resourceType", *required],
        "properties": {"resourceType": {"enum": kinds}},
    }
    return {"description": ", ".join(kinds), "content": {MEDIA_TYPE: {"schema": schema}}}
