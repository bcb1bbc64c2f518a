"""What the EHR calls the fields of its master files, and where they stand in the messages it understands."""

from __future__ import annotations

Names = dict[str, str]

FILES = {"INV": "item", "LOC": "location", "ZSU": "supplier", "ZCC": "cost_center"}
NUMBERING = {
    "item": ("EAP", 300000),
    "location": ("DEP", 10000),
    "supplier": ("VEN", 5000),
    "cost_center": ("CC", 7000),
}

# place -> the EHR's own name; a name ending in [] repeats
SINGLE: dict[str, Names] = {
    "item": {
        "ITM-2": "DISPLAY_NAME", "ITM-3": "RECORD_STATE", "ITM-5": "UNSPSC_CODE", "ITM-5.5": "SUPPLY_GROUP",
        "ITM-6": "EXPIRES_YN", "ITM-8": "MFR_NAME", "ITM-9": "MFR_REF_NO", "ITM-10": "EACH_GTIN",
        "ITM-10.4": "UDI_DI", "ITM-11": "PT_CHARGE_YN", "ITM-17": "LATEX_YN", "ITM-27": "CHARGE_CPT_HCPCS",
        "ZIT-1": "LONG_NAME", "ZIT-2": "BRAND", "ZIT-3": "SIZE_TEXT", "ZIT-4": "IMPLANT_YN", "ZIT-5": "STERILE_YN",
        "ZIT-6": "SINGLE_USE_YN", "ZIT-7": "MRI", "ZIT-8": "LOT_YN", "ZIT-9": "SERIAL_YN", "ZIT-10": "GMDN",
        "ZIT-11": "STOCK_UNIT", "ZIT-12": "MAIN_VENDOR",
    },
    "location": {
        "LOC-2": "DEPT_NAME", "LOC-3": "DEPT_KIND", "LOC-5": "STREET_1", "LOC-5.2": "STREET_2", "LOC-5.3": "CITY",
        "LOC-5.4": "STATE", "LOC-5.5": "ZIP", "LOC-5.6": "COUNTRY", "LOC-6.12": "PHONE", "LRL-6": "PARENT_DEPT",
        "LDP-7": "OPEN_DATE", "LDP-8": "CLOSE_DATE", "LDP-12": "COST_CENTER", "ZLO-1": "RECORD_STATE",
        "ZLO-2": "GLN", "ZLO-3": "NPI",
    },
    "supplier": {
        "ZSU-2": "VENDOR_NAME", "ZSU-3[]": "AKA", "ZSU-4": "VENDOR_KIND", "ZSU-5": "RECORD_STATE",
        "ZSU-6": "PARENT_VENDOR", "ZSU-7": "DUNS", "ZSU-8": "TAX_ID", "ZSU-9": "LEI", "ZSU-10": "GLN",
        "ZSU-11": "NPI", "ZSU-12": "PHONE", "ZSU-13": "EMAIL", "ZSU-14": "URL", "ZSU-15": "TERMS",
    },
    "cost_center": {
        "ZCC-2": "CC_NUMBER", "ZCC-3": "CC_NAME", "ZCC-4": "COMPANY", "ZCC-5": "DEPARTMENT", "ZCC-6": "GL_SEGMENT",
        "ZCC-7": "PARENT_CC", "ZCC-8": "RECORD_STATE", "ZCC-9": "MANAGER_ROLE", "ZCC-10": "LOCATION",
        "ZCC-11": "START_DATE", "ZCC-12": "END_DATE",
    },
}  # fmt: skip

# own name of the list -> the segment a row begins with, and its fields
REPEATED: dict[str, dict[str, tuple[str, Names]]] = {
    "item": {
        "PACK_LEVELS": ("ZPK", {
            "ZPK-2": "UNIT", "ZPK-3": "HOLDS", "ZPK-4": "GTIN", "ZPK-5": "ORDER_YN", "ZPK-6": "CHARGE_YN"}),
        "VENDOR_ITEMS": ("VND", {
            "VND-2": "VENDOR", "VND-4": "VENDOR_REF", "PKG-2": "BUY_UNIT", "PKG-5": "PRICE", "ZVP-2": "CURRENCY",
            "ZVP-3": "PRICE_FROM", "ZVP-4": "PRICE_TO", "ZVP-5": "CONTRACT", "ZVP-6": "TIER"}),
    },
    "supplier": {
        "SITES": ("ZAD", {
            "ZAD-2": "SITE_USE", "ZAD-3": "STREET_1", "ZAD-3.2": "STREET_2", "ZAD-3.3": "CITY", "ZAD-3.4": "STATE",
            "ZAD-3.5": "ZIP", "ZAD-3.6": "COUNTRY"}),
    },
    "location": {},
    "cost_center": {},
}  # fmt: skip
