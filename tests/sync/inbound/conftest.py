"""Real files in a directory of the test's own, sent by a system that exists."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest_django.fixtures import Settings

from mdm.models import User
from sync.inbound import tasks
from tests.sync.inbound.kit import Sender


@pytest.fixture(autouse=True)
def store(settings: Settings, tmp_path: Path) -> Path:
    """Where raw files are kept."""
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The runs that workers were woken for; no worker of somebody else takes part."""
    calls: list[int] = []

    def delay(run_id: int) -> SimpleNamespace:
        calls.append(run_id)
        return SimpleNamespace(id=f"task-{run_id}")

    monkeypatch.setattr(tasks.import_feed, "delay", delay)
    return calls


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sources that workers were woken for."""
    calls: list[int] = []
    monkeypatch.setattr(tasks.take_messages, "delay", calls.append)
    return calls


@pytest.fixture
def erp(db: None, woken: list[int]) -> Sender:
    """A system that sends cost centers."""
    return Sender("erp", "cost_center", User.objects.system())
