"""``/metadata``: what this server can do, made from the same tables that do it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from mdm.fhir import includes, resources, search
from mdm.fhir.outcomes import MEDIA_TYPE

Json = dict[str, Any]
DATE = dt.date(2026, 11, 27)  # when this statement last changed
VERSIONS = {resources.R4: "4.0.1", resources.R5: "5.0.0"}
INTERACTIONS = ("read", "vread", "history-instance", "history-type", "search-type")
OPERATION = "http://hl7.org/fhir/OperationDefinition/"


def statement(base: str, fhir: str) -> Json:
    """``base``: the address of this server as the client sees it."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "Concord"},
        "implementation": {"description": "Concord: golden records and crosswalk of a hospital network", "url": base},
        "fhirVersion": VERSIONS[fhir],
        "format": [MEDIA_TYPE, "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Reads only. Changes go through the REST API and its approval rules.",
                "security": {"description": "An API key as bearer token, see docs/api.md."},
                "resource": [*_records(fhir), *(_TERMS[fhir])],
            }
        ],
    }


def terminology(base: str, fhir: str, known: Sequence[str]) -> Json:
    """What it can do with codes. ``known``: URIs of the code systems that the reader may see."""
    content = {"content": "not-present"} if fhir == resources.R5 else {}  # codes are looked up, not listed
    systems = [{"uri": uri, **content} for uri in known]
    return {
        "resourceType": "TerminologyCapabilities",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "Concord"},
        "implementation": {"description": "Concord: crosswalk of a hospital network", "url": base},
        **({"codeSystem": systems} if systems else {}),
        "translation": {"needsMap": False},
    }


def _records(fhir: str) -> list[Json]:
    return [
        {
            "type": name,
            "interaction": [{"code": one} for one in INTERACTIONS],
            "versioning": "versioned",
            "readHistory": True,
            "conditionalRead": "not-match",
            "searchParam": search.described(name),
            **({"searchInclude": along, "searchRevInclude": along} if (along := includes.known(name)) else {}),
        }
        for name in resources.TYPES[fhir]
    ]


def _operation(name: str, resource: str) -> Json:
    return {"name": name, "definition": f"{OPERATION}{resource}-{name}"}


def _terms(resource: str, **parameters: str) -> Json:
    return {
        "type": resource,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [{"name": one, "type": kind} for one, kind in parameters.items()],
    }


_URIS = {"url": "uri", "source-uri": "reference", "target-uri": "reference"}
_TERMS: dict[str, list[Json]] = {
    resources.R4: [
        _terms("NamingSystem", _id="token", name="string", status="token", value="string"),
        _terms("ConceptMap", _id="token", name="string", status="token", **_URIS)
        | {"operation": [_operation("translate", "ConceptMap")]},
        {"type": "CodeSystem", "operation": [_operation("lookup", "CodeSystem")]},
    ],
    resources.R5: [{"type": "ConceptMap", "operation": [_operation("translate", "ConceptMap")]}],
}
