"""The one truth: what the invented hospital network really consists of, before any system describes it.

Ids are ``I00001`` (items), ``S0001`` (suppliers), ``L0001`` (locations), ``C0001`` (cost centers); ``build`` gives the
same network for the same seed and scale. References between domains hold the other record's id.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple


def plain(text: str) -> str:
    """Letters without their accents: Kréb → Kreb, Ørv → Orv."""
    decomposed = unicodedata.normalize("NFKD", text.replace("Ø", "O").replace("ø", "o"))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


@dataclass(frozen=True, slots=True)
class Address:
    number: int
    direction: tuple[str, str] | None  # ("North", "N")
    street: str
    kind: tuple[str, str]  # ("Avenue", "Ave")
    suite: str  # "210" or ""
    city: str
    state: str
    postcode: str


@dataclass(frozen=True, slots=True)
class Supplier:
    id: str
    stem: str  # the distinctive word, "Zembavia"
    business: str  # "Medical Devices"
    legal_form: tuple[str, str]
    kind: str  # canonical supplier_type
    dba: str
    former_name: str  # the name before the last renaming, or ""
    parent: str
    address: Address
    remit_to: Address
    phone: str  # ten digits
    payment_terms: str
    duns: str
    ein: str
    lei: str
    gln: str
    npi: str
    active: bool
    since: date

    @property
    def short_name(self) -> str:
        return f"{self.stem} {self.business}"

    @property
    def name(self) -> str:
        comma = "," if self.legal_form[0] in ("Inc.", "LLC", "Ltd.") else ""
        return f"{self.short_name}{comma} {self.legal_form[0]}"

    @property
    def host(self) -> str:
        return f"{plain(self.stem).replace(' ', '')}{self.business.split()[0]}".lower() + ".example"


class Size(NamedTuple):
    """One dimension: ``unit`` as in data/families.csv, ``value`` as written there ("16", "2.5x12", "LEFT")."""

    unit: str
    value: str


class Level(NamedTuple):
    """A packaging level: ``quantity`` of the next lower one (1 for the base)."""

    uom: str
    quantity: int
    gtin: str


@dataclass(frozen=True, slots=True)
class Item:
    id: str
    noun: str
    kind: str
    variant: str
    sizes: tuple[Size, ...]
    brand: str
    manufacturer: str
    catalogue_number: str
    levels: tuple[Level, ...]
    cents: int  # of the base unit
    flags: frozenset[str]  # letters as in data/families.csv
    category: str
    gmdn: str
    unspsc: str
    hcpcs: str
    supplier: str
    supplier_part: str
    contract: str
    active: bool
    since: date


@dataclass(frozen=True, slots=True)
class Location:
    id: str
    kind: str  # canonical location_type
    name: str  # within the facility: "4 West Telemetry", "Room A412"; the facility's own name for a facility
    facility: str  # id of the facility it lies in, "" for the health system
    acronym: str  # of the facility
    facility_name: str
    former_name: str  # facilities only
    parent: str
    address: Address
    phone: str
    gln: str
    npi: str
    cost_center: str
    since: date


@dataclass(frozen=True, slots=True)
class CostCenter:
    id: str
    entity: str  # "10"
    number: str  # "61200"
    name: str
    short_name: str
    acronym: str  # of the facility
    legal_entity: str
    department: str
    segment: str
    parent: str
    manager: str
    location: str
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class GLAccount:
    code: str
    name: str
    kind: str
    parent: str
    since: date


@dataclass(frozen=True)
class Network:
    items: tuple[Item, ...]
    suppliers: tuple[Supplier, ...]
    locations: tuple[Location, ...]
    cost_centers: tuple[CostCenter, ...]
    gl_accounts: tuple[GLAccount, ...]

    @cached_property
    def supplier_by_id(self) -> dict[str, Supplier]:
        return {supplier.id: supplier for supplier in self.suppliers}

    @cached_property
    def location_by_id(self) -> dict[str, Location]:
        return {location.id: location for location in self.locations}

    @cached_property
    def cost_center_by_id(self) -> dict[str, CostCenter]:
        return {center.id: center for center in self.cost_centers}
