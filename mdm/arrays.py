"""Tables of numbers between PostgreSQL and NumPy, without a Python object per value: by COPY in its binary format.

The format (PostgreSQL's manual, "COPY", "Binary Format"): a header, per row the number of its fields and per field its
length and big-endian value, a trailer. Rows of fields that are never NULL all have the same size.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
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


def read(query: str, parameters: Sequence[Any], *types: Any) -> list[Array]:
    """The columns of a query's result, of these types, which must be PostgreSQL's: int8, int4, float8 or bool."""
    kinds = [np.dtype(kind) for kind in types]
    layout = _layout(kinds)
    with connection.cursor() as cursor, connection.wrap_database_errors:
        with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)", parameters) as copy:
            content = b"".join(bytes(block) for block in copy)
    rows = np.frombuffer(content, dtype=layout, offset=len(_HEADER), count=(len(content) - 21) // layout.itemsize)
    return [rows[f"value{place}"].astype(kind) for place, kind in enumerate(kinds)]


def packed(**arrays: Array) -> bytes:
    """Arrays by name as one value, to be stored."""
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def unpacked(content: bytes) -> dict[str, Array]:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)
