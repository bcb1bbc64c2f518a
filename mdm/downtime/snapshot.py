"""The crosswalk as an SQLite file, all as of one moment. Rows pass through one batch at a time, so that size matters
to the disk alone.

What it answers is what ``mdm.lookup`` answers: the codes known now, those that begin before the pack ends included;
factors come from ``mdm.factors``; a merged record is its survivor.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, islice
from pathlib import Path
from typing import Any, TypeVar

from django.db import connection

from mdm import substitutes
from mdm.conversion import NoFactor
from mdm.factors import End, Question, factors, is_one
from mdm.lookup_rows import Clocks
from mdm.models import BEGINNING, CodeSystem, GoldenRecord

T = TypeVar("T")

BATCH = 2_000

SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE system (
    id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, domain TEXT NOT NULL,
    normaliser TEXT NOT NULL, one_record_per_code INTEGER NOT NULL
);
CREATE TABLE record (
    id INTEGER PRIMARY KEY, public_id TEXT NOT NULL, domain TEXT NOT NULL, status TEXT NOT NULL, name TEXT NOT NULL
);
CREATE TABLE merged (public_id TEXT PRIMARY KEY, record INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE code (
    id INTEGER PRIMARY KEY, record INTEGER NOT NULL, system INTEGER NOT NULL, code TEXT NOT NULL, uom TEXT NOT NULL,
    preferred INTEGER NOT NULL, valid_from TEXT, valid_to TEXT
);
CREATE TABLE factor (
    code INTEGER NOT NULL, other INTEGER NOT NULL, factor TEXT, no_factor TEXT, PRIMARY KEY (code, other)
) WITHOUT ROWID;
CREATE TABLE substitute (
    item TEXT NOT NULL, item_name TEXT NOT NULL, substitute TEXT NOT NULL, substitute_name TEXT NOT NULL,
    factor TEXT NOT NULL, site TEXT, valid_from TEXT NOT NULL, valid_to TEXT, reason TEXT NOT NULL,
    approver TEXT NOT NULL
);
"""
# made after the rows, which is quicker; the view is for those who ask with SQL, and goes by the clock of their machine:
# SQLite knows no other time zone
INDEXES = """
CREATE UNIQUE INDEX record_by_public_id ON record (public_id);
CREATE INDEX code_by_code ON code (system, code);
CREATE INDEX code_by_record ON code (record);
CREATE INDEX substitute_by_item ON substitute (item);
CREATE INDEX substitute_by_substitute ON substitute (substitute);
CREATE VIEW translation AS
SELECT s.slug AS system, c.code, c.uom, r.public_id AS id, r.status, r.name, t.slug AS to_system, o.code AS to_code,
    o.uom AS to_uom, o.preferred,
    CASE WHEN f.code IS NOT NULL THEN f.factor WHEN r.domain = 'item' THEN '1' END AS factor, f.no_factor
FROM code c JOIN system s ON s.id = c.system JOIN record r ON r.id = c.record
JOIN code o ON o.record = c.record AND o.system <> c.system JOIN system t ON t.id = o.system
LEFT JOIN factor f ON f.code = c.id AND f.other = o.id
WHERE (c.valid_from IS NULL OR c.valid_from <= date('now', 'localtime'))
    AND (c.valid_to IS NULL OR c.valid_to > date('now', 'localtime'))
    AND (o.valid_from IS NULL OR o.valid_from <= date('now', 'localtime'))
    AND (o.valid_to IS NULL OR o.valid_to > date('now', 'localtime'));
"""

