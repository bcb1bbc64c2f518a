"""Fixtures for every test. PostgreSQL and Redis are real: the embedded ones unless the environment names others."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections

from mdm import embedded


@pytest.fixture(scope="session")
def servers() -> None:
    """PostgreSQL and Redis, running."""
    embedded.ensure()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: None) -> None:
    """Asked for before the test database is made, so the first test that needs one starts the servers.

    The database is named after the migrations and kept: it is made anew when they change (or with --create-db).
    """
    migrations = sorted(Path(settings.BASE_DIR).glob("*/migrations/*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in migrations)).hexdigest()[:10]
    connections["default"].settings_dict["TEST"]["NAME"] = f"test_concord_{digest}"
