"""Excel workbooks (and .xls, .ods): typed cells, and the cells that hold no value although they look filled."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path
from typing import Any

from defusedxml.ElementTree import fromstring, iterparse
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, ZipError

from mdm.scalars import Cell
from sync.inbound.errors import NoTable, UnknownSheet
from sync.inbound.files import Content, is_gzip
from sync.inbound.table import TableRow

LARGEST = 1 << 30  # bytes, unzipped: a workbook is read as a whole
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
NOT_CALCULATED = "#NOT_CALCULATED!"  # a formula whose result was never saved; ``scalars.ERRORS`` knows it


def sheets(path: Path) -> list[str]:
    """The names of a workbook's sheets. Raises ``NoTable`` for one that can't be read."""
    file = _unzipped(path) if is_gzip(path) else path
    _refuse_bomb(file)
    try:
        return list(CalamineWorkbook.from_object(file).sheet_names)
    except (PasswordError, ZipError, CalamineError):
        raise NoTable("The workbook is damaged or has a password. Export it again.") from None


class WorkbookReader:
    """Rows of one sheet. A damaged workbook can't be read in part: its table of contents is at its end."""

    damage = ""

    def __init__(self, path: Path, sheet: str = "") -> None:
        file = _unzipped(path) if is_gzip(path) else path
        _refuse_bomb(file)
        try:
            book = CalamineWorkbook.from_object(file)
            self._sheet = self._choose(book, sheet)
        except PasswordError:
            raise NoTable("The workbook has a password. Save it without one and send it again.") from None
        except (ZipError, CalamineError) as error:
            raise NoTable("The workbook is damaged or cut off. Export it again; nothing was changed.") from error
        self._faults = faults(file, self._sheet.name)

    def _choose(self, book: CalamineWorkbook, name: str) -> CalamineSheet:
        if name and name not in book.sheet_names:
            raise UnknownSheet(f"The workbook has no sheet {name!r}. It has: {', '.join(book.sheet_names)}.")
        sheets = (book.get_sheet_by_name(each) for each in ([name] if name else book.sheet_names))
        for sheet in sheets:
            if sheet.start is not None:
                return sheet
        raise NoTable("The workbook has no rows. Export it again; nothing was changed.")

    def rows(self) -> Iterator[TableRow]:
        for number, cells in enumerate(self._sheet.iter_rows(), 1):
            row: list[Cell] = [_cell(cell) for cell in cells]
            for column, fault in self._faults.get(number, {}).items():
                row[column] = fault
            yield TableRow(number, row)


def _unzipped(path: Path) -> io.BytesIO:
    with Content(path) as stream:
        return io.BytesIO(stream.read(LARGEST))


def _cell(cell: Any) -> Cell:
    return str(cell) if isinstance(cell, time | timedelta) else cell


def _refuse_bomb(file: Path | io.BytesIO) -> None:
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
            raise NoTable("The workbook is larger than 1 GB when unzipped. Export it as CSV instead.")
    if isinstance(file, io.BytesIO):
        file.seek(0)


def faults(file: Path | io.BytesIO, sheet: str) -> dict[int, dict[int, str]]:
    """Cells that hold an error (#REF!) or a formula without result, which calamine shows as empty.

    The answer is {row: {column: error}}; rows count from 1, columns from 0. A cell is ``<c r="B7" t="e">`` with a
    formula ``<f>`` and a result ``<v>`` (ECMA-376 part 1, 18.3.1.4).
    """
    if not zipfile.is_zipfile(file):
        return {}
    with zipfile.ZipFile(file) as archive:
        member = _member(archive, sheet)
        if not member or not _has_formulas(archive, member):
            return {}
        with archive.open(member) as stream:
            return _faults(iterparse(stream, events=("end",), forbid_dtd=True))


def _faults(events: Iterator[tuple[str, Any]]) -> dict[int, dict[int, str]]:
    found: dict[int, dict[int, str]] = {}
    for _event, element in events:
        if element.tag == f"{MAIN}c":
            if why := _fault(element):
                row, column = _position(element.get("r", ""))
                found.setdefault(row, {})[column] = why
        elif element.tag == f"{MAIN}row":
            element.clear()
    return found


def _fault(cell: Any) -> str:
    result = cell.findtext(f"{MAIN}v") or ""
    kind = cell.get("t", "n")
    if kind == "e":
        return "" if result == "#N/A" else result or "#VALUE!"
    if cell.find(f"{MAIN}f") is not None and not result and kind != "str":
        return NOT_CALCULATED
    return ""


def _position(reference: str) -> tuple[int, int]:
    """ "AB7" → (7, 27)."""
    letters = reference.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return int(reference[len(letters) :]), column - 1


def _member(archive: zipfile.ZipFile, sheet: str) -> str:
    """The archive's file that holds a sheet; empty for formats other than xlsx."""
    if "xl/workbook.xml" not in archive.namelist():
        return ""
    book = fromstring(archive.read("xl/workbook.xml"))
    relations = fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    for entry in book.iter(f"{MAIN}sheet"):
        if entry.get("name") == sheet:
            return posixpath.normpath(posixpath.join("/xl", targets.get(entry.get(RELATION), ""))).lstrip("/")
    return ""


def _has_formulas(archive: zipfile.ZipFile, member: str) -> bool:
    """Most exports have neither formulas nor errors, and looking for these bytes is 50 times faster than parsing."""
    before = b""
    with archive.open(member) as stream:
        while chunk := stream.read(1 << 20):
            window = before + chunk
            if b"<f" in window or b't="e"' in window:
                return True
            before = window[-8:]
    return False
