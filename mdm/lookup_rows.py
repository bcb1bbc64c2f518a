"""The lookup's SQL: crosswalk rows of some codes or of one record, with their golden record and its codes in a target
system.

The usual statement reads what holds now, the crosswalk from its covering index alone. Where a row names a merged record
it is asked again with the survivor joined in; codes move with a merge, so that is rare. For what was known at an
instant codes are read by their knowledge range and golden records from their history.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, connections

from mdm import prepared
from mdm.models import CodeSystem

UNPREPARED = {"0A000", "26000"}  # SQLSTATE: its result has other types now; there is no such prepared statement


class Clocks(NamedTuple):
    as_of: dt.date
    known_at: dt.datetime | None  # None: now


class Row(NamedTuple):
    """What a code means; a batch reads the bare tuples."""

    code: str
    uom: str
    valid_from: dt.date | None  # None: always
    valid_to: dt.date | None
    golden: int  # the record that the code means, or meant at the time: the survivor where it is merged
    id: str
    redirected_from: str | None  # the merged record that the crosswalk names, where it is one
    status: str
    name: str
    target_code: str | None
    target_uom: str | None
    target_preferred: bool | None


class Record(NamedTuple):
    """What an id means."""

    golden: int  # the survivor's where the record is, or was at the time, merged
    id: str
    redirected_from: str | None
    status: str
    name: str
    domain: str


class OwnCode(NamedTuple):
    """A code of a record."""

    code: str
    uom: str
    valid_from: dt.date | None
    valid_to: dt.date | None
    system: int
    preferred: bool


MERGED = "merged"  # Row.status of a row whose survivor is yet to be read

# What a golden record was at an instant. One whose history begins later is taken as it is.
AS_KNOWN = """
LEFT JOIN LATERAL (
    SELECT status, name, merged_into_id, approved_version FROM mdm_historicalgoldenrecord h
    WHERE h.id = {0}.id AND h.history_date <= %(known_at)s ORDER BY h.history_date DESC, h.history_id DESC LIMIT 1
) {0}h ON true
"""
_SURVIVOR = "coalesce(s.public_id, n.public_id), CASE WHEN s.id IS NOT NULL THEN n.public_id END"
# how a record is found: (its id, its other facts, joins that they need, whether it is published)
_FORMS = {
    "now": ("n.id", "n.public_id, NULL, n.status, n.name", "", "n.approved_version > 0"),
    "survivor": (
        "coalesce(s.id, n.id)",
        f"{_SURVIVOR}, coalesce(s.status, n.status), coalesce(s.name, n.name)",
        "LEFT JOIN mdm_goldenrecord s ON s.id = n.merged_into_id",
        "n.approved_version > 0",
    ),
    "then": (
        "coalesce(s.id, n.id)",
        f"{_SURVIVOR}, coalesce(sh.status, s.status, nh.status, n.status), coalesce(sh.name, s.name, nh.name, n.name)",
        AS_KNOWN.format("n")
        + """LEFT JOIN mdm_goldenrecord s
        ON s.id = CASE WHEN nh.status IS NULL THEN n.merged_into_id ELSE nh.merged_into_id END"""
        + AS_KNOWN.format("s"),
        "coalesce(nh.approved_version, n.approved_version) > 0",
    ),
}
_BY = {
    "code": "c.code_system_id = %(system)s AND c.code = %(code)s",
    "codes": "c.code_system_id = %(system)s AND c.code = ANY(%(codes)s)",
}
_EFFECTIVE = "{0}.valid_from <= %(as_of)s AND ({0}.valid_to IS NULL OR {0}.valid_to > %(as_of)s)"
_KNOWN_NOW = "{0}.known_to IS NULL"
# not "IS NULL OR", which would be looked up twice and then in the table
_KNOWN_THEN = "{0}.known_from <= %(known_at)s AND coalesce({0}.known_to, 'infinity') > %(known_at)s"


@cache
def statement(*, by: str, form: str = "now", target: bool = False) -> str:
    """``by``: one "code" or "codes" of a system, or the codes of one "golden" record in every system."""
    golden, facts, joins, published = _FORMS[form]
    known = _KNOWN_THEN if form == "then" else _KNOWN_NOW
    if by == "golden":
        return f"""
        SELECT c.code, c.uom, nullif(c.valid_from, '0001-01-01'), c.valid_to, c.code_system_id, c.preferred
        FROM mdm_crosswalk c WHERE c.golden_id = %(golden)s AND {_EFFECTIVE.format("c")} AND {known.format("c")}
        """  # noqa: S608 - as below
    there = f"""LEFT JOIN mdm_crosswalk t ON t.golden_id = {golden} AND t.code_system_id = %(to)s
    AND {_EFFECTIVE.format("t")} AND {known.format("t")}"""
    found = "t.code, t.uom, t.preferred" if target else "NULL, NULL, NULL"
    return f"""
    SELECT c.code, c.uom, nullif(c.valid_from, '0001-01-01'), c.valid_to, {golden}, {facts}, {found}
    FROM mdm_crosswalk c JOIN mdm_goldenrecord n ON n.id = c.golden_id {joins} {there if target else ""}
    WHERE {_BY[by]} AND {_EFFECTIVE.format("c")} AND {known.format("c")} AND {published}
    """  # noqa: S608 - put together from the parts above alone


@cache
def _record_statement(form: str) -> str:
    golden, facts, joins, published = _FORMS[form]
    there = "n.created_at <= %(known_at)s" if form == "then" else "true"
    return f"""
    SELECT {golden}, {facts}, n.domain FROM mdm_goldenrecord n {joins}
    WHERE n.public_id = %(public_id)s AND {published} AND {there}
    """  # noqa: S608 - as above


def of_codes(system: CodeSystem, target: CodeSystem | None, codes: Sequence[str], clocks: Clocks) -> list[Any]:
    """Rows in the order of ``Row``, as bare tuples."""
    query: dict[str, Any] = {"system": system.pk, "as_of": clocks.as_of, "to": target.pk if target else None}
    if len(codes) == 1:  # by itself, so that the server sees that one plan does for all
        return _read("code", query | {"code": codes[0]}, clocks)
    return _read("codes", query | {"codes": list(codes)}, clocks)


def of_id(public_id: str, known_at: dt.datetime | None) -> Record | None:
    """What an id means, or meant; None: no record that is, or was, published."""
    form = "survivor" if known_at is None else "then"
    rows = fetch(_record_statement(form), {"public_id": public_id, "known_at": known_at})
    return Record(*rows[0]) if rows else None


def of_golden(golden: int, clocks: Clocks) -> list[OwnCode]:
    """A record's own codes in every system."""
    query = {"golden": golden, "as_of": clocks.as_of, "known_at": clocks.known_at}
    form = "now" if clocks.known_at is None else "then"
    return [OwnCode(*row) for row in fetch(statement(by="golden", form=form), query)]


