from __future__ import annotations

import pytest
from django.test import Client

from mdm import auth, permissions
from mdm.models import User
from tests.mdm.api import world


@pytest.fixture(autouse=True)
def no_keys_remembered():
    auth.forget()


@pytest.fixture
def interface(db: None) -> User:
    """The user of an interface engine."""
    return world.user("erp-interface", "integration")


@pytest.fixture
def viewer(db: None) -> User:
    return world.user("vera", "viewer")


@pytest.fixture
def steward(db: None) -> User:
    return world.user("maria", "steward")


@pytest.fixture
def api(viewer: User) -> Client:
    """An API key that may see and look up."""
    return world.machine(viewer, permissions.VIEW, permissions.LOOKUP)
