"""Many rows in a few statements: COPY to insert, COPY and one UPDATE to change. In the current transaction.

Measured on two cores: COPY 183k rows/s, ``bulk_create`` 25k/s, one ``save()`` at a time 250/s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

import orjson
from django.db import connection, models
from psycopg import sql
from psycopg.types.json import Jsonb

T = TypeVar("T")
M = TypeVar("M", bound=models.Model)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of up to ``size``; itertools has it from Python 3.12 on."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into a table."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def next_values(sequence: str, count: int) -> list[int]:
    """That many numbers of a sequence."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s::regclass) FROM generate_series(1, %s)", [sequence, count])
        return [row[0] for row in cursor.fetchall()]


def give_ids(rows: Sequence[models.Model]) -> None:
    """Take primary keys from the table's sequence, so that rows can be referred to before they are written."""
    if rows:
        table = rows[0]._meta.db_table
        for row, pk in zip(rows, next_values(f"{table}_id_seq", len(rows)), strict=True):
            row.pk = pk


def columns(fields: Iterable[models.Field[Any, Any]]) -> list[str]:
    return [str(field.column) for field in fields]


Adapt = Callable[[Any], Any]


def _jsonb(value: Any) -> Any:
    return None if value is None else Jsonb(value, dumps=orjson.dumps)


@cache
def _adapters(fields: tuple[models.Field[Any, Any], ...]) -> tuple[tuple[str, Adapt | None], ...]:
    """Attribute of each field and what makes its value one that the driver takes; None where it does as it is."""
    return tuple((f.attname, _jsonb if isinstance(f, models.JSONField) else None) for f in fields)


def prepared(fields: tuple[models.Field[Any, Any], ...], row: models.Model) -> list[Any]:
    """The values of these fields as the database driver takes them."""
    return [getattr(row, name) if adapt is None else adapt(getattr(row, name)) for name, adapt in _adapters(fields)]


def insert(rows: Sequence[M]) -> None:
    """Insert new rows. Keys that are unset are given by the database and stay unknown here."""
    if not rows:
        return
    meta = rows[0]._meta
    fields = tuple(f for f in meta.concrete_fields if not (f.primary_key and rows[0].pk is None))
    for f in fields:
        if getattr(f, "auto_now_add", False) or getattr(f, "auto_now", False):
            for row in rows:
                f.pre_save(row, add=True)
    copy_rows(meta.db_table, columns(fields), (prepared(fields, row) for row in rows))


UPDATE = "UPDATE {table} t SET {sets} FROM {stage} s WHERE t.{key} = s.{key}"
UPSERT = "INSERT INTO {table} ({columns}) SELECT {columns} FROM {stage} ON CONFLICT ({unique}) DO UPDATE SET {excluded}"


def update(rows: Sequence[M]) -> None:
    """Write all columns of existing rows, by primary key."""
    by_stage(rows, [UPDATE], keyed=True)


def upsert(rows: Sequence[M], *, unique: Sequence[str]) -> None:
    """Insert rows without keys, or change those that stand under the same values of the unique fields."""
    by_stage(rows, [UPSERT], unique=unique)


def by_stage(rows: Sequence[M], statements: Iterable[str], *, keyed: bool = False, unique: Sequence[str] = ()) -> None:
    """COPY rows into a temporary table of this session, then run the statements, which take them from there.

    They may name ``{table}``, ``{stage}``, ``{columns}``, and what UPDATE and UPSERT above name. ``keyed``: the rows
    have primary keys, which are among the columns.
    """
    if not rows:
        return
    meta = rows[0]._meta
    fields = tuple(f for f in meta.concrete_fields if keyed or not f.primary_key)
    own = columns(f for f in fields if not f.primary_key and f.name not in unique)
    parts = {
        "stage": sql.Identifier(f"stage_{meta.db_table}"),
        "table": sql.Identifier(meta.db_table),
        "key": sql.Identifier(*columns([meta.pk])),
        "columns": sql.SQL(", ").join(map(sql.Identifier, columns(fields))),
        "unique": sql.SQL(", ").join(map(sql.Identifier, columns(f for f in fields if f.name in unique))),
        "sets": sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(sql.Identifier(c)) for c in own),
        "excluded": sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(c)) for c in own),
    }
    make = "CREATE TEMP TABLE IF NOT EXISTS {stage} AS SELECT * FROM {table} WITH NO DATA"
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(make).format(**parts))
        copy_rows(f"stage_{meta.db_table}", columns(fields), (prepared(fields, row) for row in rows))
        for statement in (*statements, "DELETE FROM {stage}"):
            cursor.execute(sql.SQL(statement).format(**parts))
