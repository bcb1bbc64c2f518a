"""Cost centers: the ledgers of several legal entities that number the same departments alike.

One side is the general ledger; the other a payroll or supply system that keeps its own short forms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from random import Random

from . import noise
from .geography import initials
from .hospitals import NETWORK, hospital_name
from .vocabulary import seeded, short_forms, table

COLUMNS = ("code", "name", "legal_entity", "department")
ROLES = {"kind": "party", "name": "name", "code": "code", "legal_entity": "legal_entity",
         "department": "department"}  # fmt: skip
GROUP = 24
CLASSES = {
    "exact": 0.05, "reformatted": 0.14, "abbreviated": 0.18, "segment": 0.17, "typo": 0.07, "renumbered": 0.09,
    "renamed": 0.08, "entity_in_name": 0.10, "no_code": 0.06, "combined": 0.06,
}  # fmt: skip
PARTS = ("Administration", "Outpatient", "Nights", "Education")
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Center:
    """One cost center of a ledger: a department, and a part of it where it has parts."""

    entity: str  # its segment of the code
    number: str
    part: str
    name: str
    other_name: str
    division: str

    @property
    def code(self) -> str:
        """Entity, department and part: "014-7040-000"."""
        return f"{self.entity}-{self.number}-{self.part}"


class Ledger:
    """24 cost centers of one legal entity."""

    def __init__(self, seed: int, number: int) -> None:
        self.seed, self.number = seed, number
        self.hospital = hospital_name(seed, "ledger", number)
        self.entity = f"{number * 7 % 9_973 + 1:03}"

    def __len__(self) -> int:
        return GROUP

    @cached_property
    def centers(self) -> list[Center]:
        """All cost centers of the ledger, neighbours in number one after another."""
        network = self.number // NETWORK
        rng = seeded(self.seed, "ledger", self.number)
        start = rng.randrange(len(table("departments")))
        wrapped = [*table("departments"), *table("departments")]
        near = wrapped[start : start + 12]  # a run of neighbours, as siblings
        rest = [row for row in table("departments") if row not in near]
        chosen = [*near, *rng.sample(rest, 6)]
        whole = [self._center(row, network) for row in chosen]
        parts = [(row, part) for row in chosen[:3] for part in rng.sample(PARTS, 2)]
        return [*whole, *(self._center(row, network, part) for row, part in parts)]

    def _center(self, row: tuple[str, ...], network: int, part: str = "") -> Center:
        number, name, other, division = row
        shifted = f"{int(number) + network * 137 % 900:04}"
        suffix = f"{10 * (PARTS.index(part) + 1):03}" if part else "000"
        tail = f" - {part}" if part else ""
        return Center(self.entity, shifted, suffix, f"{name}{tail}", f"{other}{tail}", division)

    def clean(self, member: int) -> Row:
        """The ledger's row."""
        center = self.centers[member]
        return {
            "code": center.code,
            "name": center.name,
            "legal_entity": self.hospital,
            "department": center.division,
        }

    def noisy(self, member: int, hardness: str, rng: Random) -> tuple[Row, list[str]]:
        """The other system's row for the same cost center, and what was done to it."""
        if hardness == "exact":
            row = self.clean(member)
            return {**row, "name": row["name"].upper(), "department": ""}, ["upper case"]
        return _Clerk(self, self.centers[member], rng).write(hardness)


class _Clerk:
    """Writes one row of the other system, step by step, keeping a record of the steps."""

    def __init__(self, ledger: Ledger, center: Center, rng: Random) -> None:
        self.ledger, self.center, self.rng = ledger, center, rng
        self.done: list[str] = []
        self.row: Row = {**dict.fromkeys(COLUMNS, ""), "code": center.code}
        self._entity()
        if rng.random() < 0.5:
            self.row["department"] = self._short(center.division)

    def write(self, hardness: str) -> tuple[Row, list[str]]:
        getattr(self, f"_{hardness}")()
        return self.row, self.done

    def _short(self, text: str, share: float = 0.85) -> str:
        return noise.abbreviate(text, short_forms("place_words"), self.rng, share)

    def _entity(self, *, by_initials: bool = True) -> None:
        """The legal entity in full, abbreviated or by its initials, which only its own network tells apart."""
        name = self.ledger.hospital
        ways = [name, self._short(name).upper()] + [initials(name)] * by_initials
        self.row["legal_entity"] = self.rng.choice(ways)

    def _name(self, share: float) -> None:
        name = self._short(self.center.name, share)
        if re.search(r"\d (?:North|South|East|West|[NSEW])\b", name) and self.rng.random() < 0.6:
            name = re.sub(r"(\d) ([NSEW])\w*", r"\1\2", name)
        self.row["name"] = name.upper() if self.rng.random() < 0.7 else name

    def _recode(self) -> None:
        """Without hyphens or leading zeros, or with points."""
        center = self.center
        plain = int(center.entity)
        forms = {
            f"{center.entity}{center.number}{center.part}": "separators dropped",
            f"{center.entity}.{center.number}.{center.part}": "points for hyphens",
            f"{plain}-{center.number}-{center.part}": "leading zeros dropped",
            f"{center.entity} {center.number} {center.part}": "spaces for hyphens",
        }
        if center.part == "000":
            forms[f"{center.entity}-{center.number}"] = "empty part dropped"
        self.row["code"] = self.rng.choice(list(forms))
        self.done.append(f"code: {forms[self.row['code']]}")

    def _part_of_code(self) -> None:
        """The department's number only, with the part that tells it from its own subdivisions."""
        center = self.center
        self.row["code"] = center.number if center.part == "000" else f"{center.number}-{center.part}"
        self.done.append("segment of the code")

    def _reformatted(self) -> None:
        self._name(0.2)
        self._recode()

    def _abbreviated(self) -> None:
        self._name(0.9)
        if self.rng.random() < 0.5:
            self._recode()
        self.done.append("abbreviated")

    def _segment(self) -> None:
        self._name(0.7)
        self._part_of_code()

    def _typo(self) -> None:
        self._name(0.3)
        self.row["name"] = noise.misspell(self.row["name"], self.rng)
        self._recode()
        self.done.append("slip in the name")

    def _renumbered(self) -> None:
        """A number of an older chart of accounts; name and entity tell."""
        self._name(0.5)
        self._entity(by_initials=False)
        self.row["code"] = f"{self.rng.choice('XZ')}{self.rng.randrange(10_000, 99_999)}"
        self.done.append("old number")

    def _renamed(self) -> None:
        self._name(0.5)
        self.row["name"] = self._short(self.center.other_name, 0.4)
        self._recode()
        self.done.append("department's other name")

    def _entity_in_name(self) -> None:
        self._name(0.7)
        site = initials(self.ledger.hospital)
        name = self.row["name"]
        self.row |= {"name": self.rng.choice((f"{site} {name}", f"{name} - {site}")), "legal_entity": ""}
        self._part_of_code()
        self.done.append("entity in the name")

    def _no_code(self) -> None:
        self._name(0.6)
        self._entity(by_initials=False)
        self.row["code"] = ""
        self.done.append("no code")

    def _combined(self) -> None:
        self._name(0.9)
        self.row["name"] = noise.cut(self.row["name"], 20)
        self._part_of_code()
        self.row["legal_entity"] = initials(self.ledger.hospital)
        self.row["department"] = ""
        self.done.append("cut to 20")
