"""The ERP's own view of a record: which fields each resource has and what a value of each must look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

Row = dict[str, Any]

RESOURCES = {"items": "item", "suppliers": "supplier", "locations": "location", "cost-centers": "cost_center"}
NUMBERING = {
    "item": ("47", 100000),
    "supplier": ("V", 20000),
    "location": ("P", 3000),
    "cost_center": ("K", 60000),
}

SITE = {f: "text" for f in ("street", "street2", "city", "region", "postalCode", "countryCode")}
SCHEMAS: dict[str, dict[str, Any]] = {
    "item": {
        **{f: "text" for f in (
            "shortText longText manufacturerName manufacturerPartNumber brandName eachGtin deviceIdentifier "
            "lifecycleStatus sizeText latexStatus mriSafety unspscCode hcpcsCode gmdnTerm itemCategory baseUnit "
            "preferredVendor").split()},
        **{f: "flag" for f in (
            "isImplant isSterile isSingleUse lotControlled serialControlled shelfLifeControlled isChargeable").split()},
        "unitsOfMeasure": [{
            "unit": "text", "containsQuantity": "count", "gtin": "text", "canOrder": "flag", "canCharge": "flag"}],
        "vendorParts": [{
            "vendor": "text", "vendorPartNumber": "text", "purchaseUnit": "text", "netPrice": "amount",
            "currencyCode": "text", "priceFrom": "date", "priceTo": "date", "contractNumber": "text",
            "contractTier": "text"}],
    },
    "supplier": {
        **{f: "text" for f in (
            "legalName vendorType lifecycleStatus parentVendor dunsNumber taxId lei gln npi phone email url "
            "paymentTerms").split()},
        "tradingNames": "texts",
        "sites": [{"siteUse": "text", **SITE}],
    },
    "location": {
        **{f: "text" for f in (
            "locationName locationType parentLocation lifecycleStatus gln npi phone costCenter").split()},
        **SITE, "validFrom": "date", "validTo": "date",
    },
    "cost_center": {
        **{f: "text" for f in (
            "costCenterCode costCenterName companyName departmentName glSegment parentCostCenter lifecycleStatus "
            "responsibleRole location").split()},
        "validFrom": "date", "validTo": "date",
    },
}  # fmt: skip


def problems(schema: Mapping[str, Any], data: Mapping[str, Any], at: str = "data") -> list[str]:
    """What is wrong with a record, one sentence each; empty when it is fine."""
    found = [f"{at}.{name} is not a field of this resource" for name in data if name not in schema]
    for name, kind in schema.items():
        value = data.get(name)
        if isinstance(kind, list):
            for n, row in enumerate(value or ()):
                found += problems(kind[0], row, f"{at}.{name}[{n}]")
        elif value is not None and not _fits(kind, value):
            found.append(f"{at}.{name} is not a {kind}")
    return found


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "text":
            return isinstance(value, str)
        case "flag":
            return isinstance(value, bool)
        case "count":
            return isinstance(value, int) and not isinstance(value, bool)
        case "amount":
            return isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
        case "texts":
            return isinstance(value, list) and all(isinstance(v, str) for v in value)
    return isinstance(value, str) and _is_date(value)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
