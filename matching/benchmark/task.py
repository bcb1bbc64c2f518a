"""Tasks: which records stand on which side, what becomes of them, and the files that say so.

Records come in groups (a line of devices, related companies, a hospital, a ledger), so that whatever has no partner has
siblings on the other side. Every record follows from the seed and its number alone: files are written row by row in an
order drawn by lot, and only that order is held in memory.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Protocol

from . import cost_centers, items, locations, suppliers
from .vocabulary import seeded

Row = dict[str, str]
RIGHT_PER_LEFT = 1.4
SECOND_COPIES = 0.15  # of the duplicates, how many are a record's second
ORIGINAL, NEW, SIBLING = "original", "new", "new_sibling"


class Group(Protocol):
    """Related records, told apart by their number within the group."""

    def clean(self, member: int) -> Row:
        """The record as the better kept system has it."""

    def noisy(self, member: int, hardness: str, rng: Random) -> tuple[Row, list[str]]:
        """The record as the other system has it, and what was done to it."""


@dataclass(frozen=True)
class Domain:
    """One domain of the benchmark. ``classes``: hardness → share of the records that have a partner."""

    name: str
    columns: tuple[str, ...]
    roles: Mapping[str, str]
    classes: Mapping[str, float]
    group: Callable[[int, int], Group]  # (seed, number)
    group_size: int
    size: int  # of the left table, unless told otherwise
    new: float  # share of the left records that have neither partner nor sibling
    new_sibling: float  # … that have no partner, but siblings

    def groups(self, seed: int) -> Callable[[int], Group]:
        """Groups by number; a few are kept."""
        return lru_cache(maxsize=1024)(lambda number: self.group(seed, number))


DOMAINS = {
    "item": Domain(
        "item", items.COLUMNS, items.ROLES, items.CLASSES, items.Line, items.GROUP,
        size=4_000, new=0.05, new_sibling=0.14,
    ),
    "supplier": Domain(
        "supplier", suppliers.COLUMNS, suppliers.ROLES, suppliers.CLASSES, suppliers.Circle, suppliers.GROUP,
        size=1_500, new=0.06, new_sibling=0.22,
    ),
    "location": Domain(
        "location", locations.COLUMNS, locations.ROLES, locations.CLASSES, locations.Campus, locations.GROUP,
        size=2_000, new=0.03, new_sibling=0.17,
    ),
    "cost_center": Domain(
        "cost_center", cost_centers.COLUMNS, cost_centers.ROLES, cost_centers.CLASSES, cost_centers.Ledger,
        cost_centers.GROUP, size=1_000, new=0.03, new_sibling=0.17,
    ),
}  # fmt: skip


def dealt(shares: Mapping[str, float], count: int, rng: Random) -> list[str]:
    """``count`` names in random order, each as often as its share says, to within one."""
    names, total, dealt_so_far, result = list(shares), sum(shares.values()), 0.0, list[str]()
    for name in names:
        dealt_so_far += shares[name]
        result += [name] * (round(count * dealt_so_far / total) - len(result))
    rng.shuffle(result)
    return result


def shuffled(count: int, rng: Random) -> array[int]:
    """0 … count - 1 in random order, eight bytes each."""
    order = array("q", range(count))
    rng.shuffle(order)
    return order


@dataclass(frozen=True, slots=True)
class Written:
    """A row with its id, what it is a record of, and what was done."""

    id: str
    entity: int
    row: Row
    hardness: str
    done: str


def _rows(domain: Domain, seed: int, plan: Iterable[tuple[int, str, str]], prefix: str) -> Iterator[Written]:
    """The rows of a table: ``plan`` has entity, hardness and a word that tells copies of one record apart."""
    groups = domain.groups(seed)
    for position, (entity, hardness, copy) in enumerate(plan, 1):
        number, member = divmod(entity, domain.group_size)
        identifier = f"{prefix}{position:07}"
        if hardness == ORIGINAL:
            yield Written(identifier, entity, groups(number).clean(member), ORIGINAL, "")
            continue
        rng = seeded(seed, domain.name, "copy", entity, copy)
        how = hardness
        if hardness in (NEW, SIBLING):  # what no partner is at hand for must be told from its siblings by itself
            how = rng.choice(("reformatted", "abbreviated"))
        row, done = groups(number).noisy(member, how, rng)
        yield Written(identifier, entity, row, hardness, "; ".join(done))


def write_link(domain: Domain, folder: Path, size: int, seed: int) -> None:
    """``left.csv`` of ``size`` rows, ``right.csv`` of 1.4 times as many, ``truth.csv`` and ``hardness.csv``."""
    rng = seeded(seed, domain.name, "link")
    new, siblings = round(size * domain.new), round(size * domain.new_sibling)
    true, right = size - new - siblings, round(size * RIGHT_PER_LEFT)
    known = shuffled(right + siblings, rng)  # all entities with a place on the right or a sibling there
    beyond = (len(known) // domain.group_size + 1) * domain.group_size
    classes = dealt(domain.classes, true, rng)
    left = [(known[at], classes[at], "0") for at in range(true)]
    left += [(entity, SIBLING, "0") for entity in known[right:]]
    left += [(beyond + at * domain.group_size + rng.randrange(domain.group_size), NEW, "0") for at in range(new)]
    rng.shuffle(left)
    partners = {}
    with _table(folder, "right", ("id", *domain.columns)) as write:
        order = shuffled(right, rng)
        for record in _rows(domain, seed, ((known[at], ORIGINAL, "") for at in order), "R"):
            partners[record.entity] = record.id
            write([record.id, *record.row.values()])
    with ExitStack() as files:
        rows, truth, hardness = (
            files.enter_context(_table(folder, name, heading))
            for name, heading in (
                ("left", ("id", *domain.columns)),
                ("truth", ("left_id", "right_id")),
                ("hardness", ("left_id", "class", "done")),
            )
        )
        for record in _rows(domain, seed, left, "L"):
            rows([record.id, *record.row.values()])
            hardness([record.id, record.hardness, record.done])
            if record.hardness not in (NEW, SIBLING):
                truth([record.id, partners[record.entity]])


def write_dedupe(domain: Domain, folder: Path, size: int, seed: int, duplicates: float) -> None:
    """``single.csv`` of ``size`` rows, ``duplicates`` of them copies; ``truth.csv`` (id, cluster), ``hardness.csv``."""
    rng = seeded(seed, domain.name, "dedupe")
    copies = round(size * duplicates)
    entities = size - copies
    chosen, once = shuffled(entities, rng), min(entities, max(1, round(copies * (1 - SECOND_COPIES))))
    order = shuffled(size, rng)
    names, cuts = list(domain.classes), list(domain.classes.values())

    def plan() -> Iterator[tuple[int, str, str]]:
        for at in order:
            if at < entities:
                yield at, ORIGINAL, ""
            else:
                turn, which = divmod(at - entities, once)
                entity = chosen[which]
                drawn = seeded(seed, domain.name, "class", at).choices(names, cuts)[0]
                yield entity, drawn, str(turn)

    with ExitStack() as files:
        rows, truth, hardness = (
            files.enter_context(_table(folder, name, heading))
            for name, heading in (
                ("single", ("id", *domain.columns)),
                ("truth", ("id", "cluster")),
                ("hardness", ("id", "class", "done")),
            )
        )
        for record in _rows(domain, seed, plan(), "D"):
            rows([record.id, *record.row.values()])
            truth([record.id, f"C{chosen[record.entity]:07}"])
            if record.hardness != ORIGINAL:
                hardness([record.id, record.hardness, record.done])


class _table:
    """A CSV file that is being written; entered, it is the function that writes a row."""

    def __init__(self, folder: Path, name: str, heading: tuple[str, ...]) -> None:
        self.file = (folder / f"{name}.csv").open("w", encoding="utf-8", newline="")
        self.write = csv.writer(self.file, lineterminator="\n").writerow
        self.write(heading)

    def __enter__(self) -> Callable[[list[str]], object]:
        return self.write

    def __exit__(self, *failure: object) -> None:
        self.file.close()


def write_task(
    domain: Domain, out: Path, *, size: int | None = None, seed: int = 7, kind: str = "link", duplicates: float = 0.2
) -> Path:
    """Write the task of a domain into ``out/<domain>`` (``…_dedupe`` to deduplicate); returns that folder."""
    folder = out / (domain.name if kind == "link" else f"{domain.name}_{kind}")
    folder.mkdir(parents=True, exist_ok=True)
    roles = "".join(f'{role} = "{name}"\n' for role, name in domain.roles.items())
    (folder / "roles.toml").write_text(roles, encoding="utf-8")
    if kind == "link":
        write_link(domain, folder, size or domain.size, seed)
    else:
        write_dedupe(domain, folder, size or domain.size, seed, duplicates)
    return folder
