"""One file as records to land: surveyed once as a whole, then read in batches that need nothing but themselves.

The survey finds what only the whole file can tell (codes that come twice, the order of day and month, a file that is
cut off), in some 20 bytes a row. So a batch can be landed, and landed again after a crash, without the ones before it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mdm import scalars
from mdm.bulk import batched
from mdm.canonical import Domain
from mdm.scalars import Cell, Unreadable
from mdm.services.ingest import Row
from mdm.values import CODE, Parsed, excerpt, is_date, parse_row
from sync.inbound.domains import domain_of
from sync.inbound.mapping import Plan, pairs, plan
from sync.inbound.table import Table, TableRow
from sync.inbound.tabular import open_table
from sync.models.feed import FeedOptions
from sync.text import storable

BATCH = 1000
BEAT_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Bad:
    """A row for the quarantine: the first column at fault, and all that is wrong with the row."""

    number: int
    column: str
    value: str
    reason: str
    raw: dict[str, str]


@dataclass(slots=True)
class Batch:
    """Some consecutive rows of the file. ``last`` is the number of the last one."""

    rows: list[Row] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    repeated: int = 0
    last: int = 0


@dataclass(slots=True)
class Survey:
    """What only the whole file can tell."""

    rows: int = 0
    without_code: int = 0
    codes: set[str] | None = None  # only where rows that are missing have to be found
    repeats: frozenset[int] = frozenset()  # rows equal to an earlier one of the same code
    conflicts: dict[int, int] = field(default_factory=dict)  # row: the earlier one with its code, but other values
    date_order: str = ""
    damage: str = ""


class FeedFile:
    """A file, opened as its feed's options say. ``units``: what its system calls units.

    Raises:
        FeedError: the file as a whole can't be read, or its columns aren't those of the mapping.
    """

    def __init__(self, path: Path, options: FeedOptions, *, units: Mapping[str, str] | None = None) -> None:
        self.domain: Domain = domain_of(options.domain)
        wanted = [column for column, _path in pairs(options.mapping)]
        self.table: Table = open_table(path, wanted=wanted, sheet=options.sheet)
        self.plan: Plan = plan(self.domain, self.table.columns, options.mapping, options.constants)
        self._code_position = next(position for position, path in self.plan.targets if path == CODE)
        self._date_order = options.date_order
        self._units = units or {}

    def survey(self, *, keep_codes: bool = False, beat: Callable[[], None] = lambda: None) -> Survey:
        """Read the whole file once; ``beat`` is called now and then meanwhile."""
        survey = Survey(codes=set() if keep_codes else None, date_order=self._date_order)
        positions = [position for position, _path in self.plan.targets]
        dates = [position for position, path in self.plan.targets if is_date(self.domain, path)]
        seen, orders = _Seen(), set()
        for row in self.table.rows():
            survey.rows += 1
            if survey.rows % BEAT_ROWS == 0:
                beat()
            if code := self._code(row):
                seen.add(row.number, code, tuple([row.cells[position] for position in positions]))
                if survey.codes is not None:
                    survey.codes.add(code)
            else:
                survey.without_code += 1
            if not row.fault:
                orders.update([scalars.order_shown(str(row.cells[position])) for position in dates])
        survey.repeats, survey.conflicts = seen.twice()
        survey.damage = self.table.damage
        survey.date_order = self._date_order or _order(orders)
        return survey

    def batches(self, survey: Survey, *, after: int = 0) -> Iterator[Batch]:
        """The rows below row ``after``, parsed."""
        rows = (row for row in self.table.rows() if row.number > after)
        for chunk in batched(rows, BATCH):
            yield self._batch(survey, chunk)

    def _batch(self, survey: Survey, chunk: Sequence[TableRow]) -> Batch:
        batch = Batch(last=chunk[-1].number)
        for row in chunk:
            if row.number in survey.repeats:
                batch.repeated += 1
                continue
            entry = self._entry(survey, row)
            if isinstance(entry, Bad):
                batch.bad.append(entry)
            else:
                batch.rows.append(entry)
        return batch

    def _entry(self, survey: Survey, row: TableRow) -> Row | Bad:
        raw = self._raw(row)
        if row.fault:
            return Bad(row.number, "", excerpt(row.cells[0] if row.cells else ""), row.fault, raw)
        cells = self.plan.cells(row.cells)
        parsed = parse_row(self.domain, cells, date_order=survey.date_order, units=self._units)
        if first := survey.conflicts.get(row.number):
            reason = f"{parsed.code} is already in row {first}, with other values: keep one of the two rows"
            return Bad(row.number, self.plan.column_of(CODE), excerpt(parsed.code), reason, raw)
        if parsed.problems:
            return self._bad(row.number, parsed, raw)
        return Row(
            number=row.number,
            code=parsed.code,
            uom=parsed.uom,
            updated_at=parsed.updated_at,
            values=parsed.values,
            invalid=parsed.invalid,
            raw=raw,
            written=parsed.written,
            units=self._units,
        )

    def _bad(self, number: int, parsed: Parsed, raw: dict[str, str]) -> Bad:
        first = parsed.problems[0]
        reason = "; ".join(f"{self.plan.column_of(p.path)}: {p.message}" for p in parsed.problems)
        return Bad(number, self.plan.column_of(first.path), first.value, reason, raw)

    def _raw(self, row: TableRow) -> dict[str, str]:
        """The row as received, without what a database can't store. Empty cells are left out."""
        names = [*self.table.columns, *(f"Column {n}" for n in range(len(self.table.columns) + 1, len(row.cells) + 1))]
        texts = ((name, _storable(cell)) for name, cell in zip(names, row.cells, strict=False))
        return {name: text for name, text in texts if text}

    def _code(self, row: TableRow) -> str:
        if row.fault:
            return ""
        try:
            return scalars.clean(row.cells[self._code_position])
        except Unreadable:
            return ""


class _Seen:
    """Codes met so far, as hashes: three machine words a row, whatever the file holds."""

    def __init__(self) -> None:
        self._numbers, self._codes, self._contents = array("q"), array("q"), array("q")

    def add(self, number: int, code: str, cells: tuple[Cell, ...]) -> None:
        self._numbers.append(number)
        self._codes.append(hash(code))
        self._contents.append(hash(cells))

    def twice(self) -> tuple[frozenset[int], dict[int, int]]:
        """(rows equal to the first one of their code, {row: first row of its code} where they differ)."""
        numbers, codes, contents = (np.asarray(column) for column in (self._numbers, self._codes, self._contents))
        order = np.argsort(codes, kind="stable")  # stable: the first row of a code stays first
        ordered = codes[order]
        again = np.r_[False, ordered[1:] == ordered[:-1]][: len(ordered)]
        start = np.maximum.accumulate(np.where(again, 0, np.arange(len(ordered))))
        first, other = order[start[again]], order[again]
        same = contents[first] == contents[other]
        repeats = frozenset(numbers[other[same]].tolist())
        return repeats, dict(zip(numbers[other[~same]].tolist(), numbers[first[~same]].tolist(), strict=True))


def _order(shown: set[str]) -> str:
    """The date order that a file's unambiguous dates show; "mixed" if they contradict each other."""
    found = shown - {""}
    return "mixed" if len(found) > 1 else next(iter(found), "")


def _storable(cell: Cell) -> str:
    try:
        text = cell if isinstance(cell, str) else scalars.typed_text(cell)
    except Unreadable:
        text = str(cell)
    return storable(text)
