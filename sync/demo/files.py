"""Writes tables as the systems export them; the same table is always the same bytes."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from openpyxl import Workbook

EPOCH = (2024, 1, 1, 0, 0, 0)  # of zip members


def write_table(path: Path, encoding: str, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """CSV, TSV or XLSX by the name's ending, gzip if it ends in ``.gz``; ``encoding`` is ignored for XLSX."""
    if path.suffix == ".xlsx":
        path.write_bytes(_workbook(heading, rows))
        return
    text = io.StringIO(newline="")
    delimiter = "\t" if ".tsv" in path.suffixes else ","
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n" if encoding == "cp1252" else "\n")
    writer.writerow(heading)
    writer.writerows(rows)
    body = text.getvalue().encode(encoding, errors="replace" if encoding == "cp1252" else "strict")
    path.write_bytes(gzip.compress(body, mtime=0) if path.suffix == ".gz" else body)


def _workbook(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Export")
    sheet.append(list(heading))
    for row in rows:
        sheet.append([cell or None for cell in row])
    raw = io.BytesIO()
    book.save(raw)
    return _timeless(raw.getvalue())


def _timeless(archive: bytes) -> bytes:
    """The same workbook without the moment of its making, which the library writes into it."""
    fixed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            body = source.read(name)
            if name == "docProps/core.xml":
                body = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2024-01-01T00:00:00Z", body)
            target.writestr(zipfile.ZipInfo(name, EPOCH), body, zipfile.ZIP_DEFLATED)
    return fixed.getvalue()
