"""Canonical field -> name in the REST profile.

Every field of the canonical model is carried. A reference travels as the other record's public id; its name does not,
because it is that record's own business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.adapters.base import Values

Names = Mapping[str, "str | tuple[str, Mapping[str, str]]"]  # a list is (its name, the names inside)

NOT_CARRIED: dict[str, str] = {}

RESOURCES = {"supplier": "suppliers", "cost_center": "cost-centers", "location": "locations", "item": "items"}

ADDRESS = {
    "line1": "street",
    "line2": "street2",
    "city": "city",
    "state": "region",
    "postcode": "postalCode",
    "country": "countryCode",
}

ITEM: Names = {
    "description": "shortText",
    "long_description": "longText",
    "manufacturer": "manufacturerName",
    "catalogue_number": "manufacturerPartNumber",
    "brand": "brandName",
    "gtin": "eachGtin",
    "udi_di": "deviceIdentifier",
    "lifecycle": "lifecycleStatus",
    "size": "sizeText",
    "latex": "latexStatus",
    "implant": "isImplant",
    "sterile": "isSterile",
    "single_use": "isSingleUse",
    "mri_safety": "mriSafety",
    "lot_tracked": "lotControlled",
    "serial_tracked": "serialControlled",
    "expiry_tracked": "shelfLifeControlled",
    "chargeable": "isChargeable",
    "unspsc": "unspscCode",
    "hcpcs": "hcpcsCode",
    "gmdn_term": "gmdnTerm",
    "category": "itemCategory",
    "base_uom": "baseUnit",
    "packaging": (
        "unitsOfMeasure",
        {
            "uom": "unit",
            "quantity": "containsQuantity",
            "gtin": "gtin",
            "orderable": "canOrder",
            "chargeable": "canCharge",
        },
    ),
    "preferred_supplier": "preferredVendor",
    "supplier_parts": (
        "vendorParts",
        {
            "supplier": "vendor",
            "number": "vendorPartNumber",
            "uom": "purchaseUnit",
            "price": "netPrice",
            "currency": "currencyCode",
            "valid_from": "priceFrom",
            "valid_to": "priceTo",
            "contract": "contractNumber",
            "tier": "contractTier",
        },
    ),
}

SUPPLIER: Names = {
    "name": "legalName",
    "dba_names": "tradingNames",
    "supplier_type": "vendorType",
    "lifecycle": "lifecycleStatus",
    "parent": "parentVendor",
    "duns": "dunsNumber",
    "ein": "taxId",
    "lei": "lei",
    "gln": "gln",
    "npi": "npi",
    "phone": "phone",
    "email": "email",
    "website": "url",
    "payment_terms": "paymentTerms",
    "addresses": ("sites", {"purpose": "siteUse", **ADDRESS}),
}

LOCATION: Names = {
    "name": "locationName",
    "location_type": "locationType",
    "parent": "parentLocation",
    "lifecycle": "lifecycleStatus",
    "gln": "gln",
    "npi": "npi",
    **ADDRESS,
    "phone": "phone",
    "cost_center": "costCenter",
    "active_from": "validFrom",
    "active_to": "validTo",
}

COST_CENTER: Names = {
    "code": "costCenterCode",
    "name": "costCenterName",
    "legal_entity": "companyName",
    "department": "departmentName",
    "gl_segment": "glSegment",
    "parent": "parentCostCenter",
    "lifecycle": "lifecycleStatus",
    "manager_role": "responsibleRole",
    "location": "location",
    "effective_from": "validFrom",
    "effective_to": "validTo",
}

TABLES: dict[str, Names] = {"item": ITEM, "supplier": SUPPLIER, "location": LOCATION, "cost_center": COST_CENTER}


def to_target(names: Names, values: Mapping[str, Any]) -> Values:
    """Canonical values under the profile's names."""
    out: Values = {}
    for field, name in names.items():
        if isinstance(name, str):
            out[name] = values.get(field)
        else:
            out[name[0]] = [to_target(name[1], row) for row in values.get(field) or ()]
    return out


def to_canonical(names: Names, data: Mapping[str, Any]) -> Values:
    """The inverse of ``to_target``."""
    out: Values = {}
    for field, name in names.items():
        if isinstance(name, str):
            out[field] = data.get(name)
        else:
            out[field] = [to_canonical(name[1], row) for row in data.get(name[0]) or ()]
    return out
