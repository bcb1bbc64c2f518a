"""The command line, where what it needs is away or wrong: a sentence, an exit status, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.db import OperationalError, ProgrammingError
from psycopg.errors import SyntaxError, UndefinedColumn, UndefinedTable

from manage import remedy_of
from mdm.embedded import BASE_DIR

AWAY = {
    "DATABASE_URL": "postgresql://x:y@127.0.0.1:1/z",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "DJANGO_SETTINGS_MODULE": "mdm.settings",  # not those of the tests
}


def manage(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *command], cwd=BASE_DIR, env=os.environ | AWAY | env,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_without_a_database_it_is_said_what_to_do() -> None:
    done = manage("setup_roles")
    said, remedy = done.stderr.strip().splitlines()
    assert done.returncode == 1
    assert "Connection refused" in said
    assert remedy == "Start PostgreSQL, or correct DATABASE_URL; `manage.py doctor` says what is wrong."


def test_a_setting_that_makes_no_sense_is_said_in_a_sentence() -> None:
    done = manage("setup_roles", SESSION_HOURS="ten")
    assert (done.returncode, done.stderr) == (1, "SESSION_HOURS is 'ten'; write a whole number from 1 on.\n")


def test_a_python_without_the_packages_is_said_with_the_remedy() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-E", "manage.py", "doctor"], cwd=BASE_DIR, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.endswith("`make .venv/runtime` makes a .venv that has them.\n")


@pytest.mark.parametrize(
    ("error", "cause", "remedy"),
    [
        (OperationalError("too many connections"), None, "Start PostgreSQL"),
        (ProgrammingError("no such table"), UndefinedTable(), "`manage.py migrate`"),
        (ProgrammingError("no such column"), UndefinedColumn(), "`manage.py migrate`"),
        (ProgrammingError("a mistake of ours"), SyntaxError(), ""),
    ],
)
def test_only_what_somebody_can_mend_has_a_remedy(error: Exception, cause: Exception | None, remedy: str) -> None:
    error.__cause__ = cause
    assert remedy in remedy_of(error)
    assert bool(remedy_of(error)) == bool(remedy)
