"""Canonical field ↔ FHIR R4 element, for what Concord shows, what it writes to FHIR servers and what it is sent.

Fields that no table names travel as extensions, so that every field is carried. Sources: FHIR R4 Organization,
Location, DeviceDefinition; safety codes from its value set device-safety (NCI Thesaurus).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mdm.canonical import DOMAINS
from mdm.fhir.names import DOMAIN, GOLDEN, SCHEMES
from mdm.fhir.places import (
    Addresses,
    Concept,
    Element,
    Entry,
    Extension,
    Link,
    Place,
    ReadReference,
    Refer,
    Resource,
    Site,
    Text,
    Udi,
    Values,
    entries,
)

RESOURCES = {
    "supplier": "Organization",
    "cost_center": "Organization",
    "location": "Location",
    "item": "DeviceDefinition",
}
SUPPLIER_TYPE, LOCATION_TYPE = "urn:concord:supplier-type", "urn:concord:location-type"
COST_CENTER_CODE = "urn:concord:cost-center-code"
UNSPSC = "http://www.unspsc.org"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
NCIT = "urn:oid:2.16.840.1.113883.3.26.1.1"
LATEX = {"contains": "C101673", "free": "C106038"}
MRI = {"safe": "C106045", "conditional": "C106046", "unsafe": "C106047"}
PHYSICAL_TYPE = "http://terminology.hl7.org/CodeSystem/location-physical-type"
PHYSICAL = {"facility": "si", "building": "bu", "floor": "lvl", "unit": "wa", "room": "ro", "bed": "bd",
            "storeroom": "ro", "dock": "area"}  # fmt: skip


def _identifier(field: str, system: str = "") -> Entry:
    return Entry(field, "identifier", "value", {"system": system or SCHEMES[field]})


def _telecom(field: str, system: str) -> Entry:
    return Entry(field, "telecom", "value", {"system": system})


_STANDARD: dict[str, tuple[Place, ...]] = {
    "supplier": (
        *(_identifier(name) for name in ("duns", "ein", "lei", "gln", "npi")),
        Concept("supplier_type", "type", SUPPLIER_TYPE, repeats=True),
        Element("name", "name"),
        Element("dba_names", "alias"),
        _telecom("phone", "phone"),
        _telecom("email", "email"),
        _telecom("website", "url"),
        Addresses(),
        Link("parent", "partOf", "supplier"),
    ),
    "cost_center": (
        _identifier("code", COST_CENTER_CODE),
        Element("name", "name"),
        Link("parent", "partOf", "cost_center"),
    ),
    "location": (
        *(_identifier(name) for name in ("gln", "npi")),
        Element("name", "name"),
        Concept("location_type", "type", LOCATION_TYPE, repeats=True),
        _telecom("phone", "phone"),
        Site(),
        Link("parent", "partOf", "location"),
    ),
    "item": (
        _identifier("gtin"),
        Udi(),
        Element("manufacturer", "manufacturerString"),
        Entry("description", "deviceName", "name", {"type": "user-friendly-name"}),
        Entry("brand", "deviceName", "name", {"type": "manufacturer-name"}),
        Element("catalogue_number", "modelNumber"),
        Concept("unspsc", "type", UNSPSC),
        Concept("hcpcs", "type", HCPCS),
        Text("gmdn_term", "type"),
        Concept("latex", "safety", NCIT, LATEX, repeats=True),
        Concept("mri_safety", "safety", NCIT, MRI, repeats=True),
        Entry("long_description", "note", "text"),
    ),
}


def _complete(domain: str) -> tuple[Place, ...]:
    places = _STANDARD[domain]
    placed = {name for place in places for name in place.fields}
    return (*places, *(Extension(domain, spec) for spec in DOMAINS[domain].fields if spec.name not in placed))


PLACES = {domain: _complete(domain) for domain in RESOURCES}


def to_elements(domain: str, attributes: Mapping[str, Any], refer: Refer) -> Resource:
    """What the attributes of a record become, without id, status and the identifiers that systems know it by."""
    resource: Resource = {}
    if RESOURCES[domain] == "Organization":  # suppliers and cost centers are told apart by it
        resource["type"] = [{"coding": [{"system": DOMAIN, "code": domain.replace("_", "-")}]}]
    for place in PLACES[domain]:
        place.write(resource, attributes, refer)
    if physical := PHYSICAL.get(attributes.get("location_type") or ""):
        resource["physicalType"] = {"coding": [{"system": PHYSICAL_TYPE, "code": physical}]}
    return resource


def to_values(domain: str, resource: Mapping[str, Any], named: ReadReference) -> Values:
    """The canonical values of a resource; None where it states none. The inverse of ``to_elements``."""
    values: Values = {}
    for place in PLACES[domain]:
        values |= place.read(resource, named)
    return values


def domain_of(resource: Mapping[str, Any]) -> str | None:
    """What a resource is of, or None. An Organization that doesn't say that it is a cost center is a supplier."""
    kind = resource.get("resourceType")
    if kind == "Organization":
        codings = [coding for concept in entries(resource, "type") for coding in entries(concept, "coding")]
        is_cost_center = any(one.get("system") == DOMAIN and one.get("code") == "cost-center" for one in codings)
        return "cost_center" if is_cost_center else "supplier"
    return next((domain for domain, name in RESOURCES.items() if name == kind), None)


def set_active(resource: Resource, active: bool) -> None:
    """As its kind of resource says it; DeviceDefinition has no element for it."""
    if resource["resourceType"] == "Organization":
        resource["active"] = active
    elif resource["resourceType"] == "Location":
        resource["status"] = "active" if active else "inactive"
    else:
        resource.setdefault("extension", []).append({"url": ACTIVE, "valueBoolean": active})


def is_active(resource: Mapping[str, Any]) -> bool:
    if resource.get("active") is False or resource.get("status") in ("inactive", "suspended"):
        return False
    said = (one.get("valueBoolean") for one in entries(resource, "extension") if one.get("url") == ACTIVE)
    return next(said, None) is not False


ACTIVE = "urn:concord:extension:active"
REPLACED_BY = "urn:concord:extension:replaced-by"


def by_identifier(domain: str, value: Any) -> Resource:
    """A logical reference: whoever holds the record finds it by Concord's id."""
    pid, name = (value["id"], value.get("name")) if isinstance(value, Mapping) else (value, None)
    made = {"type": RESOURCES[domain], "identifier": {"system": GOLDEN, "value": pid}}
    return {**made, "display": name} if name else made


def with_address(domain: str, value: Any) -> Resource:
    """A reference that leads to the record at this very server as well."""
    made = by_identifier(domain, value)
    return {"reference": f"{RESOURCES[domain]}/{made['identifier']['value']}", **made}
