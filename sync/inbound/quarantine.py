"""Rows that were put aside, out as CSV and in again after somebody mended them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from mdm.spreadsheet import BOM, FORMULA, harmless
from sync.inbound.encoding import detect
from sync.inbound.errors import NoTable
from sync.models.feed import FeedRun, QuarantinedRow

ROW, COLUMN, REASON = "Row in the file", "Column at fault", "What to mend"
OURS = (ROW, COLUMN, REASON)


def as_csv(run: FeedRun) -> str:
    """Rows to mend, with the file's own columns and what is wrong. Begins with a byte order mark, for Excel."""
    rows = list(run.quarantine.filter(state=QuarantinedRow.State.OPEN))
    columns = columns_of(rows, run.mapping)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*OURS, *columns])
    for row in rows:
        cells = [row.raw.get(name, "") for name in columns]
        writer.writerow([row.row_number, row.column, *map(harmless, [row.reason, *cells])])
    return BOM + out.getvalue()


def columns_of(rows: Iterable[QuarantinedRow], mapping: Mapping[str, object]) -> list[str]:
    """Every column of these rows, in the file's order as far as their filled cells tell, and every one that is mapped:
    rows to mend are often those with empty cells, and a file without a mapped column is refused.
    """
    filled = dict.fromkeys(name for row in rows for name in row.raw)
    return list(filled | dict.fromkeys(mapping))


def mended(content: bytes) -> tuple[bytes, list[int]]:
    """A mended download as a plain file again, and the numbers of the rows in it.

    A file without our columns is taken as it is; then no numbers are known.
    """
    text = content.decode(detect(io.BytesIO(content)), errors="replace")
    try:
        table = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error:
        raise NoTable from None
    if not table or ROW not in table[0]:
        return content, []
    columns = [name for name in table[0] if name not in OURS and name is not None]
    numbers = [int(row[ROW]) for row in table if str(row[ROW]).isdecimal()]
    return _written(columns, [[_original(row[name] or "") for name in columns] for row in table]), numbers


def edited(
    rows: Iterable[QuarantinedRow], cells: Mapping[int, Mapping[str, str]], mapping: Mapping[str, object]
) -> bytes:
    """These rows with some of their cells replaced, as a file."""
    rows = list(rows)
    columns = list(dict.fromkeys([*columns_of(rows, mapping), *(name for change in cells.values() for name in change)]))
    merged = [row.raw | dict(cells.get(row.row_number, {})) for row in rows]
    return _written(columns, [[row.get(name, "") for name in columns] for row in merged])


def _written(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue().encode()


def _original(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
