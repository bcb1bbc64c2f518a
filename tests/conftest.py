"""Fixtures for every test. PostgreSQL and Redis are real: the embedded ones unless the environment names others."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.test import TransactionTestCase
from hypothesis import settings as examples
from psycopg.conninfo import make_conninfo

from mdm import embedded, env
from tests import emptying

examples.register_profile("concord", deadline=None)  # how long an example takes on a busy machine tells nothing
examples.load_profile("concord")

MOST = 8  # processes, each with a PostgreSQL of some 300 MB


def pytest_xdist_auto_num_workers() -> int:
    """For ``-n auto``: a process a core, and a single one where the environment names servers, which it needs alone."""
    if env.text("DATABASE_URL") or env.text("REDIS_URL"):
        return 1
    return min(os.cpu_count() or 1, MOST)


@pytest.fixture(scope="session")
def servers() -> None:
    """PostgreSQL and Redis, running. Nobody waits for the disk of ours."""
    embedded.ensure()
    if not env.text("DATABASE_URL"):
        with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_commit = off")
            connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: None) -> None:
    """Asked for before the test database is made, so the first test that needs one starts the servers.

    The database is named after the migrations and the apps and is kept: it is made anew when they change (or with
    --create-db).
    """
    migrations = sorted(Path(settings.BASE_DIR).glob("*/migrations/*.py"))
    apps = ",".join(settings.INSTALLED_APPS).encode()  # those of others have tables, too
    digest = hashlib.sha256(b"".join([apps, *(path.read_bytes() for path in migrations)])).hexdigest()[:10]
    connections["default"].settings_dict["TEST"]["NAME"] = f"test_concord_{digest}"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.DjangoDbBlocker) -> Iterator[None]:
    """The test database, emptied without waste. There is none when no test asks for one."""
    with pytest.MonkeyPatch.context() as patch:
        if connections["default"].settings_dict["NAME"].startswith("test_"):
            with django_db_blocker.unblock():
                emptied = emptying.cheaply(TransactionTestCase._fixture_teardown)
            patch.setattr(TransactionTestCase, "_fixture_teardown", emptied)
        yield


@pytest.fixture
def environment(servers: None) -> dict[str, str]:
    """For processes that a test starts: the environment in which they use the test's database and Redis."""
    database = connections["default"].settings_dict
    parts = {"dbname": database["NAME"], "user": database["USER"], "password": database["PASSWORD"]}
    place = {"host": database["HOST"], "port": database["PORT"]}
    conninfo = make_conninfo(**{key: value for key, value in {**parts, **place}.items() if value})
    return {
        "CONCORD_HTTPS": "0",
        "DATABASE_URL": conninfo,
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "API_KEY_PEPPER": settings.API_KEY_PEPPER,
    }
