"""A clock that stands still until a test moves it: for PostgreSQL's functions of this session, and for Django's."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.utils import timezone

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NAMES = ("clock_timestamp", "statement_timestamp", "now")


class Clock:
    """Functions of a schema that is searched before PostgreSQL's own; the transaction's end takes them away again."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = START
        patch.setattr(timezone, "now", lambda: self.now)
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA clock")
            for name in NAMES:
                cursor.execute(
                    f"CREATE FUNCTION clock.{name}() RETURNS timestamptz LANGUAGE sql STABLE "
                    "AS $$ SELECT current_setting('clock.now')::timestamptz $$"
                )
            cursor.execute("SET LOCAL search_path = clock, pg_catalog, public")
        self.set(START)

    def set(self, moment: dt.datetime) -> None:
        self.now = moment
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('clock.now', %s, false)", [moment.isoformat()])

    def forward(self, seconds: float) -> None:
        self.set(self.now + dt.timedelta(seconds=seconds))
