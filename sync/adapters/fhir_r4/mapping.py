"""A message as the resource that is written, and a resource that was read as the record that it is.

Fields stand where ``mdm.fhir.mapping`` says. Besides them each resource carries Concord's id as an identifier and, as
an extension, the (version, generation) that it was written at: a server that holds that or a newer one is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mdm.fhir.mapping import (
    COST_CENTER_CODE,
    LOCATION_TYPE,
    NCIT,
    RESOURCES,
    SUPPLIER_TYPE,
    by_identifier,
    domain_of,
    is_active,
    set_active,
    to_elements,
    to_values,
)
from mdm.fhir.mapping import REPLACED_BY as REPLACED
from mdm.fhir.names import DOMAIN, EXTENSION, GOLDEN, SCHEMES
from mdm.fhir.places import entries
from sync.adapters.base import Kind, Message, TargetRecord, Values
from sync.adapters.values import comparable

NOT_CARRIED: dict[str, str] = {}
Resource = dict[str, Any]

DELIVERY = f"{EXTENSION}delivery"
# Elements that are Concord's to say. What a server holds besides them, and entries of lists that are others', stay.
OWNED = {
    "Organization": {"active", "type", "name", "alias", "telecom", "address", "partOf"},
    "Location": {"status", "type", "name", "telecom", "address", "partOf", "physicalType"},
    "DeviceDefinition": {
        "udiDeviceIdentifier", "manufacturerString", "manufacturerReference", "deviceName", "modelNumber", "type",
        "safety", "note",
    },
}  # fmt: skip
OWN_SYSTEMS = {GOLDEN, COST_CENTER_CODE, *SCHEMES.values()}
OWN_TYPES = {DOMAIN, SUPPLIER_TYPE, LOCATION_TYPE}


def to_resource(message: Message, values: Mapping[str, Any]) -> Resource:
    kind = RESOURCES[message.domain]
    elements = to_elements(message.domain, values, by_identifier)
    own = {"use": "official", "system": GOLDEN, "value": message.record}
    resource: Resource = {"resourceType": kind, "identifier": [own, *elements.pop("identifier", [])], **elements}
    parts = [{"url": name, "valueInteger": getattr(message, name)} for name in ("version", "generation")]
    resource.setdefault("extension", []).append({"url": DELIVERY, "extension": parts})
    set_active(resource, message.kind not in (Kind.RETIRE, Kind.MERGE))
    if survivor := message.payload.get("merged_into"):
        replaced = by_identifier(message.domain, survivor)
        resource["extension"].append({"url": REPLACED, "valueReference": replaced})
    return resource


def delivered(resource: Mapping[str, Any]) -> tuple[int, int]:
    """(version, generation) that the resource was written at; (0, 0) where Concord didn't write it."""
    for extension in entries(resource, "extension"):
        if extension.get("url") == DELIVERY:
            said = {one.get("url"): one.get("valueInteger") for one in entries(extension, "extension")}
            return int(said.get("version") or 0), int(said.get("generation") or 0)
    return 0, 0


def public_id(resource: Mapping[str, Any]) -> str:
    """Concord's id of the record, or empty: a record that isn't ours."""
    own = (one.get("value") for one in entries(resource, "identifier") if one.get("system") == GOLDEN)
    return str(next(own, None) or "")


def to_record(resource: Mapping[str, Any]) -> TargetRecord:
    domain = domain_of(resource) or ""
    version, generation = delivered(resource)
    values: Values = comparable(domain, to_values(domain, resource, _named))
    return TargetRecord(public_id(resource), version, generation, is_active(resource), values)


def _named(reference: Mapping[str, Any]) -> str | None:
    """Concord's id in a reference; one to a record of others counts as what it says, so that it shows as a drift."""
    identifier = reference.get("identifier")
    own = identifier if isinstance(identifier, Mapping) and identifier.get("system") == GOLDEN else {}
    return own.get("value") or reference.get("reference")


def merged(held: Mapping[str, Any], ours: Resource) -> Resource:
    """What is written over a resource that the server holds: ours, and all there that is none of our business."""
    owned = OWNED[ours["resourceType"]]
    kept = {name: value for name, value in held.items() if name not in owned}
    made = kept | ours
    for name, is_own in _OWN.items():
        others = [one for one in entries(held, name) if not is_own(one)]
        if others and isinstance(held[name], list):
            made[name] = [*ours.get(name, []), *others]
    meta = held.get("meta") or {}
    made["meta"] = {name: meta[name] for name in ("profile", "security", "tag") if name in meta}
    if not made["meta"]:
        del made["meta"]
    return made


def _systems(concept: Mapping[str, Any]) -> set[Any]:
    return {one.get("system") for one in entries(concept, "coding")}


_OWN: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "identifier": lambda one: one.get("system") in OWN_SYSTEMS,
    "extension": lambda one: str(one.get("url")).startswith(EXTENSION),
    "telecom": lambda one: one.get("system") in ("phone", "email", "url"),
    "safety": lambda one: NCIT in _systems(one),
    "type": lambda one: bool(OWN_TYPES & _systems(one)),
}
