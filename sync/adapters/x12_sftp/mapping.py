"""Canonical field -> place in an 832 (items) or column of a CSV file (suppliers, locations, cost centers).

**832.** One line a segment, in the order of the LIN loop (005010). ``{field}`` is a value; ``UK?`` is written only when
the element after it has a value; a segment without any value is left out. A text longer than 80 characters is continued
in further PID segments. Flags are Y or N, dates CCYYMMDD, as X12 has them. Beside the fields travel ``{key}`` (the
idempotency key), ``{version}`` and ``{generation}``, ``{code}`` (the receiver's own code; further ones in REF*IX) and
``{replaced_by}`` of a merged record. A receiver that already holds the same or a newer (version, generation) accepts
and changes nothing.

**CSV.** UTF-8, RFC 4180, one column a field; an address has the columns of each purpose; a list is a JSON array.
"""

from __future__ import annotations

NOT_CARRIED: dict[str, str] = {}

ITEM = (
    "LIN**IN*{id}*SK?*{code}*UK?*{gtin}*MG?*{catalogue_number}*HC?*{hcpcs}",
    "G53*{maintenance}",
    "REF*TN*{key}",
    "REF*V0*{version}*{generation}",
    "REF*ZZ*{replaced_by}*REPLACED BY",
    "PID*F****{description}",
    "PID*X**ZZ*MANUFACTURER*{manufacturer}",
    "PID*X**ZZ*BRAND*{brand}",
    "PID*X**ZZ*UDI-DI*{udi_di}",
    "PID*X**ZZ*LIFECYCLE*{lifecycle}",
    "PID*X**ZZ*SIZE*{size}",
    "PID*X**ZZ*LATEX*{latex}",
    "PID*X**ZZ*MRI*{mri_safety}",
    "PID*X**ZZ*UNSPSC*{unspsc}",
    "PID*X**ZZ*GMDN*{gmdn_term}",
    "PID*X**ZZ*CATEGORY*{category}",
    "PID*S**ZZ*IMPLANT****{implant}",
    "PID*S**ZZ*STERILE****{sterile}",
    "PID*S**ZZ*SINGLE-USE****{single_use}",
    "PID*S**ZZ*LOT****{lot_tracked}",
    "PID*S**ZZ*SERIAL****{serial_tracked}",
    "PID*S**ZZ*EXPIRY****{expiry_tracked}",
    "PID*S**ZZ*CHARGEABLE****{chargeable}",
    "PO4*1*1?*{base_uom}",
    "MTX*LIN*{long_description}",
)

SUPPLIER_PART = (  # field "supplier_parts": a CTP loop each
    "CTP**CON*{price}*1?*{uom}",
    "DTM*092*{valid_from}",
    "DTM*093*{valid_to}",
    "CUR*SE*{currency}",
    "REF*VR*{supplier}",
    "REF*CT*{contract}",
    "REF*ZZ*{number}*VENDOR PART",
    "REF*ZZ*{tier}*TIER",
)

PREFERRED = ("N1*SU**92*{preferred_supplier}",)

PACKAGING = (  # field "packaging": a SLN loop each; SLN04 0: quantity not stated
    "SLN*{n}**I*{quantity}*{uom}****UK?*{gtin}",
    "PID*S**ZZ*ORDERABLE****{orderable}",
    "PID*S**ZZ*CHARGEABLE****{chargeable}",
)

CONTINUED = 80  # characters of PID05

# Elements with limits of their own in 005010; longer values fail before they are sent
LIMITS = {
    "gtin": 48,
    "catalogue_number": 48,
    "hcpcs": 48,
    "long_description": 4096,
    "supplier_parts.number": 50,
    "supplier_parts.contract": 50,
    "supplier_parts.tier": 50,
    "supplier_parts.price": 17,
    "packaging.gtin": 48,
}
EXACT = {"base_uom": 2, "packaging.uom": 2, "supplier_parts.uom": 2, "supplier_parts.currency": 3}

ADDRESS = {
    "line1": "street",
    "line2": "street_2",
    "city": "city",
    "state": "state",
    "postcode": "zip",
    "country": "country",
}

SUPPLIER = {
    "name": "vendor_name",
    "dba_names": "other_names",
    "supplier_type": "vendor_class",
    "lifecycle": "lifecycle",
    "parent": "parent_vendor",
    "duns": "duns",
    "ein": "tax_id",
    "lei": "lei",
    "gln": "gln",
    "npi": "npi",
    "phone": "phone",
    "email": "email",
    "website": "website",
    "payment_terms": "terms",
    **{
        f"addresses.{use}.{f}": f"{use}_{name}"
        for use in ("ordering", "remit_to", "ship_from")
        for f, name in ADDRESS.items()
    },
}

LOCATION = {
    "name": "ship_to_name",
    "location_type": "ship_to_class",
    "parent": "part_of",
    "lifecycle": "lifecycle",
    "gln": "gln",
    "npi": "npi",
    **ADDRESS,
    "phone": "phone",
    "cost_center": "cost_center",
    "active_from": "valid_from",
    "active_to": "valid_to",
}

COST_CENTER = {
    "code": "number",
    "name": "name",
    "legal_entity": "company",
    "department": "department",
    "gl_segment": "gl_segment",
    "parent": "parent",
    "lifecycle": "lifecycle",
    "manager_role": "manager_role",
    "location": "location",
    "effective_from": "valid_from",
    "effective_to": "valid_to",
}

COLUMNS = {"supplier": SUPPLIER, "location": LOCATION, "cost_center": COST_CENTER}
CONTROL_COLUMNS = ("key", "id", "version", "generation", "action", "active", "replaced_by", "codes")
