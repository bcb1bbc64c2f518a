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


def _all(kind: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), kind)


SITE = _all("text", "street street2 city region postalCode countryCode")
PACK = {"unit": "text", "containsQuantity": "count", "gtin": "text", "canOrder": "flag", "canCharge": "flag"}
PRICE = {
    **_all("text", "vendor vendorPartNumber purchaseUnit currencyCode contractNumber contractTier"),
    "netPrice": "amount",
    **_all("date", "priceFrom priceTo"),
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "item": {
        **_all(
            "text", "shortText longText manufacturerName manufacturerPartNumber brandName eachGtin sizeText baseUnit"
        ),
        **_all("text", "deviceIdentifier lifecycleStatus latexStatus mriSafety unspscCode hcpcsCode gmdnTerm"),
        **_all("text", "itemCategory preferredVendor"),
        **_all(
            "flag", "isImplant isSterile isSingleUse lotControlled serialControlled shelfLifeControlled isChargeable"
        ),
        "unitsOfMeasure": [PACK],
        "vendorParts": [PRICE],
    },
    "supplier": {
        **_all("text", "legalName vendorType lifecycleStatus parentVendor dunsNumber taxId lei gln npi"),
        **_all("text", "phone email url paymentTerms"),
        "tradingNames": "texts",
        "sites": [{"siteUse": "text", **SITE}],
    },
    "location": {
        **_all("text", "locationName locationType parentLocation lifecycleStatus gln npi phone costCenter"),
        **SITE,
        **_all("date", "validFrom validTo"),
    },
    "cost_center": {
        **_all("text", "costCenterCode costCenterName companyName departmentName glSegment parentCostCenter"),
        **_all("text", "lifecycleStatus responsibleRole location"),
        **_all("date", "validFrom validTo"),
    },
}


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
