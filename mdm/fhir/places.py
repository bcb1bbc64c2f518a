"""Where canonical values stand in FHIR R4 resources. Each place writes some fields into a resource and reads them back.

A repeating element may hold others' entries beside ours (their identifiers, their phones): a place finds its own by
what is fixed about it. What isn't stated is not written, and reads as absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from decimal import Decimal
from typing import Any, Protocol

from mdm.canonical import Field, Kind
from mdm.fhir.names import EXTENSION
from mdm.scalars import decimal_text

Resource = dict[str, Any]
Values = dict[str, Any]
Refer = Callable[[str, Any], Resource]  # (domain, {"id", "name"} or public id) → Reference
ReadReference = Callable[[Mapping[str, Any]], Any]  # Reference → what names the other record, or None

ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}


class Place(Protocol):
    @property
    def fields(self) -> tuple[str, ...]: ...

    def write(self, resource: Resource, values: Mapping[str, Any], refer: Refer) -> None: ...

    def read(self, resource: Mapping[str, Any], named: ReadReference) -> Values: ...


def entries(resource: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a repeating element; what another server put there otherwise is passed over."""
    found = resource.get(name)
    yield from (one for one in (found if isinstance(found, list) else [found]) if isinstance(one, Mapping))


@dataclass(frozen=True, slots=True)
class OneField:
    """A place of one attribute."""

    field: str

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


@dataclass(frozen=True, slots=True)
class Element(OneField):
    """``Organization.name``, ``Organization.alias``."""

    name: str

    def write(self, resource: Resource, values: Mapping[str, Any], refer: Refer) -> None:
        if (value := values.get(self.field)) not in (None, "", []):
            resource[self.name] = value

    def read(self, resource: Mapping[str, Any], named: ReadReference) -> Values:
        return {self.field: resource.get(self.name)}


@dataclass(frozen=True, slots=True)
class Entry(OneField):
    """One entry of a repeating element, known by what is fixed in it: the phone among the telecoms."""

    name: str
    key: str
    fixed: Mapping[str, str] = default(default_factory=dict)

    def write(self, resource: Resource, values: Mapping[str, Any], refer: Refer) -> None:
        if (value := values.get(self.field)) not in (None, ""):
            resource.setdefault(self.name, []).append({**self.fixed, self.key: value})

    def read(self, resource: Mapping[str, Any], named: ReadReference) -> Values:
        own = (one for one in entries(resource, self.name) if self.fixed.items() <= one.items())
        return {self.field: next((one.get(self.key) for one in own), None)}


@dataclass(frozen=True, slots=True)
class Concept(OneField):
    """A code within a CodeableConcept. ``codes``: canonical value → its code there. ``repeats``: a concept each."""

    name: str
    system: str
    codes: Mapping[str, str] = default(default_factory=dict)
    repeats: bool = False

    def write(self, resource: Resource, values: Mapping[str, Any], refer: Refer) -> None:
        if (value := values.get(self.field)) in (None, ""):
            return
        coding = {"system": self.system, "code": self.codes.get(value, value)}
        if self.repeats:
            resource.setdefault(self.name, []).append({"coding": [coding]})
        else:
            resource.setdefault(self.name, {}).setdefault("coding", []).append(coding)

    def read(self, resource: Mapping[str, Any], named: ReadReference) -> Values:
        back = {code: value for value, code in self.codes.items()}
        codings = (coding for concept in entries(resource, self.name) for coding in entries(concept, "coding"))
        codes = (one.get("code") for one in codings if one.get("system") == self.system)
        known = (back.get(str(code)) if back else code for code in codes)
        return {self.field: next((code for code in known if code), None)}


@dataclass(frozen=True, slots=True)
class Text(OneField):
    """The text of a CodeableConcept."""

    name: str

    def write(self, resource: Resource, values: Mapping[str, Any], refer: Refer) -> None:
        if value := values.get(self.field):
            resource.setdefault(self.name, {})["text"] = value

    def read(self, resource: Mapping[str, Any], named: ReadReference) -> Values:
        return {self.field: next((concept.get("text") for concept in entries(resource, self.name)), None)}


@dataclass(frozen=True, slots=True)
class Link(OneField):
    """A Reference to another record."""

    name: str
    domain: str

    def write(self, resource: Resource, values: Mapping[str, Any], refer: Refer) -> None:
        if value := values.get(self.field):
            resource[self.name] = refer(self.domain, value)

    def read(self, resource: Mapping[str, Any], named: ReadReference) -> Values:
        return {self.field: next((named(one) for one in entries(resource, self.name)), None)}


@dataclass(frozen=True, slots=True)
class Udi(OneField):
    """UDI-DI with its issuer, told by its form, and the FDA as jurisdiction: R4 wants all three."""

    field: str = "udi_di"

    def write(self, resource: Resource, values: Mapping[str, Any], refer: Refer) -> None:
        if value := values.get(self.field):
            jurisdiction = "http://hl7.org/fhir/NamingSystem/fda-udi"
            resource["udiDeviceIdentifier"] = [
                {"deviceIdentifier": value, "issuer": _issuer(value), "jurisdiction": jurisdiction}
            ]

    def read(self, resource: Mapping[str, Any], named: ReadReference) -> Values:
        found = (one.get("deviceIdentifier") for one in entries(resource, "udiDeviceIdentifier"))
        return {self.field: next(found, None)}


def _issuer(di: str) -> str:
    """FHIR R4, Device.udiCarrier.issuer."""
    if di.startswith("+"):
        return "http://hl7.org/fhir/NamingSystem/hibcc-dI"
    if di.startswith("=") or di[:1].isalpha():
        return "http://hl7.org/fhir/NamingSystem/iccbba-other-di"
    return "http://hl7.org/fhir/NamingSystem/gs1-di"


