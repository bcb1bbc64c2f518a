"""Canonical field -> property of SAP's API_BUSINESS_PARTNER and API_PRODUCT_SRV (OData v2).

========================= ====================================================================================
supplier                  ``A_BusinessPartner``, an organization with the role FLVN01 and a supplier
  public id, version      SearchTerm2; the custom field that the setting ``version_field`` names
  name                    OrganizationBPName1 (40)
  ein                     ``A_BusinessPartnerTaxNumber`` of the type ``tax_type``
  duns, lei, gln, npi     ``A_BuPaIdentification`` of the types in ``id_types``
  addresses               ``A_BusinessPartnerAddress``, told apart by the usages in ``address_usages``
  retired, merged         BusinessPartnerIsBlocked
item                      ``A_Product``
  public id, version      ProductOldID (18); the custom field
  description             ``A_ProductDescription`` in ``language`` (40)
  long_description        ``A_ProductBasicText`` in ``language``
  catalogue_number        ProductManufacturerNumber (40)
  gtin, size, base_uom    ProductStandardID (18), SizeOrDimensionText (32), BaseUnit (3)
  retired, merged         IsMarkedForDeletion
========================= ====================================================================================

New records get their number from the public id (``SU00000042``, ``MDM-IT-000042``), so that a second attempt to make
one meets the first: the grouping and the product type need external numbers. Cost centers can't be written (the service
API_COSTCENTER_SRV is read-only) and plants are customizing, so neither is a domain of this adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sync.adapters.base import Values
from sync.adapters.values import Limits, comparable

from .config import ODataConfig

Entity = dict[str, Any]

ELSEWHERE = "SAP has it in customizing, in another service or in a view that purchasing keeps"
NOT_CARRIED: dict[str, dict[str, str]] = {
    "supplier": dict.fromkeys(
        ("dba_names", "supplier_type", "parent", "phone", "email", "website", "payment_terms"), ELSEWHERE)
    | {"lifecycle": "a business partner is blocked or not, as the record is live or not"},
    "item": dict.fromkeys(
        ("manufacturer", "brand", "udi_di", "latex", "implant", "sterile", "single_use", "mri_safety", "lot_tracked",
         "serial_tracked", "expiry_tracked", "chargeable", "unspsc", "hcpcs", "gmdn_term", "category", "packaging",
         "preferred_supplier", "supplier_parts"), ELSEWHERE)
    | {"lifecycle": "a product is marked for deletion or not, as the record is live or not"},
}  # fmt: skip
LIMITS: dict[str, Limits] = {
    "supplier": {
        "name": 40, "ein": 20, "lei": 60, "addresses.line1": 60, "addresses.line2": 40, "addresses.city": 40,
        "addresses.state": 3, "addresses.postcode": 10, "addresses.country": 3,
    },
    "item": {"description": 40, "catalogue_number": 40, "gtin": 18, "size": 32, "base_uom": 3},
}  # fmt: skip
IDS = ("duns", "lei", "gln", "npi")


@dataclass(frozen=True, slots=True)
class Rows:
    """Children of a record: ``nav`` is the property that leads to them, ``keys`` beside the record's own.

    ``kind`` tells rows apart; of what it answers None for, somebody else takes care.
    """

    nav: str
    entity_set: str
    keys: tuple[str, ...]
    kind: Callable[[Entity], str | None]
    values: tuple[str, ...]  # the properties that are kept in step
    expand: str = ""  # deeper property to be read with them


@dataclass(frozen=True, slots=True)
class Layout:
    service: str
    entity_set: str
    key: str
    id_property: str  # where the public id stands
    inactive: str  # a flag
    rows: tuple[Rows, ...]

    @property
    def expand(self) -> str:
        return ",".join(f"{r.nav}/{r.expand}" if r.expand else r.nav for r in self.rows)


def layout(domain: str, config: ODataConfig) -> Layout:
    """Where a domain's records stand; raises KeyError for a domain that SAP lets nobody write."""
    return {"supplier": _partner_layout, "item": _product_layout}[domain](config)


def _partner_layout(config: ODataConfig) -> Layout:
    purposes = {usage: purpose for purpose, usage in config.address_usages.items()}
    types = {kind: name for name, kind in config.id_types.items()}

    def purpose(row: Entity) -> str | None:
        usages = [purposes.get(usage["AddressUsage"]) for usage in row["to_AddressUsage"]]
        return next((found for found in usages if found), None)

    return Layout("API_BUSINESS_PARTNER", "A_BusinessPartner", "BusinessPartner", "SearchTerm2",
                  "BusinessPartnerIsBlocked", (
        Rows("to_BusinessPartnerTax", "A_BusinessPartnerTaxNumber", ("BPTaxType",),
             lambda row: "ein" if row["BPTaxType"] == config.tax_type else None, ("BPTaxNumber",)),
        Rows("to_BuPaIdentification", "A_BuPaIdentification", ("BPIdentificationType", "BPIdentificationNumber"),
             lambda row: f"{types[t]} {row['BPIdentificationNumber']}" if (t := row["BPIdentificationType"]) in types
             else None, ()),
        Rows("to_BusinessPartnerAddress", "A_BusinessPartnerAddress", ("AddressID",), purpose,
             tuple(ADDRESS.values()), "to_AddressUsage"),
    ))  # fmt: skip


