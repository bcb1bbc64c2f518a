"""What is wrong with this installation, and how to mend it. `manage.py doctor` prints it.

A check returns findings; it never raises for what it looks for. A finding that is not fine carries a remedy.
"""

from __future__ import annotations

import platform
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import DatabaseError, connection

from mdm import embedded, env, health, heartbeat

GIB = 1024**3
EXTENSIONS = ("btree_gist", "pg_trgm")
OLDEST_POSTGRES = 15
STYLESHEET = "css/app.css"

_added: list[Callable[[], Iterable[Finding]]] = []


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    state: State
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def ok(name: str, detail: str) -> Finding:
    return Finding(name, State.OK, detail)


def warning(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, State.WARNING, detail, remedy)


def error(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, State.ERROR, detail, remedy)


def also(check: Callable[[], Iterable[Finding]]) -> None:
    """Have the doctor make a check of another app's, after its own."""
    _added.append(check)


def examine() -> Iterator[Finding]:
    """Every finding, one check after the other; what builds on a broken part is left out."""
    yield from _each(python, packages, secrets, security, disk, static_files)
    servers = list(_each(embedded_servers, database))
    yield from servers
    if not any(finding.state is State.ERROR for finding in servers):
        yield from _each(database_server, extensions, migrations, clock)
    brokers = broker()
    yield brokers
    if brokers.state is not State.ERROR:
        yield from _each(eviction, workers, beat)
    for check in _added:
        yield from check()


def _each(*checks: Callable[[], Finding | None]) -> Iterator[Finding]:
    yield from (finding for check in checks if (finding := check()))


