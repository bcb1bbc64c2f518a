"""Canonical field -> place in an MFN message.

Every field of the canonical model is carried: in the standard's own fields where HL7 v2.6 has one, else in Z-segments
(ZIT item, ZPK packaging level, ZVP supplier part, ZLO location, ZSU supplier, ZAD address, ZCC cost center).

Two things travel with every record in ``ZCV``: 1 public id, 2 version, 3 generation, 4 kind of change, 5 the id that
replaces a merged record, 6 the receiver's own codes (code^unit, repeating). A receiver that already holds the same or a
newer (version, generation) acknowledges and changes nothing.

A message is a full snapshot of its record: a field ``""`` is empty, a repeating segment that is absent is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NOT_CARRIED: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Codec:
    write: Callable[[Any], str]
    read: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Place:
    """``at``: where the value stands. ``system``: the coding system, two components on. ``name_at``: where the name of
    the record that it refers to is written, for people; it is not read back."""

    field: str
    at: str
    codec: Codec
    system: str = ""
    name_at: str = ""
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Segments that repeat for each child; ``fixed`` may say ``{n}``, the number of the child."""

    field: str
    fixed: tuple[tuple[str, str], ...]
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """``fixed`` may name ``{id}`` and any canonical field; ``when`` lists segments left out while a field is empty."""

    event: str
    file: str  # MFI-1, HL7 table 0175 or local
    key_type: str  # MFE-5
    places: tuple[Place, ...]
    fixed: tuple[tuple[str, str], ...] = ()
    groups: tuple[Group, ...] = ()
    when: tuple[tuple[str, str], ...] = ()


def _choice(codes: dict[str, str]) -> Codec:
    back = {code: value for value, code in codes.items()}
    return Codec(lambda value: codes.get(value, value), lambda text: back.get(text, text))


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}"


TEXT = Codec(str, str)
NUMBER = Codec(str, int)
YES_NO = Codec(lambda value: "Y" if value else "N", lambda text: text == "Y")
DAY = Codec(lambda value: value.replace("-", ""), _date)
LATEX = _choice({"contains": "Y", "free": "N"})
STATUS = _choice({"active": "A", "inactive": "I", "discontinued": "D"})
LOCATION_TYPE = _choice({  # user-defined table 0260, extended
    "unit": "N", "room": "R", "bed": "B", "facility": "FAC", "building": "BLD", "floor": "FLR",
    "health_system": "SYS", "storeroom": "STO", "dock": "DCK",
})  # fmt: skip

VENDOR = Group(
    "supplier_parts",
    fixed=(("VND-1", "{n}"), ("PKG-1", "1"), ("ZVP-1", "{n}")),
    places=(
        Place("supplier", "VND-2.1", TEXT, name_at="VND-3"),
        Place("number", "VND-4.1", TEXT),
        Place("uom", "PKG-2.1", TEXT),
        Place("price", "PKG-5.1", TEXT),  # CP: amount & currency are subcomponents; the currency goes to ZVP
        Place("currency", "ZVP-2", TEXT),
        Place("valid_from", "ZVP-3", DAY),
        Place("valid_to", "ZVP-4", DAY),
        Place("contract", "ZVP-5", TEXT),
        Place("tier", "ZVP-6", TEXT),
    ),
)

PACKAGING = Group(
    "packaging",
    fixed=(("ZPK-1", "{n}"),),
    places=(
        Place("uom", "ZPK-2", TEXT),
        Place("quantity", "ZPK-3", NUMBER),
        Place("gtin", "ZPK-4", TEXT),
        Place("orderable", "ZPK-5", YES_NO),
        Place("chargeable", "ZPK-6", YES_NO),
    ),
)

ITEM = Layout(
    "M16",
    "INV",
    "EI",
    fixed=(("ITM-1.1", "{id}"), ("ITM-1.2", "CONCORD")),
    places=(
        Place("description", "ITM-2", TEXT),
        Place("lifecycle", "ITM-3.1", STATUS),
        Place("unspsc", "ITM-5.1", TEXT, system="UNSPSC"),
        Place("category", "ITM-5.5", TEXT),
        Place("expiry_tracked", "ITM-6.1", YES_NO),
        Place("manufacturer", "ITM-8", TEXT),
        Place("catalogue_number", "ITM-9", TEXT),
        Place("gtin", "ITM-10.1", TEXT, system="GTIN"),
        Place("udi_di", "ITM-10.4", TEXT, system="UDI"),
        Place("chargeable", "ITM-11.1", YES_NO),
        Place("latex", "ITM-17.1", LATEX),
        Place("hcpcs", "ITM-27.1", TEXT, system="HCPCS"),
        Place("long_description", "ZIT-1", TEXT),
        Place("brand", "ZIT-2", TEXT),
        Place("size", "ZIT-3", TEXT),
        Place("implant", "ZIT-4", YES_NO),
        Place("sterile", "ZIT-5", YES_NO),
        Place("single_use", "ZIT-6", YES_NO),
        Place("mri_safety", "ZIT-7", TEXT),
        Place("lot_tracked", "ZIT-8", YES_NO),
        Place("serial_tracked", "ZIT-9", YES_NO),
        Place("gmdn_term", "ZIT-10", TEXT),
        Place("base_uom", "ZIT-11", TEXT),
        Place("preferred_supplier", "ZIT-12.1", TEXT, name_at="ZIT-12.2"),
    ),
    groups=(PACKAGING, VENDOR),
)

