"""Browsers, and files that stay in the test's own directory."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from sync.inbound import tasks
from tests.mdm import kit


def browser(name: str, *roles: str) -> Client:
    client = Client()
    client.force_login(kit.person(name, *roles), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def steward(db: None) -> Client:
    return browser("steward", "steward")


@pytest.fixture
def viewer(db: None) -> Client:
    return browser("viewer", "viewer")


@pytest.fixture(autouse=True)
def store(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture(autouse=True)
def queued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The imports that workers were woken for; no worker of somebody else takes part."""
    calls: list[int] = []

    def delay(run_id: int) -> SimpleNamespace:
        calls.append(run_id)
        return SimpleNamespace(id="")

    monkeypatch.setattr(tasks.import_feed, "delay", delay)
    return calls
