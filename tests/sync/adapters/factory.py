"""Messages with golden payloads for every domain, plain and awkward."""

from __future__ import annotations

import uuid
from typing import Any

from mdm.canonical import DOMAINS
from sync.adapters.base import Kind, Message, Rendered

AWKWARD = {
    "plain": "Catheter Foley 16FR",
    "hl7": "|^~\\&| \\E\\ \\X0D\\ \\.br\\ ^^ ~~ &amp; trailing\\",
    "x12": "* ~ : > ^ ISA*00~ SE*1*0001~",
    "csv": 'quote " comma , semicolon ; =1+1 "" \'',
    "lines": "first\nsecond\r\nthird\n\nfifth",
    "unicode": "Größe 5µm – 日本語 ñ €½ \U0001f9ea \u2028 e\u0301",
    "null": '""',
    "blank": "  two  spaces inside and around  ",
    "json": '{"a": [1, null]} \\u0041 \\n',
    "html": "<b>&lt;script&gt;</b>",
}

SUPPLIER_REF = {"id": "MDM-SU-000001", "name": "Acme Médical & Söhne"}

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "item": {
        "description": "Catheter Foley 16FR 5CC",
        "long_description": "Silicone coated latex, two-way, 16 French, 5 mL balloon.",
        "manufacturer": "C. R. Bard, Inc.",
        "catalogue_number": "0165SI16",
        "brand": "Bardex",
        "gtin": "00801741012345",
        "udi_di": "00801741012345",
        "lifecycle": "active",
        "size": "16FR",
        "latex": "contains",
        "implant": False,
        "sterile": True,
        "single_use": True,
        "mri_safety": "safe",
        "lot_tracked": True,
        "serial_tracked": False,
        "expiry_tracked": True,
        "chargeable": False,
        "unspsc": "42142500",
        "hcpcs": "A4338",
        "gmdn_term": "Indwelling urethral drainage catheter",
        "category": "Urology",
        "base_uom": "EA",
        "packaging": [
            {"uom": "EA", "quantity": 1, "gtin": "00801741012345", "orderable": False, "chargeable": True},
            {"uom": "BX", "quantity": 10, "gtin": None, "orderable": True, "chargeable": None},
            {"uom": "CA", "quantity": None, "gtin": "50801741012340", "orderable": None, "chargeable": False},
        ],
        "preferred_supplier": SUPPLIER_REF,
        "supplier_parts": [
            {
                "supplier": SUPPLIER_REF,
                "number": "ACM-0165",
                "uom": "BX",
                "price": "120.50",
                "currency": "USD",
                "valid_from": "2026-01-01",
                "valid_to": "2026-12-31",
                "contract": "GPO-17",
                "tier": "2",
            },
            {
                "supplier": {"id": "MDM-SU-000002", "name": None},
                "number": "77-1",
                "uom": None,
                "price": None,
                "currency": None,
                "valid_from": None,
                "valid_to": None,
                "contract": None,
                "tier": None,
            },
        ],
    },
    "supplier": {
        "name": "Acme Medical",
        "dba_names": ["Acme", "Acme Surgical"],
        "supplier_type": "distributor",
        "lifecycle": "active",
        "parent": {"id": "MDM-SU-000009", "name": "Acme Holdings"},
        "duns": "150483782",
        "ein": "12-3456789",
        "lei": "5493001KJTIIGC8Y1R12",
        "gln": "0801741000009",
        "npi": "1234567893",
        "phone": "+1 312 555 0100",
        "email": "orders@example.org",
        "website": "https://example.org/?a=1&b=2",
        "payment_terms": "2/10 N30",
        "addresses": [
            {
                "purpose": "ordering",
                "line1": "1 Main St",
                "line2": None,
                "city": "Chicago",
                "state": "IL",
                "postcode": "60601",
                "country": "US",
            },
            {
                "purpose": "remit_to",
                "line1": "PO Box 7",
                "line2": "Dept 4",
                "city": "Chicago",
                "state": "IL",
                "postcode": "60602",
                "country": "US",
            },
        ],
    },
    "location": {
        "name": "4 West Telemetry",
        "location_type": "unit",
        "parent": {"id": "MDM-LO-000002", "name": "General Hospital"},
        "lifecycle": "active",
        "gln": "0801741000016",
        "npi": "1234567893",
        "line1": "5 Hospital Drive",
        "line2": "Building B",
        "city": "Springfield",
        "state": "MA",
        "postcode": "01103",
        "country": "US",
        "phone": "413-555-0100",
        "cost_center": {"id": "MDM-CC-000003", "name": "Telemetry"},
        "active_from": "2020-02-29",
        "active_to": None,
    },
    "cost_center": {
        "code": "6010-442",
        "name": "Telemetry 4 West",
        "legal_entity": "General Hospital Inc.",
        "department": "Nursing",
        "gl_segment": "01-6010",
        "parent": {"id": "MDM-CC-000001", "name": "Nursing"},
        "lifecycle": "active",
        "manager_role": "Nurse manager",
        "location": {"id": "MDM-LO-000005", "name": "4 West"},
        "effective_from": "2019-07-01",
        "effective_to": "2031-06-30",
    },
}

TEXT_FIELDS = {
    "item": ("description", "long_description", "manufacturer", "brand", "size", "gmdn_term", "category"),
    "supplier": ("name", "phone", "email", "website", "payment_terms"),
    "location": ("name", "line1", "line2", "city", "state", "postcode", "phone"),
    "cost_center": ("code", "name", "legal_entity", "department", "gl_segment", "manager_role"),
}

DOMAIN_NAMES = tuple(DOMAINS)


def message(domain: str = "item", number: int = 1, *, version: int = 1, generation: int = 0, kind: str = Kind.UPSERT,
            codes: tuple[str, ...] = (), merged_into: str | None = None, **attributes: Any) -> Message:  # fmt: skip
    """A message of the domain's sample record, with the given attributes in place of the sample's."""
    record = f"MDM-{DOMAINS[domain].prefix}-{number:06d}"
    key = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{record}/{version}/{generation}"))
    payload = {
        "id": record,
        "domain": domain,
        "version": version,
        "status": {"retire": "retired", "merge": "merged"}.get(kind, "live"),
        "merged_into": merged_into,
        "codes": [],
        "attributes": {**ATTRIBUTES[domain], **attributes},
        "target_codes": [{"code": code, "uom": "EA"} for code in codes],
    }
    return Message(key, record, domain, version, generation, kind, payload)


def empty(domain: str, number: int = 1, **given: Any) -> Message:
    """A record of which nothing is stated but what is given."""
    names = {f.name: None for f in DOMAINS[domain].fields}
    return message(domain, number, **{**names, **given})


def awkward(domain: str, number: int, text: str) -> Message:
    """Every free text of the record is the given one."""
    changed: dict[str, Any] = dict.fromkeys(TEXT_FIELDS[domain], text)
    if domain == "supplier":
        changed["dba_names"] = [text, "second"]
        changed["addresses"] = [{**ATTRIBUTES["supplier"]["addresses"][0], "line1": text, "city": text}]
    if domain == "item":
        part = {**ATTRIBUTES["item"]["supplier_parts"][0], "number": text[:50], "contract": text[:50]}
        changed |= {"supplier_parts": [part], "catalogue_number": text[:48]}
    return message(domain, number, **changed)


def rendered(adapter: Any, *messages: Message) -> list[Rendered]:
    return [Rendered(m, adapter.render(m)) for m in messages]
