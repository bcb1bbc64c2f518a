"""Numbers to and from PostgreSQL, as they are."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from mdm import arrays
from mdm.models import MatchKey

pytestmark = pytest.mark.django_db

LARGEST = 2**63 - 1


def test_what_is_written_is_read_back() -> None:
    keys, sources = np.array([-LARGEST - 1, 0, LARGEST]), np.array([3, 1, 2])
    arrays.write("mdm_matchkey", {"key": keys, "source_id": sources})
    assert sorted(MatchKey.objects.values_list("key", "source_id")) == sorted(zip(keys, sources, strict=True))
    query = "SELECT key, source_id FROM mdm_matchkey WHERE key >= %s ORDER BY key"
    read = arrays.read(query, [0], key="int8", source_id="int8")
    assert [column.tolist() for column in read] == [[0, LARGEST], [1, 2]]


def test_columns_of_every_kind_come_as_what_they_are() -> None:
    query = "SELECT 7 AS a, 2.5::float8 AS b, true AS c, 9::bigint AS d"
    a, b, c, d = arrays.read(query, [], a="int4", b="float8", c="bool", d="int8")
    assert (a.dtype, b.dtype, c.dtype, d.dtype) == ("int32", "float64", "bool", "int64")
    assert (a[0], b[0], bool(c[0]), d[0]) == (7, 2.5, True, 9)


def test_nothing_is_nothing() -> None:
    arrays.write("mdm_matchkey", {"key": np.empty(0, dtype=np.int64), "source_id": np.empty(0, dtype=np.int64)})
    assert [len(c) for c in arrays.read("SELECT key FROM mdm_matchkey", [], key="int8")] == [0]


@given(st.lists(st.integers(-LARGEST - 1, LARGEST)), st.lists(st.floats(allow_nan=False)))
def test_arrays_come_out_of_their_package_as_they_went_in(whole: list[int], parts: list[float]) -> None:
    put = {"whole": np.array(whole, dtype=np.int64), "parts": np.array(parts, dtype=np.float64)}
    out = arrays.unpacked(arrays.packed(**put))
    assert {name: values.tolist() for name, values in out.items()} == {"whole": whole, "parts": parts}


@pytest.mark.parametrize("values", [[], [""], ["a", 'say "x"', "back\\slash", "{,}", " ", "NULL", "é\n"]])
def test_texts_come_back_as_they_went(db: None, values: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::text[]", [arrays.texts(values)])
        assert cursor.fetchone()[0] == values


@pytest.mark.parametrize("values", [[], [1], [-(2**63), 2**63 - 1], [0.1, None, -1e-300]])
def test_numbers_come_back_as_they_went(db: None, values: list[float | None]) -> None:
    kind = "float8" if None in values else "bigint"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [arrays.numbers(values)])
        assert cursor.fetchone()[0] == values