PARTS = {"city": "city", "state": "state", "postcode": "postalCode", "country": "country"}


def to_address(values: Mapping[str, Any]) -> Resource:
    address: Resource = {name: values[part] for part, name in PARTS.items() if values.get(part)}
    first, second = values.get("line1"), values.get("line2")
    if lines := [first, second] if second else [first] if first else []:
        address["line"] = lines
        if not first:  # JSON has null for what an extension explains
            address["_line"] = [{"extension": [ABSENT]}, None]
    return address


def from_address(address: Mapping[str, Any]) -> Values:
    said = address.get("line")
    lines = [line if isinstance(line, str) else None for line in said] if isinstance(said, list) else []
    lines += [None, None]
    more = ", ".join(line for line in lines[1:] if line)
    return {"line1": lines[0], "line2": more or None, **{part: address.get(name) for part, name in PARTS.items()}}


@dataclass(frozen=True, slots=True)
class Site:
    """``Location.address``."""

    fields: tuple[str, ...] = ("line1", "line2", *PARTS)

    def write(self, resource: Resource, values: Mapping[str, Any], refer: Refer) -> None:
        if address := to_address(values):
            resource["address"] = address

    def read(self, resource: Mapping[str, Any], named: ReadReference) -> Values:
        return next((from_address(one) for one in entries(resource, "address")), {})


PURPOSE = f"{EXTENSION}supplier:address-purpose"
USES = {"remit_to": {"use": "billing"}, "ship_from": {"use": "work", "type": "physical"}, "ordering": {"use": "work"}}


@dataclass(frozen=True, slots=True)
class Addresses(OneField):
    """``Organization.address``, one for each purpose. Those of others say it by their use: billing is remit-to."""

    field: str = "addresses"

    def write(self, resource: Resource, values: Mapping[str, Any], refer: Refer) -> None:
        for row in values.get(self.field) or ():
            purpose = {"url": PURPOSE, "valueCode": row["purpose"]}
            address = {"extension": [purpose], **USES.get(row["purpose"], {}), **to_address(row)}
            resource.setdefault("address", []).append(address)

    def read(self, resource: Mapping[str, Any], named: ReadReference) -> Values:
        found: dict[str, Values] = {}
        for address in entries(resource, "address"):
            purpose = _purpose(address)
            found.setdefault(purpose, {"purpose": purpose, **from_address(address)})
        return {self.field: list(found.values()) or None}


def _purpose(address: Mapping[str, Any]) -> str:
    said = (one.get("valueCode") for one in entries(address, "extension") if one.get("url") == PURPOSE)
    return str(next(said, None) or ("remit_to" if address.get("use") == "billing" else "ordering"))


TYPES = {
    Kind.BOOLEAN: "valueBoolean",
    Kind.DATE: "valueDate",
    Kind.DECIMAL: "valueDecimal",
    Kind.INTEGER: "valueInteger",
    Kind.CHOICE: "valueCode",
    Kind.REFERENCE: "valueReference",
}


@dataclass(frozen=True, slots=True)
class Extension:
    """A field that R4 has no element for: ``urn:concord:extension:item:sterile``. Children are extensions inside."""

    domain: str
    spec: Field

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.spec.name,)

    @property
    def url(self) -> str:
        return f"{EXTENSION}{self.domain.replace('_', '-')}:{self.spec.name.replace('_', '-')}"

    def write(self, resource: Resource, values: Mapping[str, Any], refer: Refer) -> None:
        made = list(_extensions(self.spec, self.url, values.get(self.spec.name), refer))
        if made:
            resource.setdefault("extension", []).extend(made)

    def read(self, resource: Mapping[str, Any], named: ReadReference) -> Values:
        return {self.spec.name: _said(self.spec, self.url, resource, named)}


def _extensions(spec: Field, url: str, value: Any, refer: Refer) -> Iterator[Resource]:
    if value in (None, "", []):
        return
    if spec.kind is Kind.CHILDREN:
        for row in value:
            parts = [e for child in spec.children for e in _extensions(child, child.name, row.get(child.name), refer)]
            yield {"url": url, "extension": parts}
    elif spec.kind is Kind.LIST:
        yield from ({"url": url, "valueString": text} for text in value)
    elif spec.kind is Kind.REFERENCE:
        yield {"url": url, "valueReference": refer(spec.domain, value)}
    elif spec.kind is Kind.DECIMAL:
        yield {"url": url, "valueDecimal": float(value)}  # 14 digits at most: exact in a double
    else:
        yield {"url": url, TYPES.get(spec.kind, "valueString"): value}


def _said(spec: Field, url: str, holder: Mapping[str, Any], named: ReadReference) -> Any:
    own = [one for one in entries(holder, "extension") if one.get("url") == url]
    if spec.kind is Kind.CHILDREN:
        rows = [{child.name: _said(child, child.name, one, named) for child in spec.children} for one in own]
        return rows or None
    values = [_value(spec, one, named) for one in own]
    if spec.kind is Kind.LIST:
        return values or None
    return next(iter(values), None)


def _value(spec: Field, extension: Mapping[str, Any], named: ReadReference) -> Any:
    value = extension.get(TYPES.get(spec.kind, "valueString"))
    if spec.kind is Kind.REFERENCE:
        return named(value) if isinstance(value, Mapping) else None
    if spec.kind is Kind.DECIMAL and isinstance(value, int | float):
        return decimal_text(Decimal(str(value)))
    return value
