"""A sandbox of real sockets, a target that points at it, and workers that are processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from sync import wakeups
from sync.models import Target
from sync.sandbox.launch import Sandbox
from tests.sync import kit
from tests.sync.conftest import peer, peers, target, woken

__all__ = ["peer", "peers", "target", "woken"]  # fixtures of those tests, for these
Worker = Callable[..., subprocess.Popen[bytes]]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def erp(transactional_db: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Target:
    """The sandbox's ERP, empty; leases are short, so that the lanes of a killed worker come due soon."""
    monkeypatch.setattr(wakeups, "wake", lambda target_id: True)
    sandbox.reset()
    found = sandbox.targets["erp"]
    target = kit.make_target(
        "erp", adapter=found["adapter"], config=found["config"], batch_size=20, lease_seconds=3, pace=0.02
    )
    target.secrets = found["secrets"]
    target.save()
    return target


@pytest.fixture
def worker() -> Iterator[Worker]:
    """Start ``manage.py deliver --until-idle`` on this test's database, or a script that dies where told."""
    database = connection.settings_dict
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    environment = {
        **os.environ,
        "DATABASE_URL": make_conninfo(**{k: database[v] for k, v in names.items() if database[v]}),
        "REDIS_URL": settings.REDIS_URL,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
    }
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        command = arguments or ("manage.py", "deliver", "--until-idle", "--seconds", "60")
        started.append(subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
