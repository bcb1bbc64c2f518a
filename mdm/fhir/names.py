"""What FHIR calls things: URIs of Concord's own, and the public ones of identifiers (HL7 terminology, FHIR R4 "Known
Identifier Systems").
"""

from __future__ import annotations

GOLDEN = "urn:concord:id"  # public ids of golden records
CODE_SYSTEM = "urn:concord:code-system:"
VALUE_SET = "urn:concord:value-set:"
CONCEPT_MAP = "urn:concord:concept-map:"
DOMAIN = "urn:concord:domain"  # supplier, cost-center, location, item
EXTENSION = "urn:concord:extension:"
UNIT = "urn:concord:uom"  # X12 data element 355, or what the system itself calls a unit

SCHEMES = {
    "gtin": "https://www.gs1.org/gtin",
    "gln": "https://www.gs1.org/gln",
    "npi": "http://hl7.org/fhir/sid/us-npi",
    "ein": "urn:oid:2.16.840.1.113883.4.4",
    "lei": "urn:iso:std:iso:17442",
    "duns": "urn:oid:1.3.6.1.4.1.519.1",
}
