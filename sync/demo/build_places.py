"""The true locations and cost centers: two trees that point at each other, and the chart of accounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from math import ceil

from sync.demo import check_digits, vocab
from sync.demo.build_suppliers import PhoneBook, build_address
from sync.demo.dice import Dice
from sync.demo.network import CostCenter, GLAccount, Location

SYSTEM_ENTITY = "01"
SYSTEM_ACRONYM = "LHN"


def build_places(seed: int, scale: float) -> tuple[tuple[Location, ...], tuple[CostCenter, ...]]:
    """Locations need the cost centers' ids and the other way round; departments are placed last."""
    dice = Dice(seed, "places")
    sites = vocab.SITES[: max(2, min(len(vocab.SITES), ceil(len(vocab.SITES) * scale)))]
    centers = _cost_centers(sites, dice)
    by_number = {(center.acronym, center.number): center.id for center in centers}
    tree = _Tree(scale, by_number, dice)
    tree.plant(sites)
    homes: dict[str, str] = {}
    for location in tree.locations:
        if location.kind in ("unit", "facility", "health_system", "storeroom") and location.cost_center:
            homes.setdefault(location.cost_center, location.id)
    placed = tuple(replace(center, location=homes.get(center.id, "")) for center in centers)
    return tuple(tree.locations), placed


def build_gl_accounts() -> tuple[GLAccount, ...]:
    return tuple(
        GLAccount(row["code"], row["name"], row["type"], row["parent"], date(2012, 7, 1))
        for row in vocab.table("gl_accounts")
    )


def _cost_centers(sites: tuple[vocab.Site, ...], dice: Dice) -> list[CostCenter]:
    """Network > legal entity > division > department; numbers repeat from entity to entity, as they do in life."""
    centers: list[CostCenter] = []

    def add(entity: str, number: str, name: str, short: str, acronym: str, legal: str, parent: str, **rest: str) -> str:
        center = CostCenter(
            id=f"C{len(centers) + 1:04d}",
            entity=entity,
            number=number,
            name=name,
            short_name=short,
            acronym=acronym,
            legal_entity=legal,
            department=rest.get("department", ""),
            segment=rest.get("segment", ""),
            parent=parent,
            manager=rest.get("manager", ""),
            location="",
            since=date(2008, 7, 1) + timedelta(days=dice.randrange(5000)),
            until=date(2024, 6, 30) if number > "60000" and dice.happens(0.02) else None,
        )
        centers.append(center)
        return center.id

    root = add("00", "00000", vocab.SYSTEM_NAME, SYSTEM_ACRONYM, SYSTEM_ACRONYM, vocab.SYSTEM_NAME, "")
    entities = [(SYSTEM_ENTITY, "S", f"{vocab.SYSTEM_NAME} Shared Services", SYSTEM_ACRONYM)]
    entities += [(site.entity, site.kind, site.name, site.acronym) for site in sites]
    for entity, kind, legal, acronym in entities:
        top = add(entity, "00000", legal, acronym, acronym, legal, root)
        divisions: dict[str, str] = {}
        for row in vocab.table("departments"):
            if not ({"H", "L"} if kind == "L" else {kind}) & set(row["sites"]):
                continue
            division, number = row["division"], row["number"]
            if division not in divisions:
                divisions[division] = add(
                    entity,
                    f"{number[0]}{number[1]}000",
                    f"{division} Division",
                    division,
                    acronym,
                    legal,
                    top,
                    department=division,
                )
            add(
                entity,
                number,
                row["name"],
                row["short"],
                acronym,
                legal,
                divisions[division],
                department=row["name"],
                segment=f"{entity}{number[:3]}",
                manager=row["manager"],
            )
    return centers


