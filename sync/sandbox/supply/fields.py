"""What the supply-chain system calls its fields, and where it looks for them in the files it is sent."""

from __future__ import annotations

NUMBERING = {
    "item": ("SC", 500000),
    "supplier": ("VN", 80000),
    "location": ("ST", 2000),
    "cost_center": ("CX", 900),
}

# PID characteristic -> own name
TEXTS = {
    "MANUFACTURER": "maker", "BRAND": "brand", "UDI-DI": "udi", "LIFECYCLE": "stage", "SIZE": "size_desc",
    "LATEX": "latex", "MRI": "mri", "UNSPSC": "commodity", "GMDN": "device_term", "CATEGORY": "class",
}  # fmt: skip
FLAGS = {
    "IMPLANT": "implant", "STERILE": "sterile", "SINGLE-USE": "one_use", "LOT": "lot_ctl", "SERIAL": "serial_ctl",
    "EXPIRY": "expiry_ctl", "CHARGEABLE": "billable",
}  # fmt: skip
PRODUCT_IDS = {"UK": "each_gtin", "MG": "maker_part", "HC": "hcpcs"}

CONTROL = ("key", "id", "version", "generation", "action", "active", "replaced_by", "codes")
_SITE = ("street", "street_2", "city", "state", "zip", "country")
TABLES = {
    "supplier": (
        "vendor_name", "other_names", "vendor_class", "lifecycle", "parent_vendor", "duns", "tax_id", "lei", "gln",
        "npi", "phone", "email", "website", "terms",
        *(f"{use}_{part}" for use in ("ordering", "remit_to", "ship_from") for part in _SITE),
    ),
    "location": (
        "ship_to_name", "ship_to_class", "part_of", "lifecycle", "gln", "npi", *_SITE, "phone", "cost_center",
        "valid_from", "valid_to",
    ),
    "cost_center": (
        "number", "name", "company", "department", "gl_segment", "parent", "lifecycle", "manager_role", "location",
        "valid_from", "valid_to",
    ),
}  # fmt: skip
