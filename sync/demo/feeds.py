"""Turns the truth into tables: which records a system carries, under which codes, in which words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sync.demo import wording
from sync.demo.dice import Dice
from sync.demo.layouts import GL_LAYOUT, LAYOUTS
from sync.demo.network import GLAccount, Network
from sync.demo.state_items import state_item
from sync.demo.state_places import state_cost_center, state_location
from sync.demo.state_suppliers import state_supplier
from sync.demo.systems import DOMAINS, SYSTEMS, Codes, Layout, Record, View, assign_codes

EXPORTED_ON = date(2025, 3, 1)
STATE: Mapping[str, Callable[[Any, View, Dice], dict[str, str]]] = {
    "item": state_item,
    "supplier": state_supplier,
    "location": state_location,
    "cost_center": state_cost_center,
}
# Share of the truth each system carries, by domain or by "domain.kind" where kinds differ: only the EHR knows beds.
COVERAGE: dict[str, dict[str, float]] = {
    "ehr": {
        "item": 0.55,
        "supplier": 0.5,
        "cost_center": 0.75,
        "location": 0.98,
        "location.storeroom": 0.5,
        "location.dock": 0.3,
    },
    "erp": {
        "item": 0.85,
        "supplier": 0.96,
        "cost_center": 1.0,
        "location": 1.0,
        "location.floor": 0.4,
        "location.room": 0.65,
        "location.bed": 0.0,
    },
    "scm": {
        "item": 0.98,
        "supplier": 0.75,
        "supplier.manufacturer": 0.96,
        "supplier.distributor": 0.98,
        "cost_center": 0.7,
        "location": 0.98,
        "location.floor": 0.3,
        "location.room": 0.65,
        "location.bed": 0.0,
    },
}
WHOLE = ("health_system", "facility", "building")  # kinds of locations that every system carries


@dataclass(frozen=True)
class Row:
    code: str
    truth_id: str
    values: dict[str, str]  # canonical path → cell


@dataclass(frozen=True)
class Table:
    """One feed before it is written."""

    system: str
    domain: str
    layout: Layout
    rows: tuple[Row, ...]

    def cells(self) -> list[list[str]]:
        return [[row.values.get(path, "") for path in self.layout.headings] for row in self.rows]


class Landscape:
    """All three systems looking at one network; ``noise`` counts what went wrong, by system."""

    def __init__(self, network: Network, seed: int) -> None:
        self.network, self.seed = network, seed
        self.noise: dict[str, Counter[str]] = {system: Counter() for system in SYSTEMS}
        self._records: dict[str, Sequence[Record]] = {
            "item": network.items,
            "supplier": network.suppliers,
            "location": network.locations,
            "cost_center": network.cost_centers,
        }
        self._views = {system: self._view(system) for system in SYSTEMS}

    def _carried(self, system: str, domain: str) -> list[Record]:
        return [record for record in self._records[domain] if self._carries(system, domain, record)]

    def _carries(self, system: str, domain: str, record: Record) -> bool:
        kind = getattr(record, "kind", "")
        shares = COVERAGE[system]
        share = 1.0 if kind in WHOLE else shares.get(f"{domain}.{kind}", shares[domain])
        return Dice(self.seed, system, domain, record.id, "carried").happens(share)

    def _view(self, system: str) -> View:
        codes: dict[str, Codes] = {}
        for domain in DOMAINS:
            records = self._carried(system, domain)
            codes[domain] = assign_codes(system, domain, records, LAYOUTS[system, domain], self.seed)
        numbers = frozenset(item.catalogue_number for item in self.network.items)
        return View(system, self.network, codes, numbers)

    def table(self, system: str, domain: str) -> Table:
        """What the system exports, in the order of its codes."""
        codes = self._views[system].codes[domain].of
        rows = [
            self.row(system, domain, record, code)
            for record in self._records[domain]
            for code in codes.get(record.id, ())
        ]
        return Table(system, domain, LAYOUTS[system, domain], tuple(sorted(rows, key=lambda row: row.code)))

    def row(self, system: str, domain: str, record: Record, code: str) -> Row:
        dice = Dice(self.seed, system, domain, record.id, code, counts=self.noise[system])
        values = STATE[domain](record, self._views[system], dice)
        changed = EXPORTED_ON - timedelta(days=dice.randrange(2, 2400))
        return Row(code, record.id, {"$code": code, **values, "$updated_at": wording.day(system, changed)})

    def unknown_to(self, system: str, domain: str) -> list[Record]:
        """True records that the system does not carry (yet)."""
        codes = self._views[system].codes[domain].of
        return [record for record in self._records[domain] if record.id not in codes]

    def gl_table(self) -> Table:
        rows = tuple(Row(account.code, account.code, _gl(account)) for account in self.network.gl_accounts)
        return Table("erp", "gl_account", GL_LAYOUT, rows)


def _gl(account: GLAccount) -> dict[str, str]:
    return {
        "$code": account.code,
        "name": account.name.upper(),
        "account_type": account.kind.upper(),
        "parent": account.parent,
        "effective_from": wording.day("erp", account.since),
    }
