"""CSV, TSV and their kin: encoding and separator found out, damage kept to the rows it is in."""

from __future__ import annotations

import csv
import io
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from sync.inbound import encoding
from sync.inbound.errors import NoTable
from sync.inbound.files import Content
from sync.inbound.table import TableRow

SEPARATORS = ",\t;|"
SNIFFED_ROWS = 60
LONGEST_LINE = 1 << 20  # characters; a table has no longer ones
MOST_LINES = 40  # of one value; beyond that a quotation mark was never closed
UNCLOSED = "a quotation mark is never closed: double it or close it, and send the row again"
csv.field_size_limit(LONGEST_LINE)


class _Unclosed(Exception):
    """A value runs on over too many lines."""


class _Lines:
    """Lines of a text, of which those of the current record can be taken back."""

    def __init__(self, text: io.TextIOBase) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self.record: list[str] = []
        self.asked_beyond_end = False
        self.last = ""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.record) > MOST_LINES:
            raise _Unclosed
        line = self._again.popleft() if self._again else self._text.readline(LONGEST_LINE)
        if not line:
            self.asked_beyond_end = True
            raise StopIteration
        if len(line) == LONGEST_LINE:
            raise NoTable(f"The file has a line of more than {LONGEST_LINE:,} characters, so it is no table.")
        self.record.append(line)
        self.last = line
        return line

    def take_back(self) -> str:
        """Give up the first line of the record; the others will come again."""
        first, *others = self.record
        self._again.extendleft(reversed(others))
        self.asked_beyond_end = False
        return first


class DelimitedReader:
    """Rows of a delimited text file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage = ""
        with Content(path) as stream:
            self.encoding = encoding.detect(stream)
        self.separator = self._sniff()

    def rows(self) -> Iterator[TableRow]:
        self.damage, widest = "", 0
        with Content(self.path) as stream, self._text(stream) as text:
            lines = _Lines(text)
            row = TableRow(0, ())
            for row in self._records(lines):
                widest = max(widest, len(row.cells))
                yield row
            unfinished = bool(lines.last) and not lines.last.endswith(("\n", "\r"))
            if unfinished and (row.fault or len(row.cells) < widest):
                self.damage = "the last row breaks off in the middle"
            self.damage = stream.damage or self.damage

    def _text(self, stream: Content) -> io.TextIOWrapper:
        return io.TextIOWrapper(stream, encoding=self.encoding, errors="surrogateescape", newline="")

    def _records(self, lines: _Lines) -> Iterator[TableRow]:
        number, reader = 0, csv.reader(lines, delimiter=self.separator)
        while True:
            lines.record.clear()
            number += 1
            try:
                cells = next(reader)
                # the parser asks for a line beyond the end only while it is within quotation marks
                unclosed = lines.asked_beyond_end
            except StopIteration:
                return
            except (_Unclosed, csv.Error):
                cells, unclosed = [], True
            if unclosed:
                reader = csv.reader(lines, delimiter=self.separator)
                yield TableRow(number, [lines.take_back().strip()], UNCLOSED)
            else:
                yield TableRow(number, cells)

    def _sniff(self) -> str:
        """The separator that divides the first lines into most columns most evenly."""
        with Content(self.path) as stream, self._text(stream) as text:
            head = [
                line for line in islice(iter(lambda: text.readline(LONGEST_LINE), ""), SNIFFED_ROWS) if line.strip()
            ]
        return max(SEPARATORS, key=lambda separator: _evenness(head, separator))


def _evenness(lines: list[str], separator: str) -> tuple[float, int]:
    try:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=separator) if len(row) > 1)
    except csv.Error:
        return 0.0, 0
    width, count = widths.most_common(1)[0] if widths else (1, 0)
    return round(count / max(1, len(lines)), 1), width
