"""Statements that the server keeps prepared, in a transaction or not: planning them takes longer than running them.

Values come in PostgreSQL's binary format, which is read in a fraction of the time. Lookups have ``mdm.prepared``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection


def rows(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement; within the transaction, if there is one. Parameters need casts where types differ."""
    if connection.queries_logged or connection.execute_wrappers:  # somebody counts or watches statements
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall()
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as raw:
        return raw.execute(sql, parameters, prepare=True, binary=True).fetchall()