def _read(by: str, query: dict[str, Any], clocks: Clocks) -> list[Any]:
    target = query["to"] is not None
    if clocks.known_at is not None:
        return fetch(statement(by=by, form="then", target=target), query | {"known_at": clocks.known_at})
    rows = fetch(statement(by=by, target=target), query)
    if MERGED in {row[7] for row in rows}:
        return fetch(statement(by=by, form="survivor", target=target), query)
    return rows


def fetch(sql: str, query: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Rows of a statement that the server has prepared: planning these joins costs more than running them.

    A connection that broke while it was idle, or whose prepared statement a migration or a pooler took away, is opened
    anew, once, instead of being asked before every lookup whether it lives, which would be a second round trip.
    """
    try:
        return _fetch(sql, query)
    except (DatabaseError, InterfaceError) as error:
        broken = isinstance(error, OperationalError | InterfaceError)
        if connections[DEFAULT_DB_ALIAS].in_atomic_block or not (broken or _sqlstate(error) in UNPREPARED):
            raise
        connections[DEFAULT_DB_ALIAS].close()
        return _fetch(sql, query)


def _sqlstate(error: Exception) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)


def _fetch(sql: str, query: dict[str, Any]) -> list[tuple[Any, ...]]:
    database = connections[DEFAULT_DB_ALIAS]
    if database.in_atomic_block or database.queries_logged or database.execute_wrappers:
        with database.cursor() as cursor:  # it begins the transaction; somebody may count or watch statements
            cursor.execute(sql, query)
            return cursor.fetchall()
    database.ensure_connection()
    with database.wrap_database_errors:
        return prepared.fetch(database.connection, sql, query)
