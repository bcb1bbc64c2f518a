"""Concord's own system checks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.conf import settings

from mdm.celery import app
from mdm.checks import check_task_times


@pytest.fixture
def slow_task() -> Iterator[None]:
    @app.task(name="tests.slow", time_limit=3600)
    def slow() -> None: ...

    yield
    app.tasks.pop("tests.slow")


def test_our_own_tasks_end_before_the_broker_gives_them_to_another_worker() -> None:
    assert check_task_times(None) == []


@pytest.mark.usefixtures("slow_task")
def test_a_task_that_outlives_the_brokers_patience_is_an_error() -> None:
    (found,) = check_task_times(None)
    assert found.id == "concord.E001"
    assert "tests.slow may take 3600 s" in found.msg


def test_the_production_defaults_pass_the_deployment_checks(environment: dict[str, str]) -> None:
    env = {**os.environ, **environment, "CONCORD_HTTPS": ""}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
