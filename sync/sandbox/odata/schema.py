"""What SAP's services hold: entity sets, their keys, properties with lengths, and what may not be made alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Entity = dict[str, Any]
NUMBERING = {"supplier": ("", 1), "item": ("", 1)}  # numbers come from outside


@dataclass(frozen=True, slots=True)
class EntitySet:
    """``texts`` gives the longest value of each property; ``navs`` the sets that properties lead to."""

    name: str
    keys: tuple[str, ...]
    texts: Mapping[str, int]
    flags: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    navs: Mapping[str, str] = field(default_factory=dict)
    creatable: bool = True
    assigned: str = ""  # a key that the server gives


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    domain: str
    root: str  # the set whose records everything else belongs to
    id_property: str
    version_property: str
    inactive: str
    sets: Mapping[str, EntitySet]


def _sets(*sets: EntitySet) -> dict[str, EntitySet]:
    return {one.name: one for one in sets}


PARTNER = "BusinessPartner"
SERVICES = {
    "API_BUSINESS_PARTNER": Service(
        "API_BUSINESS_PARTNER",
        "supplier",
        "A_BusinessPartner",
        "SearchTerm2",
        "YY1_MDMVersion_bus",
        "BusinessPartnerIsBlocked",
        _sets(
            EntitySet(
                "A_BusinessPartner",
                (PARTNER,),
                {PARTNER: 10, "BusinessPartnerCategory": 1, "BusinessPartnerGrouping": 4, "OrganizationBPName1": 40,
                 "SearchTerm1": 20, "SearchTerm2": 20, "YY1_MDMVersion_bus": 40},
                ("BusinessPartnerIsBlocked",),
                ("BusinessPartnerCategory", "OrganizationBPName1"),
                {"to_BusinessPartnerRole": "A_BusinessPartnerRole", "to_Supplier": "A_Supplier",
                 "to_BusinessPartnerTax": "A_BusinessPartnerTaxNumber", "to_BuPaIdentification": "A_BuPaIdentification",
                 "to_BusinessPartnerAddress": "A_BusinessPartnerAddress"},
            ),
            EntitySet("A_Supplier", ("Supplier",), {"Supplier": 10, "SupplierName": 80}, creatable=False,
                      assigned="Supplier"),
            EntitySet("A_BusinessPartnerRole", (PARTNER, "BusinessPartnerRole"),
                      {PARTNER: 10, "BusinessPartnerRole": 6}),
            EntitySet("A_BusinessPartnerTaxNumber", (PARTNER, "BPTaxType"),
                      {PARTNER: 10, "BPTaxType": 4, "BPTaxNumber": 20}, required=("BPTaxNumber",)),
            EntitySet("A_BuPaIdentification", (PARTNER, "BPIdentificationType", "BPIdentificationNumber"),
                      {PARTNER: 10, "BPIdentificationType": 6, "BPIdentificationNumber": 60}),
            EntitySet("A_BusinessPartnerAddress", (PARTNER, "AddressID"),
                      {PARTNER: 10, "AddressID": 10, "StreetName": 60, "StreetPrefixName": 40, "CityName": 40,
                       "Region": 3, "PostalCode": 10, "Country": 3},
                      navs={"to_AddressUsage": "A_BuPaAddressUsage"}, assigned="AddressID"),
            EntitySet("A_BuPaAddressUsage", (PARTNER, "AddressID", "AddressUsage"),
                      {PARTNER: 10, "AddressID": 10, "AddressUsage": 10}),
        ),
    ),
    "API_PRODUCT_SRV": Service(
        "API_PRODUCT_SRV",
        "item",
        "A_Product",
        "ProductOldID",
        "YY1_MDMVersion_PRD",
        "IsMarkedForDeletion",
        _sets(
            EntitySet(
                "A_Product",
                ("Product",),
                {"Product": 40, "ProductType": 4, "ProductOldID": 18, "ProductManufacturerNumber": 40,
                 "ProductStandardID": 18, "SizeOrDimensionText": 32, "BaseUnit": 3, "YY1_MDMVersion_PRD": 40},
                ("IsMarkedForDeletion",),
                ("ProductType", "BaseUnit"),
                {"to_Description": "A_ProductDescription", "to_ProductBasicText": "A_ProductBasicText"},
            ),
            EntitySet("A_ProductDescription", ("Product", "Language"),
                      {"Product": 40, "Language": 2, "ProductDescription": 40}),
            EntitySet("A_ProductBasicText", ("Product", "Language"),
                      {"Product": 40, "Language": 2, "LongText": 100_000}),
        ),
    ),
}  # fmt: skip


def problems(service: Service, kind: EntitySet, entity: Mapping[str, Any], *, new: bool) -> Iterator[str]:
    """What SAP would say of a payload; nothing when it is fine."""
    for name, value in entity.items():
        if name in kind.navs:
            inner = service.sets[kind.navs[name]]
            for row in rows_of(value):
                yield from problems(service, inner, row, new=True)
        elif name in kind.texts:
            if not isinstance(value, str):
                yield f"Property {name} has an invalid value"
            elif len(value) > kind.texts[name]:
                yield f"Property {name} has {len(value)} characters, allowed are {kind.texts[name]}"
        elif name in kind.flags:
            if not isinstance(value, bool):
                yield f"Property {name} has an invalid value"
        else:
            yield f"Property {name} is invalid"
    if new:
        yield from (f"Enter a value for {name}" for name in kind.required if not entity.get(name))


def rows_of(value: Any) -> list[Any]:
    """Children of a deep insert: a list, ``{"results": […]}`` or one entity."""
    if isinstance(value, Mapping):
        found = value.get("results", [value])
        return list(found) if isinstance(found, list) else [found]
    return list(value or ())