def _product_layout(config: ODataConfig) -> Layout:
    def language(row: Entity) -> str | None:
        return "text" if row["Language"] == config.language else None

    return Layout("API_PRODUCT_SRV", "A_Product", "Product", "ProductOldID", "IsMarkedForDeletion", (
        Rows("to_Description", "A_ProductDescription", ("Language",), language, ("ProductDescription",)),
        Rows("to_ProductBasicText", "A_ProductBasicText", ("Language",), language, ("LongText",)),
    ))  # fmt: skip


ADDRESS = {
    "line1": "StreetName",
    "line2": "StreetPrefixName",
    "city": "CityName",
    "state": "Region",
    "postcode": "PostalCode",
    "country": "Country",
}


def number(domain: str, record: str) -> str:
    """The number that a new record gets: ``MDM-SU-000042`` becomes SU00000042, ten characters as SAP has them."""
    if domain == "item":
        return record
    _, prefix, digits = record.split("-")
    return f"{prefix}{digits:0>8}"


def to_entity(domain: str, values: Values, config: ODataConfig) -> Entity:
    """Canonical values under SAP's names, children under the properties that lead to them."""
    return {"supplier": _partner, "item": _product}[domain](values, config)


def first_values(domain: str, config: ODataConfig) -> Entity:
    """What only a new record is given."""
    if domain == "item":
        return {"ProductType": config.product_type}
    return {
        "BusinessPartnerCategory": "2",  # organization
        "BusinessPartnerGrouping": config.grouping,
        "to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLVN01"}],  # supplier
        "to_Supplier": {},
    }


def to_canonical(domain: str, entity: Mapping[str, Any], config: ODataConfig) -> Values:
    """The carried values of an entity; the inverse of ``to_entity``."""
    found = comparable(domain, {"supplier": _from_partner, "item": _from_product}[domain](entity, config))
    return {name: value for name, value in found.items() if name not in NOT_CARRIED[domain]}


def _partner(values: Values, config: ODataConfig) -> Entity:
    ids = [(config.id_types[name], values[name]) for name in IDS if values.get(name)]
    return {
        "OrganizationBPName1": values.get("name") or "",
        "to_BusinessPartnerTax": [{"BPTaxType": config.tax_type, "BPTaxNumber": values["ein"]}]
        if values.get("ein")
        else [],
        "to_BuPaIdentification": [{"BPIdentificationType": t, "BPIdentificationNumber": value} for t, value in ids],
        "to_BusinessPartnerAddress": [_address(row, config) for row in values.get("addresses") or ()],
    }


def _address(row: Values, config: ODataConfig) -> Entity:
    usage = config.address_usages[row.get("purpose") or "ordering"]
    properties = {name: row.get(ours) or "" for ours, name in ADDRESS.items()}
    return {**properties, "to_AddressUsage": [{"AddressUsage": usage}]}


def _from_partner(entity: Mapping[str, Any], config: ODataConfig) -> Values:
    numbers = {row["BPIdentificationType"]: row["BPIdentificationNumber"] for row in entity["to_BuPaIdentification"]}
    taxes = {row["BPTaxType"]: row["BPTaxNumber"] for row in entity["to_BusinessPartnerTax"]}
    purpose = _partner_layout(config).rows[2].kind
    addresses = [(purpose(row), row) for row in entity["to_BusinessPartnerAddress"]]
    return {
        "name": entity["OrganizationBPName1"],
        "ein": taxes.get(config.tax_type),
        **{name: numbers.get(kind) for name, kind in config.id_types.items()},
        "addresses": [
            {"purpose": kind, **{ours: row[name] for ours, name in ADDRESS.items()}} for kind, row in addresses if kind
        ],
    }


def _product(values: Values, config: ODataConfig) -> Entity:
    def texts(name: str, text: str | None) -> list[Entity]:
        return [{"Language": config.language, name: text}] if text else []

    unit = values.get("base_uom")
    return {
        "ProductManufacturerNumber": values.get("catalogue_number") or "",
        "ProductStandardID": values.get("gtin") or "",
        "SizeOrDimensionText": values.get("size") or "",
        "BaseUnit": config.units.get(unit, unit) if unit else "EA",  # SAP keeps no product without a unit
        "to_Description": texts("ProductDescription", values.get("description")),
        "to_ProductBasicText": texts("LongText", values.get("long_description")),
    }


def _from_product(entity: Mapping[str, Any], config: ODataConfig) -> Values:
    def text(nav: str, name: str) -> Any:
        return next((row[name] for row in entity[nav] if row["Language"] == config.language), None)

    units = {theirs: ours for ours, theirs in config.units.items()}
    return {
        "catalogue_number": entity["ProductManufacturerNumber"],
        "gtin": entity["ProductStandardID"],
        "size": entity["SizeOrDimensionText"],
        "base_uom": units.get(entity["BaseUnit"], entity["BaseUnit"]),
        "description": text("to_Description", "ProductDescription"),
        "long_description": text("to_ProductBasicText", "LongText"),
    }
