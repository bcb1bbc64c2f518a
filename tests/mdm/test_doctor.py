"""The doctor finds what was broken on purpose, and says how to mend it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import override_settings

from mdm import doctor, embedded, heartbeat
from mdm.doctor import State

Usage = namedtuple("Usage", "total used free")


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "doctor", *arguments]
    return subprocess.run(command, cwd=settings.BASE_DIR, env={**os.environ, **env}, capture_output=True, text=True)


@pytest.mark.django_db(transaction=True)
def test_it_names_what_is_broken_with_a_remedy_and_fails(environment: dict[str, str]) -> None:
    done = run("--json", **{**environment, "REDIS_URL": "redis://127.0.0.1:1/0"})

    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 1
    assert findings["database"]["state"] == "ok"
    assert findings["migrations"]["state"] == "ok"
    assert findings["redis"]["state"] == "error"
    assert "REDIS_URL" in findings["redis"]["remedy"]
    assert "worker" not in findings  # no use in looking further where there is no broker
    assert all(finding["remedy"] for finding in findings.values() if finding["state"] != "ok")


def test_it_works_where_nothing_else_does(tmp_path: Path) -> None:
    nowhere = {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = run(CONCORD_VAR=str(tmp_path), **nowhere)

    assert done.returncode == 1
    assert "✗ database" in done.stdout
    assert "→ Start PostgreSQL, or correct DATABASE_URL" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.django_db
def test_every_check_of_the_database_is_content_with_ours() -> None:
    checks = (doctor.database, doctor.database_server, doctor.extensions, doctor.migrations, doctor.clock)
    assert [check().state for check in checks] == [State.OK] * 5


@pytest.mark.django_db
def test_an_unapplied_migration_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    found = doctor.migrations()
    assert (found.state, found.remedy) == (State.ERROR, "manage.py migrate")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("off", "state"), [(0, State.OK), (10, State.WARNING), (120, State.ERROR), (-120, State.ERROR)]
)
def test_a_clock_that_differs_from_the_databases_is_noticed(
    monkeypatch: pytest.MonkeyPatch, off: float, state: State
) -> None:
    real = doctor.time.time
    monkeypatch.setattr(doctor.time, "time", lambda: real() + off)
    assert doctor.clock().state is state


@pytest.mark.parametrize(("free", "state"), [(100, State.OK), (1, State.WARNING), (0.1, State.ERROR)])
def test_a_disk_is_called_full_before_it_is(monkeypatch: pytest.MonkeyPatch, free: float, state: State) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, int(free * doctor.GIB)))
    assert doctor.disk().state is state


@pytest.mark.usefixtures("servers")
def test_a_redis_that_evicts_is_an_error() -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            assert doctor.eviction().state is State.ERROR
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert doctor.eviction().state is State.OK


@pytest.mark.usefixtures("servers")
def test_a_heartbeat_is_believed_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.delete(heartbeat.KEY)
    assert doctor.beat().state is State.ERROR
    heartbeat.beat()
    assert doctor.beat().state is State.OK
    real = heartbeat.time.time
    monkeypatch.setattr(heartbeat.time, "time", lambda: real() + heartbeat.STALE + 1)
    assert doctor.beat().state is State.ERROR


def test_a_secret_that_others_can_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "API_KEY_PEPPER"):
        monkeypatch.delenv(name, raising=False)
        (tmp_path / name.lower()).write_text("made up")
        (tmp_path / name.lower()).chmod(0o600)
    with override_settings(VAR_DIR=tmp_path):
        assert doctor.secrets().state is State.OK
        (tmp_path / "secret_key").chmod(0o644)
        found = doctor.secrets()
    assert found.state is State.ERROR
    assert found.remedy == f"chmod 600 {tmp_path}/secret_key"


def test_secrets_of_one_machine_alone_are_no_good_with_a_shared_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SECRET_KEY", "API_KEY_PEPPER"):
        monkeypatch.delenv(name, raising=False)
        (tmp_path / name.lower()).touch(0o600)
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example.test/concord")
    with override_settings(VAR_DIR=tmp_path):
        assert doctor.secrets().state is State.WARNING


def test_a_version_other_than_the_locked_one_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.metadata.version
    monkeypatch.setattr(doctor.metadata, "version", lambda name: "0.0.1" if name == "django" else real(name))
    assert "django 0.0.1" in doctor.packages().detail


@override_settings(DEBUG=True)
def test_debug_is_a_warning() -> None:
    assert doctor.security().state is State.WARNING


def test_embedded_servers_that_do_not_start_are_told_with_their_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise embedded.EmbeddedError("The embedded postgres did not start: no space left")

    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(embedded, "ensure", fail)
    found = doctor.embedded_servers()
    assert found
    assert (found.state, "no space left" in found.detail) == (State.ERROR, True)


def test_a_target_that_does_not_answer_is_named() -> None:
    from sync.doctor import _check
    from sync.models import Target

    found = _check(Target(pk=1, code="erp", adapter="none", config={}))
    assert (found.name, found.state) == ("target erp", State.ERROR)
    assert "Unknown adapter none" in found.detail
