"""The three systems of the invented network: what they are, how they number, what they know and how they export it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypedDict

from sync.demo.dice import Dice
from sync.demo.network import Network

DOMAINS = ("supplier", "cost_center", "location", "item")


class SystemFacts(TypedDict):
    name: str
    kind: str
    owner: str
    trust: dict[str, int]  # domain → 0–100


SYSTEMS: dict[str, SystemFacts] = {
    "ehr": {
        "name": "Meridian EHR",
        "kind": "ehr",
        "owner": "Clinical Informatics",
        "trust": {"item": 60, "supplier": 40, "location": 90, "cost_center": 50},
    },
    "erp": {
        "name": "Northledger ERP",
        "kind": "erp",
        "owner": "Finance",
        "trust": {"item": 70, "supplier": 90, "location": 60, "cost_center": 90},
    },
    "scm": {
        "name": "Dockside Supply",
        "kind": "supply",
        "owner": "Supply Chain",
        "trust": {"item": 90, "supplier": 70, "location": 50, "cost_center": 40},
    },
}


class Record(Protocol):
    @property
    def id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Layout:
    """How one system exports one domain."""

    file: str
    encoding: str
    clean: bool  # the system's own codes are declared free of duplicates
    missing: str  # what a record that left the feed means: "ignore" or "retire"
    duplicates: float  # share of records entered twice
    headings: dict[str, str]  # canonical path → column heading, in the order of the columns


@dataclass
class Codes:
    """The codes one system gave to the records of one domain; a record entered twice has two."""

    of: dict[str, list[str]] = field(default_factory=dict)  # truth id → codes

    def reference(self, truth_id: str, dice: Dice) -> str:
        """The code by which the system refers to this record, "" when it doesn't carry it."""
        codes = self.of.get(truth_id, [""])
        return codes[0] if len(codes) == 1 or dice.happens(0.7) else codes[1]


@dataclass(frozen=True)
class View:
    """What a system sees while it states a record: its own codes, and the truth it looks at."""

    system: str
    network: Network
    codes: Mapping[str, Codes]
    catalogue_numbers: frozenset[str]

    def reference(self, domain: str, truth_id: str, dice: Dice) -> str:
        return self.codes[domain].reference(truth_id, dice) if truth_id else ""


CODE_FORMS: dict[str, dict[str, Callable[[int], str]]] = {
    "ehr": {
        "item": lambda n: f"{n:07d}",
        "supplier": lambda n: f"V{n:04d}",
        "location": lambda n: f"DEP{n:05d}",
        "cost_center": lambda n: f"{n:05d}",
    },
    "erp": {
        "item": lambda n: f"1{n:08d}",
        "supplier": lambda n: f"{n:010d}",
        "location": lambda n: f"P{n % 10}-{n:05d}",
        "cost_center": lambda n: f"CC{n:06d}",
    },
    "scm": {
        "item": lambda n: f"{n:06d}-{('EA', 'BX', 'CA')[n % 3]}",
        "supplier": lambda n: f"VND{n:05d}.01",
        "location": lambda n: f"L{n:05d}",
        "cost_center": lambda n: f"{n:05d}.10",
    },
}


def assign_codes(system: str, domain: str, records: Sequence[Record], layout: Layout, seed: int) -> Codes:
    """Numbers in no order that another system would share; every record once, duplicates twice."""
    dice = Dice(seed, system, domain, "codes")
    twice = {record.id for record in dice.sample(records, round(layout.duplicates * len(records)))}
    numbers = iter(dice.sample(range(1, 9 * len(records) + 10), len(records) + len(twice)))
    form = CODE_FORMS[system][domain]
    of = {record.id: [form(next(numbers)) for _ in range(1 + (record.id in twice))] for record in records}
    return Codes(of)
