"""Statements that the server has prepared, run with as little in between as there can be.

Where a lookup's statement takes PostgreSQL 40 µs, psycopg's cursor takes as much again, and half as much for a list of
a thousand codes: it looks anew at every parameter's type and at how to wait. Here parameters go as text, whose type the
server knows from where they stand, and libpq waits. Rows are read by psycopg, with the connection's own adapters.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from psycopg import Connection, OperationalError, errors
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus

Row = tuple[Any, ...]

_numbers = count(1)


class _Statement(NamedTuple):
    name: bytes  # on the server
    text: bytes  # with $1, $2 …
    parameters: tuple[str, ...]


_known: WeakKeyDictionary[Connection[Any], set[bytes]] = WeakKeyDictionary()


def fetch(connection: Connection[Any], sql: str, query: Mapping[str, Any]) -> list[Row]:
    """Rows of a statement with parameters as ``%(name)s``: texts, whole numbers, dates, and lists of them.

    The connection must be in autocommit: outside of it psycopg begins the transaction itself, with its own cursors.
    """
    statement = _statement(sql)
    prepared = _known.setdefault(connection, set())
    with connection.lock:
        if statement.name not in prepared:
            _checked(connection, connection.pgconn.prepare(statement.name, statement.text))
            prepared.add(statement.name)
        values: list[Any] = [written(query[name]) for name in statement.parameters]
        result = _checked(connection, connection.pgconn.exec_prepared(statement.name, values))
    reader = Transformer(connection)
    reader.set_pgresult(result)
    rows: list[Row] = reader.load_rows(0, result.ntuples, tuple)
    return rows


@cache
def _statement(sql: str) -> _Statement:
    names: dict[str, int] = {}
    text = re.sub(r"%\((\w+)\)s", lambda found: f"${names.setdefault(found[1], len(names) + 1)}", sql)
    return _Statement(b"concord_%d" % next(_numbers), text.encode(), tuple(names))


def _checked(connection: Connection[Any], result: Any) -> Any:
    if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        if connection.pgconn.status != ConnStatus.OK:
            raise OperationalError(result.get_error_message())
        raise errors.error_from_result(result)
    return result


def written(value: Any) -> bytes | None:
    """A parameter as PostgreSQL reads it."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dt.date):  # and instants
        return value.isoformat().encode()
    return _list(value) if isinstance(value, list) else b"%d" % value


def _list(values: Sequence[Any]) -> bytes:
    """As an array. NUL, which no text of PostgreSQL holds, stands between them until the others' quotes are escaped."""
    if not values:
        return b"{}"
    if not isinstance(values[0], str):
        return f"{{{','.join(map(str, values))}}}".encode()
    text = "\0".join(values)
    if text.count("\0") != len(values) - 1:
        raise ValueError("A text holds NUL.")
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
    return f'{{"{text}"}}'.encode()
