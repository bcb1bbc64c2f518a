"""Browsers of people with each role. ``HX`` asks for a fragment, as htmx does."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.mdm import kit

HX = {"HX-Request": "true"}


def browser(*roles: str) -> Client:
    client = Client()
    client.force_login(kit.person("-".join(roles), *roles), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def steward(db) -> Client:
    client = Client()
    client.force_login(kit.steward(), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def approver(db) -> Client:
    client = Client()
    client.force_login(kit.approver(), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def viewer(db) -> Client:
    return browser("viewer")


@pytest.fixture
def everything(db) -> Client:
    """Somebody who may do all."""
    return browser("steward", "approver", "administrator")