_CODES = """
SELECT g.id, g.public_id, g.domain, g.status, g.name, c.code_system_id, c.code, c.uom, c.preferred,
    nullif(c.valid_from, %(beginning)s), c.valid_to
FROM mdm_crosswalk c JOIN mdm_goldenrecord n ON n.id = c.golden_id
JOIN mdm_goldenrecord g ON g.id = coalesce(n.merged_into_id, n.id)
WHERE c.known_to IS NULL AND (c.valid_to IS NULL OR c.valid_to > %(today)s) AND c.valid_from <= %(last)s
    AND n.approved_version > 0 AND c.code_system_id = ANY(%(systems)s)
ORDER BY g.id, c.code_system_id, NOT c.preferred, c.uom, c.code, c.valid_from
"""
_MERGED = """
SELECT m.public_id, m.merged_into_id FROM mdm_goldenrecord m
WHERE m.merged_into_id IS NOT NULL AND m.approved_version > 0 ORDER BY m.merged_into_id
"""
_SUBSTITUTES = """
SELECT i.public_id, i.name, r.public_id, r.name, u.numerator, u.denominator, coalesce(m.public_id, l.public_id),
    u.valid_from, u.valid_to, u.reason, a.username
FROM mdm_substitution u
JOIN mdm_goldenrecord i ON i.id = u.item_id
JOIN mdm_goldenrecord r ON r.id = u.substitute_id
LEFT JOIN mdm_goldenrecord l ON l.id = u.site_id
LEFT JOIN mdm_goldenrecord m ON m.id = l.merged_into_id
JOIN mdm_user a ON a.id = u.approver_id
WHERE u.ended_at IS NULL AND (u.valid_to IS NULL OR u.valid_to > %(today)s) AND u.valid_from <= %(last)s
    AND (%(sites)s::bigint[] IS NULL OR u.site_id IS NULL OR u.site_id = ANY(%(sites)s)) AND r.status <> 'retired'
ORDER BY u.site_id IS NULL, u.id
"""
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What goes into a pack, and for which days."""

    site: GoldenRecord | None
    systems: Sequence[CodeSystem]
    today: dt.date
    last: dt.date  # on which the pack is still in date


@dataclass(slots=True)
class Counted:
    records: int = 0
    codes: int = 0


def write(path: Path, wanted: Wanted) -> Counted:
    """Fill a new SQLite file. The caller holds a transaction that sees one moment."""
    with closing(sqlite3.connect(path)) as file:
        # nobody needs half a file, so nothing has to be safe before it is whole
        file.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + SCHEMA)
        file.executemany("INSERT INTO system VALUES (?, ?, ?, ?, ?, ?)", map(_system, wanted.systems))
        counted = _codes(file, wanted)
        file.executemany(
            "INSERT INTO merged SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM record WHERE id = ?2)", _rows(_MERGED, {})
        )
        file.executemany(f"INSERT INTO substitute VALUES ({', '.join('?' * 10)})", _substitutes(wanted))  # noqa: S608
        file.executescript(INDEXES)
        file.commit()
    return counted


def describe(path: Path, facts: Mapping[str, str]) -> None:
    """Have the file say what it is."""
    with closing(sqlite3.connect(path)) as file:
        file.executemany("INSERT INTO about VALUES (?, ?)", facts.items())
        file.commit()


def _system(system: CodeSystem) -> Row:
    return system.pk, system.slug, system.system.name, system.domain, system.normaliser, system.unique


def _codes(file: sqlite3.Connection, wanted: Wanted) -> Counted:
    counted = Counted()
    systems = {system.pk: system for system in wanted.systems}
    query = {"beginning": BEGINNING, "today": wanted.today, "last": wanted.last, "systems": list(systems)}
    for batch in _batches(_by_record(_CODES, query)):
        codes: list[Row] = []
        questions: list[tuple[int, int, Question]] = []
        for rows in batch:
            first = counted.codes + len(codes) + 1  # ids in the file count from one
            questions += _questions(rows, first, systems)
            codes += [(first + n, row[0], *row[5:9], _day(row[9]), _day(row[10])) for n, row in enumerate(rows)]
        file.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?)", (rows[0][:5] for rows in batch))
        file.executemany("INSERT INTO code VALUES (?, ?, ?, ?, ?, ?, ?, ?)", codes)
        for some in _batches(questions):
            file.executemany("INSERT INTO factor VALUES (?, ?, ?, ?)", _answered(some, Clocks(wanted.today, None)))
        counted.records += len(batch)
        counted.codes += len(codes)
    return counted


def _by_record(sql: str, query: Mapping[str, Any]) -> Iterator[list[Row]]:
    for _, rows in groupby(_rows(sql, query), key=lambda row: row[0]):
        yield list(rows)


def _questions(
    rows: Sequence[Row], first: int, systems: Mapping[int, CodeSystem]
) -> Iterator[tuple[int, int, Question]]:
    """Pairs of an item's codes in different systems whose units aren't plainly one and the same, as lookups ask."""
    if rows[0][2] != "item":
        return
    for n, row in enumerate(rows):
        for m, other in enumerate(rows):
            one, two = systems[row[5]], systems[other[5]]
            if one is two or (not one.units and not two.units and is_one(row[7], other[7])):
                continue
            yield first + n, first + m, (row[0], End(one, row[6], row[7]), End(two, other[6], other[7]))


def _answered(asked: Sequence[tuple[int, int, Question]], clocks: Clocks) -> Iterator[Row]:
    answers = factors([question for _, _, question in asked], clocks)
    for (code, other, _), answer in zip(asked, answers, strict=True):
        yield (code, other, None, answer.message) if isinstance(answer, NoFactor) else (code, other, str(answer), None)


def _substitutes(wanted: Wanted) -> Iterator[Row]:
    sites = substitutes.around(wanted.site.public_id) if wanted.site else None
    query = {"today": wanted.today, "last": wanted.last, "sites": sites}
    for item, item_name, other, name, numerator, denominator, site, begins, ends, *said in _rows(_SUBSTITUTES, query):
        factor = str(Fraction(numerator, denominator))
        yield item, item_name, other, name, factor, site, _day(begins), _day(ends), *said


def _rows(sql: str, query: Mapping[str, Any]) -> Iterator[Row]:
    """Through a server-side cursor. It needs a name for itself, so that several may be open."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, query)
        while rows := cursor.fetchmany(BATCH):
            yield from rows


def _batches(rows: Iterable[T]) -> Iterator[list[T]]:
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch


def _day(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None