# ------------------------------------------------------------------------------------------------- this installation
def python() -> Finding:
    return ok("python", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")


def packages() -> Finding:
    """Installed versions against the lock: a difference is an upgrade that nobody tested."""
    lock = (settings.BASE_DIR / "requirements" / "lock.txt").read_text()
    locked: dict[str, set[str]] = {}  # a package may be locked to one version for each range of Pythons
    for name, version in re.findall(r"^([a-z0-9.-]+)==([^\s;]+)", lock, re.MULTILINE):
        locked.setdefault(name, set()).add(version)
    if different := [f"{name} {have}" for name, have in _installed(locked) if have not in locked[name]]:
        remedy = "pip install --require-hashes -r requirements/lock.txt"
        return warning("packages", f"Not as locked: {', '.join(different)}", remedy)
    return ok("packages", f"{len(locked)} as locked")


def _installed(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        with suppress(metadata.PackageNotFoundError):  # for another platform; or missing, then an import has said so
            yield name, metadata.version(name)


def secrets() -> Finding:
    names = ("SECRET_KEY", "API_KEY_PEPPER")
    kept = [name for name in names if not env.text(name)]
    if readable := [path for name in kept if stat.S_IMODE((path := _secret_file(name)).stat().st_mode) & 0o077]:
        paths = " ".join(map(str, readable))
        return error("secrets", f"Others can read {paths}", f"chmod 600 {paths}")
    if kept and env.text("DATABASE_URL"):
        return warning(
            "secrets",
            f"{' and '.join(kept)} generated on this machine alone",
            f"Set {' and '.join(kept)} in the environment, the same for every process and kept with the backups",
        )
    return ok("secrets", f"{' and '.join(kept)} kept in {settings.VAR_DIR}" if kept else "from the environment")


def _secret_file(name: str) -> Path:
    path: Path = settings.VAR_DIR / name.lower()
    return path


def security() -> Finding:
    if settings.DEBUG:
        return warning("security", "DEBUG is on: errors show settings and source", "Unset DEBUG")
    if not settings.HTTPS:
        return warning("security", "Served on plain HTTP", "Unset CONCORD_HTTPS wherever others reach this server")
    return ok("security", "HTTPS only, secure cookies, HSTS")


def disk() -> Finding:
    free = shutil.disk_usage(settings.VAR_DIR).free
    detail = f"{free / GIB:.1f} GiB free at {settings.VAR_DIR}"
    remedy = "Free some space, or move the directory and set CONCORD_VAR"
    if free < GIB / 4:
        return error("disk", detail, remedy)
    return warning("disk", detail, remedy) if free < 2 * GIB else ok("disk", detail)


def static_files() -> Finding:
    if settings.STATIC_ROOT:
        found = Path(settings.STATIC_ROOT, "staticfiles.json").exists()
        remedy = "manage.py collectstatic --noinput"
    else:
        found, remedy = bool(finders.find(STYLESHEET)), f"Restore static/{STYLESHEET} from the repository"
    return ok("static files", "found") if found else error("static files", "The stylesheet is missing", remedy)


# -------------------------------------------------------------------------------------------------------- the database
def embedded_servers() -> Finding | None:
    if env.text("DATABASE_URL") and env.text("REDIS_URL"):
        return None
    try:
        embedded.ensure()
    except embedded.EmbeddedError as failure:
        return error("embedded servers", str(failure), "Mend what it names, or set DATABASE_URL and REDIS_URL")
    return ok("embedded servers", f"run under {settings.VAR_DIR}; for production set DATABASE_URL and REDIS_URL")


def database() -> Finding:
    try:
        connection.ensure_connection()
    except DatabaseError as failure:
        reason = str(failure).strip().splitlines()[0]
        return error("database", reason, "Start PostgreSQL, or correct DATABASE_URL")
    return ok("database", "answers")


def database_server() -> Finding:
    number, encoding, fsync, replica = _row(
        "SELECT current_setting('server_version_num'), current_setting('server_encoding'), current_setting('fsync'),"
        " pg_is_in_recovery()"
    )
    version = int(number)  # 180006 is 18.6
    detail = f"PostgreSQL {version // 10000}.{version % 10000}, {encoding}"
    if version < OLDEST_POSTGRES * 10000:
        return error("database server", detail, f"Upgrade to PostgreSQL {OLDEST_POSTGRES} or newer")
    if replica:
        return error("database server", f"{detail}, a read-only replica", "Point DATABASE_URL at the primary")
    if encoding != "UTF8":
        return error("database server", detail, "Create the database anew with ENCODING 'UTF8'")
    if fsync != "on":
        return error("database server", f"{detail}, fsync {fsync}", "Set fsync = on: a crash would lose golden records")
    return ok("database server", detail)


def extensions() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_available_extensions WHERE name = ANY(%s)", [list(EXTENSIONS)])
        missing = sorted(set(EXTENSIONS) - {name for (name,) in cursor.fetchall()})
    if missing:
        return error("extensions", f"Not available: {', '.join(missing)}", "Install the postgresql-contrib package")
    return ok("extensions", ", ".join(EXTENSIONS))


def migrations() -> Finding:
    if problem := health.migrations():
        return error("migrations", problem, "manage.py migrate")
    return ok("migrations", "all applied")


def clock() -> Finding:
    """Leases and effective dates compare the database's clock with ours."""
    before = time.time()
    (theirs,) = _row("SELECT extract(epoch FROM clock_timestamp())::float8")
    off = max(before - theirs, theirs - time.time(), 0.0)
    detail = f"{off:.1f} s from the database's"
    remedy = "Let both machines follow the same time server (NTP)"
    if off > 30:
        return error("clock", detail, remedy)
    return warning("clock", detail, remedy) if off > 2 else ok("clock", detail)


def _row(sql: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return tuple(cursor.fetchone())


# ------------------------------------------------------------------------------------------------ Redis and the workers
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3)


def broker() -> Finding:
    try:
        with _redis() as client:
            version = client.info("server")["redis_version"]
    except redis.RedisError as failure:
        return error("redis", str(failure).splitlines()[0], "Start Redis, or correct REDIS_URL")
    return ok("redis", f"Redis {version}")


def eviction() -> Finding:
    try:
        with _redis() as client:
            policy = client.config_get("maxmemory-policy")["maxmemory-policy"]
    except (redis.RedisError, KeyError):
        return warning("redis memory", "Its settings may not be read", "See that maxmemory-policy is noeviction")
    if policy != "noeviction":
        return error("redis memory", f"maxmemory-policy {policy}", "redis-cli CONFIG SET maxmemory-policy noeviction")
    return ok("redis memory", "nothing is evicted")


def workers() -> Finding:
    from mdm.celery import app

    names = [name for reply in app.control.ping(timeout=1.0) or () for name in reply]
    if not names:
        return error("worker", "None answers: nothing is imported or delivered", "manage.py up, or see its log")
    return ok("worker", ", ".join(sorted(names)))


def beat() -> Finding:
    age = heartbeat.age()
    if age is None or age > heartbeat.STALE:
        since = "no sign of life" if age is None else f"last sign of life {age:.0f} s ago"
        return error("beat", f"{since}: lost wake-ups stay lost", "manage.py up, or see the logs of beat and worker")
    return ok("beat", f"last sign of life {age:.0f} s ago")
