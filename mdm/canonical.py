"""The canonical model: which attributes each domain has, and what a value of each looks like.

This is the one vocabulary that feeds are mapped to, source records are stored in, survivorship decides on, golden
records are built from and targets receive. Values are JSON: text as ``str``, flags as ``bool``, dates as ISO 8601
``str``, amounts as decimal ``str``, references as the *code the source itself uses* for the other record. A value that
is missing, empty or a placeholder is absent; absent is "not stated", never "no".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property


class Kind(StrEnum):
    TEXT = "text"
    CODE = "code"  # compared and stored without surrounding blanks, case kept
    BOOLEAN = "boolean"
    DATE = "date"
    DECIMAL = "decimal"
    INTEGER = "integer"
    CHOICE = "choice"
    IDENTIFIER = "identifier"  # checked by mdm.identifiers; kept even when invalid, and marked so
    REFERENCE = "reference"  # another golden record, named by the source's own code
    LIST = "list"  # a list of texts
    CHILDREN = "children"  # a list of objects, one per ``child_key``


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    kind: Kind = Kind.TEXT
    group: str = "Identity"
    max_length: int | None = None
    scheme: str = ""  # for identifiers: gtin, udi_di, gln, npi, ein, lei, duns
    domain: str = ""  # for references
    choices: tuple[tuple[str, str], ...] = ()
    children: tuple[Field, ...] = ()
    child_key: str = ""
    guarded: bool = False  # a change on a live record waits for a second person


@dataclass(frozen=True)
class Domain:
    name: str
    label: str
    plural: str
    prefix: str  # of public ids: MDM-<prefix>-000001
    icon: str
    order: int  # suppliers before cost centers before locations before items: references point backwards
    fields: tuple[Field, ...] = field(default=())

    @cached_property
    def by_name(self) -> dict[str, Field]:
        return {f.name: f for f in self.fields}

    @cached_property
    def references(self) -> tuple[Field, ...]:
        return tuple(f for f in self.fields if f.kind is Kind.REFERENCE)

    @cached_property
    def referring(self) -> tuple[Field, ...]:
        """References, and children that have some."""
        return tuple(f for f in self.fields if any(part.kind is Kind.REFERENCE for part in (f, *f.children)))

    @cached_property
    def pointers(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(field, its children's fields) of each that refers to other records; a field without children does itself."""
        return tuple((f.name, tuple(c.name for c in f.children if c.kind is Kind.REFERENCE)) for f in self.referring)

    @cached_property
    def parents(self) -> tuple[Field, ...]:
        """Those whose value is a list of children."""
        return tuple(f for f in self.fields if f.kind is Kind.CHILDREN)

    @cached_property
    def identifiers(self) -> tuple[Field, ...]:
        return tuple(f for f in self.fields if f.kind is Kind.IDENTIFIER)


def _flag(name: str, label: str, group: str = "Clinical and safety", *, guarded: bool = False) -> Field:
    return Field(name, label, Kind.BOOLEAN, group, guarded=guarded)


LIFECYCLE = Field(
    "lifecycle",
    "Lifecycle",
    Kind.CHOICE,
    "Identity",
    choices=(("active", "Active"), ("inactive", "Inactive"), ("discontinued", "Discontinued")),
)

ADDRESS = (
    Field("line1", "Address line 1", max_length=120),
    Field("line2", "Address line 2", max_length=120),
    Field("city", "City", max_length=80),
    Field("state", "State", Kind.CODE, max_length=20),
    Field("postcode", "Postcode", Kind.CODE, max_length=20),
    Field("country", "Country", Kind.CODE, max_length=2),
)

ITEM = Domain(
    "item",
    "Item",
    "Items",
    "IT",
    "package",
    4,
    (
        Field("description", "Description", max_length=2000),
        Field("long_description", "Long description", max_length=8000),
        Field("manufacturer", "Manufacturer", max_length=200),
        Field("catalogue_number", "Catalogue no.", Kind.CODE, max_length=80),
        Field("brand", "Brand", max_length=200),
        Field("gtin", "GTIN, each", Kind.IDENTIFIER, scheme="gtin", max_length=14),
        Field("udi_di", "UDI-DI", Kind.IDENTIFIER, scheme="udi_di", max_length=40),
        LIFECYCLE,
        Field("size", "Size", group="Clinical and safety", max_length=1000),
        Field(
            "latex",
            "Latex",
            Kind.CHOICE,
            "Clinical and safety",
            choices=(("contains", "Contains latex"), ("free", "Latex-free")),
            guarded=True,
        ),
        _flag("implant", "Implant", guarded=True),
        _flag("sterile", "Sterile"),
        _flag("single_use", "Single use"),
        Field(
            "mri_safety",
            "MRI safety",
            Kind.CHOICE,
            "Clinical and safety",
            choices=(("safe", "MR safe"), ("conditional", "MR conditional"), ("unsafe", "MR unsafe")),
        ),
        _flag("lot_tracked", "Lot tracked", "Tracking"),
        _flag("serial_tracked", "Serial tracked", "Tracking"),
        _flag("expiry_tracked", "Expiry tracked", "Tracking"),
        _flag("chargeable", "Chargeable", "Tracking"),
        Field("unspsc", "UNSPSC", Kind.CODE, "Classification", max_length=8),
        Field("hcpcs", "HCPCS", Kind.CODE, "Classification", max_length=5),
        Field("gmdn_term", "GMDN term", group="Classification", max_length=300),
        Field("category", "Category", group="Classification", max_length=120),
        Field("base_uom", "Base unit", Kind.CODE, "Packaging", max_length=3),
        Field(
            "packaging",
            "Packaging",
            Kind.CHILDREN,
            "Packaging",
            child_key="uom",
            children=(
                Field("uom", "Unit", Kind.CODE, max_length=3),
                Field("quantity", "Quantity", Kind.INTEGER),  # of the next lower level
                Field("gtin", "GTIN", Kind.IDENTIFIER, scheme="gtin", max_length=14),
                Field("orderable", "Orderable", Kind.BOOLEAN),
                Field("chargeable", "Chargeable", Kind.BOOLEAN),
            ),
        ),
        Field("preferred_supplier", "Preferred supplier", Kind.REFERENCE, "Supply", domain="supplier"),
        Field(
            "supplier_parts",
            "Supplier parts",
            Kind.CHILDREN,
            "Supply",
            child_key="supplier",
            children=(
                Field("supplier", "Supplier", Kind.REFERENCE, domain="supplier"),
                Field("number", "Part no.", Kind.CODE, max_length=80),
                Field("uom", "Unit", Kind.CODE, max_length=3),
                Field("price", "Price", Kind.DECIMAL),
                Field("currency", "Currency", Kind.CODE, max_length=3),
                Field("valid_from", "Valid from", Kind.DATE),
                Field("valid_to", "Valid to", Kind.DATE),
                Field("contract", "Contract", Kind.CODE, max_length=60),
                Field("tier", "Tier", max_length=20),
            ),
        ),
    ),
)