@dataclass
class _Tree:
    """Grows the locations from the health system down to the beds."""

    scale: float
    centers: dict[tuple[str, str], str]  # (facility acronym, department number) → cost center
    dice: Dice
    locations: list[Location] = field(default_factory=list)
    phones: PhoneBook = field(default_factory=lambda: PhoneBook(first=90))  # above those of the suppliers

    def plant(self, sites: tuple[vocab.Site, ...]) -> None:
        town = vocab.TOWNS[0]
        address = build_address(town, self.dice)
        root = Location(
            "L0001",
            "health_system",
            vocab.SYSTEM_NAME,
            "",
            SYSTEM_ACRONYM,
            vocab.SYSTEM_NAME,
            "",
            "",
            address,
            self.phones.number(town),
            check_digits.gln(1),
            check_digits.npi(7_001),
            self.centers[SYSTEM_ACRONYM, "00000"],
            date(2001, 7, 1),
        )
        self.locations.append(root)
        for site in sites:
            self._facility(site, root)

    def _add(self, parent: Location, kind: str, name: str, cost_center: str = "") -> Location:
        """A place inside ``parent``, at its address; only parties and supply points have a GLN."""
        number = len(self.locations) + 1
        location = replace(
            parent,
            id=f"L{number:04d}",
            kind=kind,
            name=name,
            parent=parent.id,
            former_name="",
            npi="",
            cost_center=cost_center,
            gln=check_digits.gln(number) if kind in ("building", "storeroom", "dock", "unit") else "",
            since=parent.since + timedelta(days=self.dice.randrange(700)),
            phone="",
        )
        self.locations.append(location)
        return location

    def _facility(self, site: vocab.Site, root: Location) -> None:
        town = next(town for town in vocab.TOWNS if town.name == site.town)
        number = len(self.locations) + 1
        address = build_address(town, self.dice)
        facility = replace(
            root,
            id=f"L{number:04d}",
            kind="facility",
            name=site.name,
            facility=f"L{number:04d}",
            acronym=site.acronym,
            facility_name=site.name,
            former_name=site.former_name,
            parent=root.id,
            address=replace(address, suite=""),
            phone=self.phones.number(town),
            gln=check_digits.gln(number),
            npi=check_digits.npi(7_001 + number * 13),
            cost_center=self.centers[site.acronym, "00000"],
        )
        self.locations.append(facility)
        units = self._units(site)
        for letter, name, floors in site.buildings:
            building = self._add(facility, "building", name)
            self._add(building, "dock", f"{name} Receiving Dock", cost_center=self._center(site, "70120"))
            for floor in range(1, floors + 1):
                self._floor(site, building, letter, floor, units)

    def _center(self, site: vocab.Site, number: str) -> str:
        return self.centers.get((site.acronym, number), "")

    def _units(self, site: vocab.Site) -> Iterator[tuple[str, str, str, bool]]:
        """The site's departments that are places, round and round: 4 West and 5 East may both be telemetry."""
        fitting = [unit for unit in vocab.UNITS if self._center(site, unit[2])]
        while True:
            yield from fitting

    def _floor(
        self,
        site: vocab.Site,
        building: Location,
        letter: str,
        number: int,
        units: Iterator[tuple[str, str, str, bool]],
    ) -> None:
        floor = self._add(building, "floor", f"{building.name} Floor {number}")
        self._add(
            floor, "storeroom", f"{letter}{number} Clean Supply Storeroom", cost_center=self._center(site, "70100")
        )
        for place in range(2):
            name, _, department, beds = next(units)
            wing = vocab.WINGS[(place * 2 + number) % 4][0]
            unit = self._add(
                floor, "unit", f"{letter}{number} {wing} {name}", cost_center=self._center(site, department)
            )
            for room in range(1, 1 + max(1, round(5 * self.scale))):
                self._room(unit, f"{letter}{number}{place * 20 + room:02d}", beds and room % 2 == 0)

    def _room(self, unit: Location, label: str, beds: bool) -> None:
        room = self._add(unit, "room", f"Room {label}")
        for bed in ("A", "B") if beds else ():
            self._add(room, "bed", f"Room {label} Bed {bed}")
