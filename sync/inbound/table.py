"""A table as it lies in a file: headings, then rows of cells, whatever the format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from mdm.scalars import Cell
from sync.inbound.errors import NoTable

HEADING_ROWS = 25  # titles and notes that reports put above their headings are fewer


class TableRow(NamedTuple):
    """One row. ``number`` counts from 1 as a spreadsheet shows it; ``fault`` says why its cells can't be trusted."""

    number: int
    cells: Sequence[Cell]
    fault: str = ""

    @property
    def is_blank(self) -> bool:
        if self.fault:
            return False
        for cell in self.cells:  # a loop, as it ends at the first cell of most rows
            if cell not in ("", None) and not (isinstance(cell, str) and cell.isspace()):
                return False
        return True


class Reader(Protocol):
    """A format. ``damage`` is set once the rows have been read to their end: empty, or why there may be more."""

    damage: str

    def rows(self) -> Iterator[TableRow]: ...


class Table:
    """The headings of a file and its rows. Rows can be read more than once; each time the file is read anew."""

    def __init__(self, reader: Reader, wanted: Iterable[str] = ()) -> None:
        self._reader = reader
        self.heading_row, self.columns = _headings(reader, {fold(name) for name in wanted})

    @property
    def damage(self) -> str:
        """After the rows were read: why the file may be missing its end, or empty."""
        return self._reader.damage

    def rows(self) -> Iterator[TableRow]:
        """Rows below the headings that say something. A row of another length than the headings has a fault."""
        width = len(self.columns)
        for row in self._reader.rows():
            if row.number <= self.heading_row or row.is_blank:
                continue
            yield row if row.fault or len(row.cells) == width else _fitted(row, width)


def _fitted(row: TableRow, width: int) -> TableRow:
    surplus = [cell for cell in row.cells[width:] if cell not in ("", None)]
    if len(row.cells) > width and not surplus:
        return TableRow(row.number, row.cells[:width])
    fault = (
        f"the row has {len(row.cells)} cells where the headings have {width}: "
        "look for a separator or a line break in a value that isn't in quotation marks"
    )
    return TableRow(row.number, row.cells, fault)


def fold(name: str) -> str:
    """A heading for comparing: case, blanks and punctuation don't count."""
    return "".join(char for char in name.casefold() if char.isalnum()) or name.strip()


def _headings(reader: Reader, wanted: set[str]) -> tuple[int, list[str]]:
    """The row that has most of the wanted columns; without any, the first one that is as full as the fullest."""
    top: list[TableRow] = []
    for row in reader.rows():
        if row.number > HEADING_ROWS:
            break
        if not row.is_blank and not row.fault:
            top.append(row)
    if not top:
        raise NoTable("The file has no headings. Export it again, with the names of its columns in the first row.")
    hits = [len(wanted & {fold(text) for text in _texts(row)}) for row in top]
    best = top[hits.index(max(hits))] if max(hits) else _fullest(top)
    return best.number, _named(_trimmed(_texts(best)))


def _fullest(rows: Sequence[TableRow]) -> TableRow:
    filled = [sum(bool(text) for text in _texts(row)) for row in rows]
    enough = 0.7 * max(filled)
    return next(row for row, count in zip(rows, filled, strict=True) if count >= enough)


def _texts(row: TableRow) -> list[str]:
    return [" ".join(str("" if cell is None else cell).split()) for cell in row.cells]


def _trimmed(names: list[str]) -> list[str]:
    while len(names) > 1 and not names[-1]:
        names.pop()
    return names


def _named(names: Iterable[str]) -> list[str]:
    """Every column a name of its own: empty ones by position, repeated ones by number."""
    seen: dict[str, int] = {}
    result = []
    for position, name in enumerate(names, 1):
        name = name or f"Column {position}"
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result
