"""Many values between PostgreSQL and Python: tables of numbers as NumPy has them, without a Python object per value,
by COPY in its binary format; lists as one text each.

The format (PostgreSQL's manual, "COPY", "Binary Format"): a header, per row the number of its fields and per field its
length and big-endian value, a trailer. Rows of fields that are never NULL all have the same size.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

Array = NDArray[Any]

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_BLOCK = 65_536  # rows sent at once


def _layout(types: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """How a row of these types is written."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for place, kind in enumerate(types):
        fields += [(f"size{place}", ">i4"), (f"value{place}", kind.newbyteorder(">").str)]
    return np.dtype(fields)


def write(table: str, columns: Mapping[str, Array]) -> None:
    """Append rows to a table, a column of integers, floats or booleans per name. Nothing else may have to be stated."""
    arrays = list(columns.values())
    layout = _layout([array.dtype for array in arrays])
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(table), names)
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.write(_HEADER)
        for start in range(0, len(arrays[0]), _BLOCK):
            part = [array[start : start + _BLOCK] for array in arrays]
            rows = np.empty(len(part[0]), dtype=layout)
            rows["fields"] = len(part)
            for place, values in enumerate(part):
                rows[f"size{place}"], rows[f"value{place}"] = values.dtype.itemsize, values
            copy.write(rows.tobytes())
        copy.write(_TRAILER)


def read(query: str, parameters: Sequence[Any], **columns: str) -> list[Array]:
    """Columns of a query's result, by name, of types int8, int4, float8 or bool; none may be NULL.

    They come as one value: COPY would give a Python object per row.
    """
    layout = np.dtype([(name, _TYPES[kind]) for name, kind in columns.items()])
    row = " || ".join(f"{kind}send({name})" for name, kind in columns.items())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(string_agg({row}, ''), '') FROM ({query}) AS q", parameters)  # noqa: S608
        rows = np.frombuffer(bytes(cursor.fetchone()[0]), dtype=layout)
    return [rows[name].astype(rows[name].dtype.newbyteorder("=")) for name in columns]


_TYPES = {"int8": ">i8", "int4": ">i4", "float8": ">f8", "bool": "?"}


def numbers(values: Iterable[float | None]) -> str:
    """An array of numbers as PostgreSQL reads it: "{1,2,NULL}". The driver looks at each value by itself, which takes
    four times as long.
    """
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def texts(values: Iterable[str]) -> str:
    """An array of texts as PostgreSQL reads it: '{"a","b"}'."""
    values = list(values)
    whole = "\0".join(values)  # which no text in PostgreSQL contains
    if '"' in whole or "\\" in whole:
        whole = whole.replace("\\", "\\\\").replace('"', '\\"')
    return '{"' + whole.replace("\0", '","') + '"}' if values else "{}"


def packed(**arrays: Array) -> bytes:
    """Arrays by name as one value, to be stored."""
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def unpacked(content: bytes) -> dict[str, Array]:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)
