"""Statements that the server has prepared: the same rows as through a cursor, whatever the parameters are."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from mdm import lookup_rows, prepared

ECHO = "SELECT %(a)s::text, %(b)s::bigint, %(c)s::date, %(d)s::timestamptz, %(a)s::text"
LIST = "SELECT t, n FROM unnest(%(texts)s::text[], %(numbers)s::bigint[]) AS a(t, n)"
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def raw(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        connection.ensure_connection()
        with psycopg.connect(connection.connection.info.dsn, autocommit=True) as made:
            yield made


def test_every_kind_of_parameter_comes_back_as_it_was(raw):
    now = dt.datetime(2026, 5, 3, 14, 0, tzinfo=dt.UTC)
    (row,) = prepared.fetch(raw, ECHO, {"a": "ä%'\\", "b": -7, "c": now.date(), "d": now, "unused": 1})
    assert row == ("ä%'\\", -7, now.date(), now, "ä%'\\")
    (row,) = prepared.fetch(raw, ECHO, dict.fromkeys("abcd"))
    assert row == (None,) * 5


@settings(max_examples=60)
@given(st.lists(TEXTS, max_size=20))
def test_a_list_of_any_texts_comes_back_as_it_was(raw, texts):
    rows = prepared.fetch(raw, LIST, {"texts": texts, "numbers": list(range(len(texts)))})
    assert rows == list(zip(texts, range(len(texts)), strict=True))


def test_a_text_with_nul_never_becomes_two():
    with pytest.raises(ValueError, match="NUL"):
        prepared.written(["a\0b"])


def test_an_error_is_the_servers_own_and_the_connection_goes_on(raw):
    with pytest.raises(psycopg.errors.DivisionByZero):
        prepared.fetch(raw, "SELECT 1 / %(a)s::int", {"a": 0})
    with pytest.raises(psycopg.errors.UndefinedTable):
        prepared.fetch(raw, "SELECT * FROM nothing_of_this_name", {})
    assert prepared.fetch(raw, "SELECT 1 / %(a)s::int", {"a": 1}) == [(1,)]


def test_a_lost_connection_is_told_from_a_wrong_statement(raw):
    with psycopg.connect(raw.info.dsn, autocommit=True) as made:
        raw.execute("SELECT pg_terminate_backend(%s)", [made.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            prepared.fetch(made, "SELECT 1", {})


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_a_pooler_or_a_migration_took_away_is_prepared_anew():
    one = "SELECT name FROM mdm_sourcesystem WHERE code = %(code)s"
    assert lookup_rows.fetch(one, {"code": "none"}) == []
    _execute("DEALLOCATE ALL")
    assert lookup_rows.fetch(one, {"code": "none"}) == []
    _execute("ALTER TABLE mdm_sourcesystem ALTER name TYPE text")
    try:
        assert lookup_rows.fetch(one, {"code": "none"}) == []
    finally:
        _execute("ALTER TABLE mdm_sourcesystem ALTER name TYPE varchar(120)")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
