"""What this FHIR server holds resources to: R4's elements of the three types that it serves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TYPES = {"Organization": ("supplier", "cost_center"), "Location": ("location",), "DeviceDefinition": ("item",)}
NUMBERING = {
    "item": ("dev-", 7000),
    "supplier": ("org-", 100),
    "location": ("loc-", 400),
    "cost_center": ("dep-", 9000),
}
_ANY: dict[str, Any] = {
    "resourceType": str,
    "id": str,
    "meta": dict,
    "text": dict,
    "extension": list,
    "identifier": list,
}
ELEMENTS: dict[str, dict[str, Any]] = {
    "Organization": _ANY | {
        "active": bool, "type": list, "name": str, "alias": list, "telecom": list, "address": list, "partOf": dict,
        "contact": list, "endpoint": list,
    },
    "Location": _ANY | {
        "status": str, "operationalStatus": dict, "name": str, "alias": list, "description": str, "mode": str,
        "type": list, "telecom": list, "address": dict, "physicalType": dict, "position": dict,
        "managingOrganization": dict, "partOf": dict, "hoursOfOperation": list, "availabilityExceptions": str,
        "endpoint": list,
    },
    "DeviceDefinition": _ANY | {
        "udiDeviceIdentifier": list, "manufacturerString": str, "manufacturerReference": dict, "deviceName": list,
        "modelNumber": str, "type": dict, "specialization": list, "version": list, "safety": list,
        "shelfLifeStorage": list, "physicalCharacteristics": dict, "languageCode": list, "capability": list,
        "property": list, "owner": dict, "contact": list, "url": str, "onlineInformation": str, "note": list,
        "quantity": dict, "parentDevice": dict, "material": list,
    },
}  # fmt: skip
_STATUS = ("active", "suspended", "inactive")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def problems(resource: Any, expected: str) -> list[str]:
    """What is wrong with a resource, one sentence each; empty when it is fine."""
    if not isinstance(resource, dict) or resource.get("resourceType") != expected:
        return [f"the body is no {expected}"]
    known = ELEMENTS[expected]
    found = [f"{expected}.{name} is no element of it" for name in resource if name.lstrip("_") not in known]
    found += [
        f"{expected}.{name} is no {kind.__name__}"
        for name, kind in known.items()
        if name in resource and not isinstance(resource[name], kind)
    ]
    if resource.get("status", "active") not in _STATUS:
        found.append(f"{expected}.status is none of {', '.join(_STATUS)}")
    if "id" in resource and not _ID.fullmatch(str(resource["id"])):
        found.append(f"{expected}.id has 1 to 64 letters, digits, - and .")
    return found + list(_empty(resource, expected)) + _udi(resource)


def _empty(value: Any, where: str) -> Any:
    """FHIR's JSON has no empty texts, lists and objects, and null only beside an extension."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            explained = isinstance(inner, list) and f"_{name}" in value
            yield from _empty([one for one in inner if one is not None] if explained else inner, f"{where}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            if inner is not None or "._" not in where:
                yield from _empty(inner, f"{where}[{number}]")
    if value in ("", [], {}) or (value is None and "._" not in where):
        yield f"{where} is empty"


def _udi(resource: Mapping[str, Any]) -> list[str]:
    wanted = ("deviceIdentifier", "issuer", "jurisdiction")
    rows = resource.get("udiDeviceIdentifier") or ()
    return [f"udiDeviceIdentifier.{name} is missing" for row in rows for name in wanted if not row.get(name)]