LOCATION = Layout(
    "M05",
    "LOC",
    "PL",
    fixed=(
        ("LOC-1.1", "{id}"),
        ("LRL-1.1", "{id}"),
        ("LRL-2", "U"),
        ("LRL-3.1", "PARENT"),
        ("LRL-4.1", "PAR"),
        ("LDP-1.1", "{id}"),
        ("LDP-2.1", "{location_type}"),
    ),
    places=(
        Place("name", "LOC-2", TEXT),
        Place("location_type", "LOC-3", LOCATION_TYPE),
        Place("line1", "LOC-5.1", TEXT),
        Place("line2", "LOC-5.2", TEXT),
        Place("city", "LOC-5.3", TEXT),
        Place("state", "LOC-5.4", TEXT),
        Place("postcode", "LOC-5.5", TEXT),
        Place("country", "LOC-5.6", TEXT),
        Place("phone", "LOC-6.12", TEXT),
        Place("parent", "LRL-6.1", TEXT, name_at="LRL-6.9"),
        Place("active_from", "LDP-7", DAY),
        Place("active_to", "LDP-8", DAY),
        Place("cost_center", "LDP-12.1", TEXT, name_at="LDP-12.2"),
        Place("lifecycle", "ZLO-1", STATUS),
        Place("gln", "ZLO-2", TEXT),
        Place("npi", "ZLO-3", TEXT),
    ),
    when=(("LRL", "parent"),),
)

ADDRESS = Group(
    "addresses",
    fixed=(("ZAD-1", "{n}"),),
    places=(
        Place("purpose", "ZAD-2", TEXT),
        Place("line1", "ZAD-3.1", TEXT),
        Place("line2", "ZAD-3.2", TEXT),
        Place("city", "ZAD-3.3", TEXT),
        Place("state", "ZAD-3.4", TEXT),
        Place("postcode", "ZAD-3.5", TEXT),
        Place("country", "ZAD-3.6", TEXT),
    ),
)

SUPPLIER = Layout(
    "Z10",
    "ZSU",
    "EI",
    fixed=(("ZSU-1.1", "{id}"), ("ZSU-1.2", "CONCORD")),
    places=(
        Place("name", "ZSU-2", TEXT),
        Place("dba_names", "ZSU-3", TEXT, repeats=True),
        Place("supplier_type", "ZSU-4", TEXT),
        Place("lifecycle", "ZSU-5", STATUS),
        Place("parent", "ZSU-6.1", TEXT, name_at="ZSU-6.2"),
        Place("duns", "ZSU-7", TEXT),
        Place("ein", "ZSU-8", TEXT),
        Place("lei", "ZSU-9", TEXT),
        Place("gln", "ZSU-10", TEXT),
        Place("npi", "ZSU-11", TEXT),
        Place("phone", "ZSU-12", TEXT),
        Place("email", "ZSU-13", TEXT),
        Place("website", "ZSU-14", TEXT),
        Place("payment_terms", "ZSU-15", TEXT),
    ),
    groups=(ADDRESS,),
)

COST_CENTER = Layout(
    "Z11",
    "ZCC",
    "EI",
    fixed=(("ZCC-1.1", "{id}"), ("ZCC-1.2", "CONCORD")),
    places=(
        Place("code", "ZCC-2", TEXT),
        Place("name", "ZCC-3", TEXT),
        Place("legal_entity", "ZCC-4", TEXT),
        Place("department", "ZCC-5", TEXT),
        Place("gl_segment", "ZCC-6", TEXT),
        Place("parent", "ZCC-7.1", TEXT, name_at="ZCC-7.2"),
        Place("lifecycle", "ZCC-8", STATUS),
        Place("manager_role", "ZCC-9", TEXT),
        Place("location", "ZCC-10.1", TEXT, name_at="ZCC-10.2"),
        Place("effective_from", "ZCC-11", DAY),
        Place("effective_to", "ZCC-12", DAY),
    ),
)

LAYOUTS = {"item": ITEM, "location": LOCATION, "supplier": SUPPLIER, "cost_center": COST_CENTER}
