"""Golden records as FHIR resources: R4 Organization, Location and DeviceDefinition, R5 InventoryItem."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Any

from mdm.api.json import dumps
from mdm.code_systems import code_systems
from mdm.fhir import names, uris
from mdm.fhir.mapping import REPLACED_BY as REPLACED
from mdm.fhir.mapping import RESOURCES, UNSPSC, by_identifier, set_active, to_elements, with_address
from mdm.models import PRIMARY, GoldenRecord
from mdm.services import publish

Resource = dict[str, Any]
R4, R5 = "R4", "R5"
VERSION = "urn:concord:extension:version"

TYPES: dict[str, dict[str, tuple[str, ...]]] = {  # FHIR version → resource type → domains
    R4: {"Organization": ("supplier", "cost_center"), "Location": ("location",), "DeviceDefinition": ("item",)},
    R5: {"InventoryItem": ("item",)},
}


def of_records(records: Collection[GoldenRecord], fhir: str) -> list[Resource]:
    """In the order given. A handful of queries, whatever their number."""
    if not records:
        return []
    payloads = publish.payloads([record.pk for record in records])
    return [of_payload(payloads[record.pk], record.updated_at, fhir) for record in records]


def of_payload(payload: Mapping[str, Any], updated_at: dt.datetime, fhir: str) -> Resource:
    """With ``meta``. Its version is of the content: codes and names of others change it, too."""
    resource = _r4(payload) if fhir == R4 else _inventory_item(payload)
    version = blake2b(dumps(resource), digest_size=6).hexdigest()
    meta = {"versionId": f"{payload['version']}-{version}", "lastUpdated": updated_at}
    return {"resourceType": resource["resourceType"], "id": payload["id"], "meta": meta} | resource


def etag(resource: Mapping[str, Any]) -> str:
    return f'W/"{resource["meta"]["versionId"]}"'


def _r4(payload: Mapping[str, Any]) -> Resource:
    domain = payload["domain"]
    resource: Resource = {"resourceType": RESOURCES[domain], "identifier": list(_identifiers(payload))}
    elements = to_elements(domain, payload["attributes"], with_address)
    resource["identifier"] += elements.pop("identifier", [])
    resource |= elements
    resource.setdefault("extension", []).append({"url": VERSION, "valueInteger": payload["version"]})
    set_active(resource, payload["status"] == GoldenRecord.Status.LIVE)
    if survivor := payload["merged_into"]:
        resource["extension"].append({"url": REPLACED, "valueReference": with_address(domain, {"id": survivor})})
    return resource


def _identifiers(payload: Mapping[str, Any]) -> Iterable[Resource]:
    """Concord's own id and the code of each system. Public identifiers are among the attributes."""
    yield {"use": "official", "system": names.GOLDEN, "value": payload["id"]}
    for code in payload["codes"]:
        if code["kind"] == PRIMARY:
            system = code_systems.get(code["code_system"])
            assigner = {"display": code["system"]}
            use = "usual" if code["preferred"] else "secondary"
            yield {"use": use, "system": uris.of(system), "value": code["code"], "assigner": assigner}


def _inventory_item(payload: Mapping[str, Any]) -> Resource:
    """R5: the item as it is stocked; what R5 has no element for is in the R4 DeviceDefinition of the same id."""
    values = payload["attributes"]
    status = "active" if payload["status"] == GoldenRecord.Status.LIVE else "inactive"
    resource: Resource = {
        "resourceType": "InventoryItem",
        "identifier": [*_identifiers(payload), *_public(values)],
        "status": status,
    }
    if text := values["category"]:
        resource["category"] = [{"text": text}]
    if code := values["unspsc"]:
        resource["code"] = [{"coding": [{"system": UNSPSC, "code": code}]}]
    called = {"trade-name": values["brand"], "preferred": values["description"]}
    if rows := [_name(kind, text) for kind, text in called.items() if text]:
        resource["name"] = rows
    if text := values["long_description"] or values["description"]:
        resource["description"] = {"language": "en", "description": text}
    if unit := values["base_uom"]:
        resource["baseUnit"] = {"coding": [{"system": names.UNIT, "code": unit}]}
    if supplier := values["preferred_supplier"]:
        organization = by_identifier("supplier", supplier)  # R5 has no address for it here
        role = {"coding": [{"system": names.DOMAIN, "code": "supplier"}]}
        resource["responsibleOrganization"] = [{"role": role, "organization": organization}]
    if rows := [_characteristic(name, values[name]) for name in CHARACTERISTICS if values[name] is not None]:
        resource["characteristic"] = rows
    return resource


CHARACTERISTICS = ("latex", "mri_safety", "implant", "sterile", "single_use", "lot_tracked", "serial_tracked",
                   "expiry_tracked", "manufacturer", "catalogue_number", "size", "gmdn_term")  # fmt: skip


def _public(values: Mapping[str, Any]) -> Iterable[Resource]:
    if gtin := values["gtin"]:
        yield {"system": names.SCHEMES["gtin"], "value": gtin}
    if di := values["udi_di"]:
        yield {"system": "http://hl7.org/fhir/NamingSystem/fda-udi", "value": di}


def _name(kind: str, text: str) -> Resource:
    system = "http://hl7.org/fhir/inventoryitem-nametype"
    return {"nameType": {"system": system, "code": kind}, "language": "en", "name": text}


def _characteristic(name: str, value: Any) -> Resource:
    kind = {"coding": [{"system": "urn:concord:attribute", "code": name.replace("_", "-")}]}
    return {"characteristicType": kind, "valueBoolean" if isinstance(value, bool) else "valueString": value}
