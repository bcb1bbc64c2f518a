"""Fixtures for every test. PostgreSQL and Redis are real: the embedded ones unless the environment names others."""

from __future__ import annotations

import pytest

from mdm import embedded


@pytest.fixture(scope="session")
def servers() -> None:
    """PostgreSQL and Redis, running."""
    embedded.ensure()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: None) -> None:
    """Asked for before the test database is made: the first test that needs one starts the servers."""
