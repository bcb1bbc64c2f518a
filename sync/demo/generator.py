"""Writes the demo: three systems' feeds of one invented hospital network, a manifest, and the truth kept apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

from sync.demo import wording
from sync.demo.build import build
from sync.demo.dice import Dice
from sync.demo.feeds import EXPORTED_ON, Landscape, Row, Table
from sync.demo.files import write_table
from sync.demo.systems import CODE_FORMS, DOMAINS, SYSTEMS
from sync.demo.truth import write_truth

# What changes from one day to the next: shares of a feed's rows.
CHANGED, NEW, GONE = 0.02, 0.005, 0.004
PRICE = "supplier_parts.1.price"


@dataclass(frozen=True, slots=True)
class Feed:
    system: str
    domain: str
    file: str  # relative to the manifest
    mapping: dict[str, str]  # column heading → canonical path
    clean: bool  # the system's codes are declared free of duplicates
    missing: str  # "ignore" or "retire"
    rows: int


@dataclass(frozen=True)
class Manifest:
    """What was written where; feeds in the order they should be read, as references point backwards."""

    directory: Path
    seed: int
    scale: float
    feeds: tuple[Feed, ...]
    noise: dict[str, dict[str, int]]  # system → kind of noise → how often

    @classmethod
    def load(cls, directory: Path) -> Manifest:
        facts = json.loads(directory.joinpath("manifest.json").read_text(encoding="utf-8"))
        feeds = tuple(Feed(**feed) for feed in facts["feeds"])
        return cls(directory, facts["seed"], facts["scale"], feeds, facts["noise"])

    def save(self) -> None:
        facts = {
            "seed": self.seed,
            "scale": self.scale,
            "systems": SYSTEMS,
            "feeds": [asdict(feed) for feed in self.feeds],
            "noise": self.noise,
        }
        text = json.dumps(facts, indent=1, ensure_ascii=False)
        self.directory.joinpath("manifest.json").write_text(text + "\n", encoding="utf-8")


def generate(directory: Path, *, seed: int = 7, scale: float = 1.0) -> Manifest:
    """Writes the first day under ``directory``; the same seed and scale give the same bytes."""
    landscape = Landscape(build(seed, scale), seed)
    tables = [landscape.table(system, domain) for domain in DOMAINS for system in SYSTEMS]
    return _write(directory, seed, scale, [landscape.gl_table(), *tables], landscape)


def delta(directory: Path, day: int = 1) -> Manifest:
    """Writes ``directory/day<N>``: the item feeds and the supplier feeds again, a little later.

    Some values changed, a few records are new to the system (true things that it lacked before), a few left. Full
    exports, as systems send them; ``directory`` must hold a first day.
    """
    first = Manifest.load(directory)
    landscape = Landscape(build(first.seed, first.scale), first.seed)
    tables = [
        _later(landscape, landscape.table(system, domain), day) for domain in ("supplier", "item") for system in SYSTEMS
    ]
    return _write(directory / f"day{day}", first.seed, first.scale, tables, landscape)


def _later(landscape: Landscape, table: Table, day: int) -> Table:
    """The table after ``day`` days: every day's changes build on the day before."""
    for number in range(1, day + 1):
        table = _next_day(landscape, table, number)
    return table


def _next_day(landscape: Landscape, table: Table, day: int) -> Table:
    dice = Dice(landscape.seed, table.system, table.domain, "day", day)
    kept = [row for row in table.rows if not dice.happens(GONE)]
    rows = [_changed(row, table.system, day) if dice.happens(CHANGED) else row for row in kept]
    present = {row.truth_id for row in table.rows}
    candidates = [r for r in landscape.unknown_to(table.system, table.domain) if r.id not in present]
    wanted = min(len(candidates), max(1, round(NEW * len(rows))))
    form = CODE_FORMS[table.system][table.domain]
    number = 10 * len(table.rows) + 1_000 * day  # above every number given out before
    for place, record in enumerate(dice.sample(candidates, wanted)):
        rows.append(landscape.row(table.system, table.domain, record, form(number + place)))
    return replace(table, rows=tuple(sorted(rows, key=lambda row: row.code)))


def _changed(row: Row, system: str, day: int) -> Row:
    """A new price where there is one, else a record set inactive; and the date of the change."""
    today = wording.day(system, EXPORTED_ON + timedelta(days=day))
    if price := row.values.get(PRICE):
        change = {PRICE: wording.dollars(round(float(price) * 103) + 1)}
    else:
        change = {"lifecycle": wording.lifecycle(system, active=False)}
    return replace(row, values=row.values | change | {"$updated_at": today})


def _write(directory: Path, seed: int, scale: float, tables: Sequence[Table], landscape: Landscape) -> Manifest:
    directory.joinpath("feeds").mkdir(parents=True, exist_ok=True)
    for table in tables:
        path = directory / "feeds" / table.layout.file
        write_table(path, table.layout.encoding, list(table.layout.headings.values()), table.cells())
    for domain in DOMAINS:
        if known := list(_truth(table for table in tables if table.domain == domain)):
            write_truth(directory, domain, known)
    noise = {system: dict(sorted((+counts).items())) for system, counts in landscape.noise.items()}
    manifest = Manifest(directory, seed, scale, tuple(_feed(table) for table in tables), noise)
    manifest.save()
    return manifest


def _truth(tables: Iterable[Table]) -> Iterable[tuple[str, str, str]]:
    return ((table.system, row.code, row.truth_id) for table in tables for row in table.rows)


def _feed(table: Table) -> Feed:
    layout = table.layout
    return Feed(
        table.system,
        table.domain,
        f"feeds/{layout.file}",
        {heading: path for path, heading in layout.headings.items()},
        layout.clean,
        layout.missing,
        len(table.rows),
    )
