"""The lookup page: one HTML file that holds all of a pack's data, and opens a few kilobytes of it for each question.

The data lies in blocks, each compressed by itself, in the order of the file; the browser opens a block with its own
``DecompressionStream``. A directory says with which code each block of the index begins. Nothing is fetched, and the
page's own content security policy keeps it that way.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any

import orjson

HERE = Path(__file__).parent
RECORDS, ENTRIES = 1_000, 4_000  # in a block
NOTHING_ELSE = "default-src 'none'; base-uri 'none'; form-action 'none'"
BY_ID = 0  # the index's number for Concord's own ids, which no code system has

_CODES = "SELECT record, id, system, code, uom, preferred, valid_from, valid_to FROM code ORDER BY record, id"
_FACTORS = """
SELECT c.record, f.code, f.other, f.factor, f.no_factor FROM code c CROSS JOIN factor f ON f.code = c.id ORDER BY f.code
"""
_STANDING = """
SELECT r.id, s.substitute AS other, s.substitute_name, s.factor, s.site, s.valid_from, s.valid_to, s.reason, 0
FROM record r JOIN substitute s ON s.item = r.public_id
UNION ALL
SELECT r.id, s.item, s.item_name, s.factor, s.site, s.valid_from, s.valid_to, s.reason, 1
FROM record r JOIN substitute s ON s.substitute = r.public_id
ORDER BY 1
"""
_INDEX = f"""
SELECT system, code, record FROM code
UNION ALL SELECT {BY_ID}, public_id, id FROM record
UNION ALL SELECT {BY_ID}, public_id, record FROM merged
ORDER BY 1, 2, 3
"""  # noqa: S608 - put together from constants
Row = tuple[Any, ...]


def write(path: Path, database: Path, facts: Mapping[str, Any]) -> None:
    """Make the page from a pack's SQLite file, block by block."""
    with closing(sqlite3.connect(database)) as source, path.open("wb") as file:
        systems = source.execute("SELECT id, slug, name, domain, normaliser FROM system").fetchall()
        head, tail = _frame()
        file.write(head)
        first_ids = _blocks(file, "r", _records(source), RECORDS, first=lambda record: record[0])
        first_codes = _blocks(file, "i", _index(source), ENTRIES, first=lambda entry: entry[:2])
        directory = {"about": dict(facts), "systems": systems, "records": first_ids, "index": first_codes}
        file.write(_script("application/json", "directory", _plain(directory)))
        file.write(tail)


def _frame() -> tuple[bytes, bytes]:
    """What stands before the data and what after it. The policy names the page's own script and style by hash."""
    style, script = (HERE / "page.css").read_text(), (HERE / "page.js").read_text()
    policy = f"{NOTHING_ELSE}; script-src {_hash(script)}; style-src {_hash(style)}"
    html = (HERE / "page.html").read_text()
    head, tail = html.replace("{policy}", policy).replace("{style}", style).split("{data}")
    return head.encode(), tail.replace("{script}", script).encode()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _blocks(file: IO[bytes], name: str, rows: Iterable[Sequence[Any]], size: int, first: Any) -> list[Any]:
    """Write rows as blocks; returns what each begins with."""
    begins: list[Any] = []
    left = iter(rows)
    while block := list(islice(left, size)):
        packed = gzip.compress(orjson.dumps(block), compresslevel=9, mtime=0)
        file.write(_script("application/octet-stream", f"{name}{len(begins)}", base64.b64encode(packed)))
        begins.append(first(block[0]))
    return begins


def _script(kind: str, name: str, content: bytes) -> bytes:
    """Data for the page's script: browsers don't run scripts of these types."""
    return b'<script type="%s" id="%s">%s</script>\n' % (kind.encode(), name.encode(), content)


def _plain(value: Any) -> bytes:
    """JSON that can't end the element that it stands in."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c").encode()


def _records(source: sqlite3.Connection) -> Iterator[Sequence[Any]]:
    """Each record as [id, public id, domain, status, name, codes, factors, what stands in for it and it for]."""
    codes, told, standing = (_Following(source.execute(sql)) for sql in (_CODES, _FACTORS, _STANDING))
    for record in source.execute("SELECT id, public_id, domain, status, name FROM record ORDER BY id"):
        yield [*record, codes.of(record[0]), told.of(record[0]), standing.of(record[0])]


class _Following:
    """Rows sorted by the record that they begin with, read beside the records themselves."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._groups = groupby(rows, key=lambda row: row[0])
        self._next: tuple[int, list[Row]] | None = None
        self._advance()

    def _advance(self) -> None:
        group = next(self._groups, None)
        self._next = group and (group[0], [row[1:] for row in group[1]])

    def of(self, record: int) -> list[Row]:
        while self._next and self._next[0] < record:
            self._advance()
        if self._next is None or self._next[0] != record:
            return []
        found = self._next[1]
        self._advance()
        return found


def _index(source: sqlite3.Connection) -> Iterator[list[Any]]:
    """Each code as [system, code, records…]."""
    for (system, code), rows in groupby(source.execute(_INDEX), key=lambda row: row[:2]):
        yield [system, code, *sorted({row[2] for row in rows})]