SUPPLIER = Domain(
    "supplier",
    "Supplier",
    "Suppliers",
    "SU",
    "truck",
    1,
    (
        Field("name", "Legal name", max_length=200),
        Field("dba_names", "Doing business as", Kind.LIST),
        Field(
            "supplier_type",
            "Type",
            Kind.CHOICE,
            choices=(
                ("manufacturer", "Manufacturer"),
                ("distributor", "Distributor"),
                ("service", "Service provider"),
                ("gpo", "Group purchasing organization"),
                ("other", "Other"),
            ),
        ),
        LIFECYCLE,
        Field("parent", "Parent company", Kind.REFERENCE, domain="supplier"),
        Field("duns", "DUNS", Kind.IDENTIFIER, "Identifiers", scheme="duns", max_length=9),
        Field("ein", "EIN", Kind.IDENTIFIER, "Identifiers", scheme="ein", max_length=10, guarded=True),
        Field("lei", "LEI", Kind.IDENTIFIER, "Identifiers", scheme="lei", max_length=20),
        Field("gln", "GLN", Kind.IDENTIFIER, "Identifiers", scheme="gln", max_length=13),
        Field("npi", "NPI", Kind.IDENTIFIER, "Identifiers", scheme="npi", max_length=10),
        Field("phone", "Phone", group="Contact", max_length=40),
        Field("email", "Email", group="Contact", max_length=254),
        Field("website", "Website", group="Contact", max_length=200),
        Field("payment_terms", "Payment terms", Kind.CODE, "Commercial", max_length=40),
        Field(
            "addresses",
            "Addresses",
            Kind.CHILDREN,
            "Contact",
            child_key="purpose",
            children=(
                Field(
                    "purpose",
                    "Purpose",
                    Kind.CHOICE,
                    choices=(("ordering", "Ordering"), ("remit_to", "Remit-to"), ("ship_from", "Ship-from")),
                ),
                *ADDRESS,
            ),
        ),
    ),
)

LOCATION = Domain(
    "location",
    "Location",
    "Locations",
    "LO",
    "hospital",
    3,
    (
        Field("name", "Name", max_length=200),
        Field(
            "location_type",
            "Type",
            Kind.CHOICE,
            choices=(
                ("health_system", "Health system"),
                ("facility", "Facility"),
                ("building", "Building"),
                ("floor", "Floor"),
                ("unit", "Unit"),
                ("room", "Room"),
                ("bed", "Bed"),
                ("storeroom", "Storeroom"),
                ("dock", "Dock"),
            ),
        ),
        Field("parent", "Part of", Kind.REFERENCE, domain="location"),
        LIFECYCLE,
        Field("gln", "GLN", Kind.IDENTIFIER, "Identifiers", scheme="gln", max_length=13),
        Field("npi", "NPI", Kind.IDENTIFIER, "Identifiers", scheme="npi", max_length=10),
        *(Field(f.name, f.label, f.kind, "Address", f.max_length) for f in ADDRESS),
        Field("phone", "Phone", group="Address", max_length=40),
        Field("cost_center", "Cost center", Kind.REFERENCE, "Finance", domain="cost_center"),
        Field("active_from", "Active from", Kind.DATE, "Dates"),
        Field("active_to", "Active to", Kind.DATE, "Dates"),
    ),
)

COST_CENTER = Domain(
    "cost_center",
    "Cost center",
    "Cost centers",
    "CC",
    "wallet",
    2,
    (
        Field("code", "Code", Kind.CODE, max_length=40),
        Field("name", "Name", max_length=200),
        Field("legal_entity", "Legal entity", max_length=120),
        Field("department", "Department", max_length=120),
        Field("gl_segment", "GL segment", Kind.CODE, max_length=40),
        Field("parent", "Parent", Kind.REFERENCE, domain="cost_center"),
        LIFECYCLE,
        Field("manager_role", "Manager role", max_length=120),
        Field("location", "Location", Kind.REFERENCE, domain="location"),
        Field("effective_from", "Effective from", Kind.DATE, "Dates"),
        Field("effective_to", "Effective to", Kind.DATE, "Dates"),
    ),
)

LISTED = (ITEM, SUPPLIER, LOCATION, COST_CENTER)  # in the order in which the screens name them
DOMAINS: dict[str, Domain] = {d.name: d for d in sorted(LISTED, key=lambda d: d.order)}
