"""What one counterpart knows: its records in its own field names, the keys it has seen, and a count of every effect.

One SQLite file per counterpart in WAL mode. A group of changes commits together before any of them is answered, so a
killed sandbox has applied what it acknowledged, and nothing twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Row = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    domain TEXT, id TEXT, code TEXT, version INTEGER, generation INTEGER, active INTEGER, replaced_by TEXT, fields TEXT,
    PRIMARY KEY (domain, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alias (domain TEXT, code TEXT, id TEXT, PRIMARY KEY (domain, code)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, result TEXT, code TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS effect (
    domain TEXT, id TEXT, version INTEGER, generation INTEGER, times INTEGER,
    PRIMARY KEY (domain, id, version, generation)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, at TEXT, event TEXT, subject TEXT, detail TEXT);
CREATE TABLE IF NOT EXISTS number (domain TEXT PRIMARY KEY, last INTEGER);
"""
EMPTY = (
    "DELETE FROM record",
    "DELETE FROM alias",
    "DELETE FROM seen",
    "DELETE FROM effect",
    "DELETE FROM log",
    "DELETE FROM number",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One record at one version, as the counterpart understood it."""

    key: str
    domain: str
    id: str
    version: int
    generation: int
    active: bool = True
    replaced_by: str | None = None
    codes: Sequence[str] = ()  # the counterpart's own codes that the sender already knows
    fields: Row = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Applied:
    """``result``: created, updated, duplicate (of a key seen before) or ignored (older than what is held)."""

    result: str
    code: str


class Store:
    """``numbering`` gives the first own code of each domain: ``{"item": ("ITM-", 100000)}``."""

    def __init__(self, path: Path, numbering: dict[str, tuple[str, int]]) -> None:
        self._numbering = numbering
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {SCHEMA}")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Commit everything inside at once; inside another, does nothing."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def apply(self, change: Change, *, forgetful: bool = False) -> Applied:
        """Apply unless the key was seen or a newer version is held; ``forgetful`` is the fault of not checking."""
        with self.together():
            if not forgetful and (earlier := self._seen(change.key)):
                self.log("duplicate", change.id, f"key {change.key}: {earlier.result}")
                return Applied("duplicate", earlier.code)
            held = self._one("SELECT * FROM record WHERE domain = ? AND id = ?", change.domain, change.id)
            done = self._decide(change, held, forgetful)
            self._db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (change.key, done.result, done.code))
            self.log(done.result, change.id, f"{done.code} v{change.version}.{change.generation}")
            return done

    def edit(self, domain: str, public_id: str, fields: Row) -> bool:
        """Change fields by hand, as their users do; False when there is no such record."""
        with self.together():
            held = self._one("SELECT fields FROM record WHERE domain = ? AND id = ?", domain, public_id)
            if held is None:
                return False
            mended = json.dumps(json.loads(held["fields"]) | fields)
            self._db.execute("UPDATE record SET fields = ? WHERE domain = ? AND id = ?", (mended, domain, public_id))
            self.log("edited by hand", public_id, ", ".join(fields))
            return True

    def _seen(self, key: str) -> Applied | None:
        row = self._one("SELECT result, code FROM seen WHERE key = ?", key)
        return Applied(row["result"], row["code"]) if row else None

    def _decide(self, change: Change, held: Row | None, forgetful: bool) -> Applied:
        newer = held and (held["version"], held["generation"]) >= (change.version, change.generation)
        if held and newer and not forgetful:
            return Applied("ignored", held["code"])
        code = held["code"] if held else next(iter(change.codes), "") or self._next_code(change.domain)
        self._write(change, code)
        return Applied("updated" if held else "created", code)

    def _write(self, change: Change, code: str) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (change.domain, change.id, code, change.version, change.generation, change.active, change.replaced_by,
             json.dumps(change.fields)),
        )  # fmt: skip
        self._db.executemany(
            "INSERT OR REPLACE INTO alias VALUES (?, ?, ?)",
            [(change.domain, c, change.id) for c in (code, *change.codes)],
        )
        self._db.execute(
            "INSERT INTO effect VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1",
            (change.domain, change.id, change.version, change.generation),
        )

    def refill(self, domain: str, name: str, fields: Row) -> None:
        """Put other fields in place, of a record whose code was not known before it was applied."""
        sql = "UPDATE record SET fields = ? WHERE domain = ? AND id = ?"
        self._db.execute(sql, (json.dumps(fields), domain, name))

    def _next_code(self, domain: str) -> str:
        prefix, first = self._numbering[domain]
        row = self._one(
            "INSERT INTO number VALUES (?, ?) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last", domain, first
        )
        return f"{prefix}{row['last'] if row else first}"

    def log(self, event: str, subject: str = "", detail: str = "") -> None:
        self._db.execute(
            "INSERT INTO log (at, event, subject, detail) VALUES (?, ?, ?, ?)",
            (datetime.now(UTC).isoformat(timespec="milliseconds"), event, subject, detail[:500]),
        )

    def page(self, domain: str, after: str = "", limit: int = 500) -> list[Row]:
        """Records of a domain by id, those after the given one."""
        rows = self._all("SELECT * FROM record WHERE domain = ? AND id > ? ORDER BY id LIMIT ?", domain, after, limit)
        return [_record(row) for row in rows]

    def named(self, domain: str, ids: Sequence[str]) -> list[Row]:
        rows = (self._one("SELECT * FROM record WHERE domain = ? AND id = ?", domain, i) for i in sorted(ids))
        return [_record(row) for row in rows if row]

    def known_as(self, domain: str, code: str) -> str | None:
        """The public id of the record that answers to this code."""
        row = self._one("SELECT id FROM alias WHERE domain = ? AND code = ?", domain, code)
        return row["id"] if row else None

    def aliases(self, domain: str) -> dict[str, str]:
        """Own code -> public id, every code that the counterpart answers to."""
        return {r["code"]: r["id"] for r in self._all("SELECT code, id FROM alias WHERE domain = ?", domain)}

    def effects(self, domain: str | None = None) -> list[Row]:
        """How often each (record, version, generation) took effect; anything but 1 is a fault of delivery."""
        return self._all(
            "SELECT * FROM effect WHERE ? IS NULL OR domain = ? ORDER BY domain, id, version", domain, domain
        )

    def logged(self, limit: int = 200) -> list[Row]:
        return self._all("SELECT * FROM log ORDER BY seq DESC LIMIT ?", limit)

    def counts(self) -> dict[str, dict[str, int]]:
        """Per domain: records held, how many of them are active, effects, and effects beyond the first."""
        held = self._all("SELECT domain, count(*) AS records, sum(active) AS active FROM record GROUP BY domain")
        done = self._all("SELECT domain, sum(times) AS effects, sum(times - 1) AS repeated FROM effect GROUP BY domain")
        merged: dict[str, dict[str, int]] = {}
        for row in (*held, *done):
            merged.setdefault(row.pop("domain"), {}).update(row)
        return merged

    def reset(self) -> None:
        with self.together():
            for statement in EMPTY:
                self._db.execute(statement)

    def _one(self, sql: str, *args: object) -> Row | None:
        rows = self._all(sql, *args)
        return rows[0] if rows else None

    def _all(self, sql: str, *args: object) -> list[Row]:
        cursor = self._db.execute(sql, args)
        names = [c[0] for c in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _record(row: Row) -> Row:
    return {**row, "active": bool(row["active"]), "fields": json.loads(row["fields"])}
