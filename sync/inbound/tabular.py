"""Tabular files of every format, opened as one kind of table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sync.inbound.delimited import DelimitedReader
from sync.inbound.errors import EmptyFile, NoTable
from sync.inbound.files import OLE, ZIP, Content
from sync.inbound.table import Table
from sync.inbound.workbook import WorkbookReader, sheets

_NO_TABLES = {b"%PDF": "PDF", b"\x89PNG": "PNG image", b"\xff\xd8\xff": "JPEG image", b"{": "JSON", b"<": "XML or HTML"}


def sheets_of(path: Path) -> list[str]:
    """The sheets of a workbook; none for a file that is no workbook. Raises ``NoTable`` as ``open_table`` does."""
    with Content(path) as stream:
        head = stream.read(8)
    return sheets(path) if head.startswith((ZIP, OLE)) else []


def open_table(path: Path, *, wanted: Iterable[str] = (), sheet: str = "") -> Table:
    """Open CSV, TSV, semicolon or pipe separated text or a workbook, gzipped or not, in any usual encoding.

    ``wanted`` are the column names that help to find the row of headings below titles and notes.

    Raises:
        EmptyFile, NoTable, UnknownSheet: the file as a whole can't be read; the message says what to do.
    """
    with Content(path) as stream:
        head = stream.read(4096)
        damage = stream.damage
    if not head:
        raise NoTable(f"Nothing can be read: {damage}. Export it again.") if damage else EmptyFile()
    if head.startswith((ZIP, OLE)):
        return Table(WorkbookReader(path, sheet), wanted)
    for mark, kind in _NO_TABLES.items():
        if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(mark):
            raise NoTable(f"This is a {kind} file, no table. Send CSV, TSV or an Excel workbook.")
    return Table(DelimitedReader(path), wanted)
