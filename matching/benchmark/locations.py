"""Locations: a campus with its buildings, floors, units, rooms and docks; what one has, its neighbours have too.

One side is the facility register; the other what departments call themselves in a supply system.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random

from . import noise
from .geography import initials, phone, retyped, site
from .hospitals import NETWORK, former_name, hospital_name, system_name
from .vocabulary import column, seeded, short_forms, table

COLUMNS = ("name", "location_type", "parent_name", "address", "city", "state", "postcode", "phone")
ROLES = {"kind": "party", "name": "name", "location_type": "location_type", "parent_name": "parent_name",
         "address": "address", "city": "city", "state": "state", "postcode": "postcode", "phone": "phone"}  # fmt: skip
GROUP = 24
CLASSES = {
    "exact": 0.05, "reformatted": 0.14, "abbreviated": 0.25, "typo": 0.08, "renamed": 0.10, "no_parent": 0.08,
    "site_in_name": 0.12, "no_address": 0.10, "combined": 0.08,
}  # fmt: skip
WINGS = ("North", "South", "East", "West")
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of a campus. ``short``: how clerks write its name, "" where they abbreviate word by word."""

    name: str
    short: str
    kind: str
    parent: str


class Campus:
    """A hospital and 23 places that belong to it."""

    def __init__(self, seed: int, number: int) -> None:
        self.seed, self.number = seed, number
        self.hospital = hospital_name(seed, "location", number)
        self.former = former_name(seed, "location", number)
        self.site = site(seeded(seed, "location", number, "site"), number)

    def __len__(self) -> int:
        return GROUP

    @cached_property
    def spots(self) -> list[Spot]:
        """The 24 places of the campus."""
        rng = seeded(self.seed, "location", self.number)
        return [*self._site(rng), *self._wards(rng), *self._units(rng), *self._rooms(rng), *self._outside()]

    def _site(self, rng: Random) -> list[Spot]:
        """The hospital, two buildings, two floors."""
        first, second = rng.sample(column("buildings"), 2)
        floor = rng.randint(2, 5)
        return [
            Spot(self.hospital, "", "facility", system_name(self.number)),
            *(Spot(name, "", "building", self.hospital) for name in (first, second)),
            *(Spot(f"{first} Floor {at}", "", "floor", first) for at in (floor, floor + 1)),
        ]

    def _wards(self, rng: Random) -> list[Spot]:
        """Six wards: the same few kinds on neighbouring floors and wings."""
        kinds = rng.sample(table("wards"), 3)
        corners = rng.sample([(floor, wing) for floor in range(2, 6) for wing in WINGS], 6)
        spots = []
        for at, (floor, wing) in enumerate(corners):
            name, shorts = kinds[at // 2]
            short = rng.choice(shorts.split(";"))
            form = rng.choice((f"{floor}{wing[0]} {short}", f"{floor} {wing} {short}", f"{floor}{wing[0]}-{short}"))
            spots.append(Spot(f"{floor} {wing} {name}", form, "unit", self.hospital))
        return spots

    def _units(self, rng: Random) -> list[Spot]:
        """Seven units of which a hospital has one each."""
        chosen = rng.sample(table("units"), 7)
        return [Spot(name, rng.choice(shorts.split(";")), "unit", self.hospital) for name, shorts in chosen]

    def _rooms(self, rng: Random) -> list[Spot]:
        """Five numbered rooms of two kinds."""
        spots = []
        for (name, shorts, kind), count in zip(rng.sample(table("rooms"), 2), (3, 2), strict=True):
            first = rng.choice((1, 1, 2, 4, 112, 214, 301))
            for number in range(first, first + count):
                short = rng.choice(shorts.split(";"))
                form = rng.choice((f"{short} {number}", f"{short} {number:02}", f"{short} #{number}"))
                spots.append(Spot(f"{name} {number}", form, kind, self.hospital))
        return spots

    def _outside(self) -> list[Spot]:
        """Its system's office, or a clinic that it runs."""
        if self.number % NETWORK == 0:
            return [Spot(system_name(self.number), "", "health_system", "")]
        return [Spot(f"{self.site.city} Family Medicine Clinic", "", "facility", self.hospital)]

    def clean(self, member: int) -> Row:
        """The register's row."""
        spot = self.spots[member]
        rng = seeded(self.seed, "register", self.number, member)
        address = site(rng).address if member == GROUP - 1 else self.site.address
        own = phone(self.site.phone[:3], rng) if member else self.site.phone
        return {
            "name": spot.name,
            "location_type": spot.kind,
            "parent_name": spot.parent,
            "address": address,
            "city": self.site.city,
            "state": self.site.state,
            "postcode": self.site.postcode,
            "phone": own if rng.random() < 0.7 and spot.kind not in ("room", "dock", "floor") else "",
        }

    def noisy(self, member: int, hardness: str, rng: Random) -> tuple[Row, list[str]]:
        """The supply system's row for the same place, and what was done to it."""
        known = self.clean(member)
        if hardness == "exact":
            return {**known, "name": known["name"].upper(), "phone": ""}, ["upper case"]
        return _Clerk(self, self.spots[member], known, rng).write(hardness)


class _Clerk:
    """Writes one row of the supply system, step by step, keeping a record of the steps."""

    def __init__(self, campus: Campus, spot: Spot, known: Row, rng: Random) -> None:
        self.campus, self.spot, self.rng = campus, spot, rng
        self.done: list[str] = []
        self.row: Row = {**known, "address": retyped(known["address"], rng)}
        if rng.random() < 0.5:
            self.row["phone"] = ""
        elif known["phone"]:
            self.row["phone"] = noise.redial(known["phone"], rng)
        if rng.random() < 0.5:
            self.row["location_type"] = ""

    def write(self, hardness: str) -> tuple[Row, list[str]]:
        getattr(self, f"_{hardness}")()
        return self.row, self.done

    def _short(self, text: str, share: float = 0.85) -> str:
        return noise.abbreviate(text, short_forms("place_words"), self.rng, share)

    def _parent(self) -> None:
        """The parent in full, abbreviated or, if it is the hospital, by its initials."""
        name = self.row["parent_name"]
        ways = [name, self._short(name)]
        if name == self.campus.hospital:
            ways.append(initials(name))
        self.row["parent_name"] = self.rng.choice(ways)

    def _reformatted(self) -> None:
        self.row["name"] = self._short(self.spot.name, 0.3)
        if self.rng.random() < 0.5:
            self.row["name"] = self.row["name"].upper()
        self._parent()
        self.done.append("case, some words abbreviated")

    def _abbreviated(self) -> None:
        name = self.spot.short if self.spot.short and self.rng.random() < 0.8 else self._short(self.spot.name)
        self.row["name"] = name.upper() if self.rng.random() < 0.7 else name
        self._parent()
        self.done.append("abbreviated")

    def _typo(self) -> None:
        self._reformatted()
        self.row["name"] = noise.misspell(self.row["name"], self.rng)
        self.row["address"] = noise.misspell(self.row["address"], self.rng)
        self.done.append("slips in name and address")

    def _renamed(self) -> None:
        """The hospital under the name it had before a merger; address and type stay."""
        self._abbreviated()
        if self.spot.name == self.campus.hospital:
            self.row |= {"name": self.campus.former, "location_type": self.spot.kind}
        if self.row["parent_name"] and self.spot.kind not in ("facility", "floor"):
            self.row["parent_name"] = self.campus.former
        elif self.spot.kind == "facility":
            self.row["parent_name"] = ""
        self.done.append("former name of the hospital")

    def _no_parent(self) -> None:
        self._abbreviated()
        self.row["parent_name"] = ""
        self.done.append("no parent")

    def _site_in_name(self) -> None:
        """The hospital's initials in the name; neither parent nor street."""
        self._abbreviated()
        site_ = initials(self.campus.hospital)
        if self.spot.parent == self.campus.hospital:
            name = self.row["name"]
            self.row["name"] = self.rng.choice((f"{site_} {name}", f"{name} - {site_}", f"{site_}-{name}"))
            self.row["parent_name"] = ""
        self.row |= {"address": "", "postcode": "", "phone": ""}
        self.done.append("site in the name")

    def _no_address(self) -> None:
        self._abbreviated()
        self.row |= {"address": "", "postcode": "", "phone": ""}
        self.done.append("no address")

    def _combined(self) -> None:
        self._abbreviated()
        if len(self.row["name"]) > 6 and self.row["name"].split()[0].isalpha():
            self.row["name"] = noise.misspell(self.row["name"], self.rng)
        self.row |= {"phone": "", "postcode": "", "location_type": ""}
        if self.rng.random() < 0.5 and self.spot.parent == self.campus.hospital:
            self.row["parent_name"] = initials(self.campus.hospital)
        self.done.append("slip, initials, no postcode")
