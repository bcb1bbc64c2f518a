"""PostgreSQL and Redis of our own under ``var/``, for where DATABASE_URL or REDIS_URL is not set.

Whoever uses a server holds a shared lock on its ``users.lock``; the kernel drops it however the process ends. One guard
process per server starts it and waits for the exclusive lock: it gets it when the last user is gone, stops the server
and ends. So several processes share a server, the first may leave before the last, and kill -9 leaves nothing behind.

Addresses follow from the directory alone, so settings can name them before anything runs.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import select
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE_DIR = Path(__file__).resolve().parent.parent
START_SECONDS = 60  # crash recovery of a large database can take long; a normal start takes one second
STOP_SECONDS = 30
SOCKET_PATH_BYTES = 100  # the kernel's limit is 108 on Linux, 104 on macOS

_held: dict[Path, tuple[IO[bytes], subprocess.Popen[bytes] | None]] = {}  # our locks, and the guards we started


class EmbeddedError(Exception):
    """The embedded PostgreSQL or Redis did not start; set DATABASE_URL and REDIS_URL to use others."""


def socket_dir(var: Path) -> Path:
    """``var/run``, or a directory below the system's temporary one when that path is too long for a socket."""
    near = var / "run"
    if len(os.fsencode(near / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES:
        return near
    return Path(tempfile.gettempdir()) / f"concord-{hashlib.sha256(os.fsencode(var)).hexdigest()[:12]}"


def database_url(var: Path) -> str:
    return f"postgresql://concord@/concord?host={quote(str(socket_dir(var)))}"


def redis_url(var: Path) -> str:
    return f"unix://{quote(str(socket_dir(var)))}/redis.sock"


def ensure() -> None:
    """Have every server running whose URL the environment does not give, until this process ends.

    Raises:
        EmbeddedError: it did not start; the message says why and what to do.
    """
    from mdm import env

    var = env.var_dir()
    names = [name for name, url in (("postgres", "DATABASE_URL"), ("redis", "REDIS_URL")) if not env.text(url)]
    for name in names:
        use(name, var)


def use(name: str, var: Path) -> None:
    """Start the server or join those who use it. Doing so twice in one process changes nothing."""
    from mdm.env import MOVE_VAR

    home = var / name
    if home in _held:
        return
    try:
        home.mkdir(parents=True, exist_ok=True)
        users = (home / "users.lock").open("ab")
    except OSError as error:
        raise EmbeddedError(f"{home} can't be written: {error.strerror}. {MOVE_VAR}") from None
    fcntl.flock(users, fcntl.LOCK_SH)  # waits while a guard is stopping the server
    try:
        with _locked(home / "start.lock"):
            guard = None if _guarded(home) else _start_guard(name, var)
    except BaseException:
        users.close()
        raise
    _held[home] = users, guard
    atexit.register(release, name, var)


def release(name: str, var: Path) -> None:
    """Leave the server; whoever is the last waits until it has stopped."""
    if var / name not in _held:
        return
    users, guard = _held.pop(var / name)
    with users:
        fcntl.flock(users, fcntl.LOCK_UN)
        last = _try_lock(users, fcntl.LOCK_EX) or not _try_lock(users, fcntl.LOCK_SH)
    if last:
        _await_end(var / name, guard)
    elif guard:
        guard.returncode = 0  # it outlives us by design: no ResourceWarning


def _await_end(home: Path, guard: subprocess.Popen[bytes] | None) -> None:
    """Wait for the guard, but not for ever: somebody may have come to use the server while we left."""
    until = time.monotonic() + STOP_SECONDS
    while _guarded(home) and time.monotonic() < until:
        time.sleep(0.01)
    if guard and not _guarded(home):
        guard.wait()


def _start_guard(name: str, var: Path) -> subprocess.Popen[bytes]:
    log = var / name / "guard.log"
    with log.open("wb") as errors:
        guard = subprocess.Popen(
            [sys.executable, "-m", "mdm.embedded_guard", name, str(var)],
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C on the terminal is for the user's process, not for the database
        )
    with cast(IO[bytes], guard.stdout) as pipe:
        ready = select.select([pipe], [], [], START_SECONDS)[0] and pipe.readline()
    if not ready:
        guard.terminate()
        guard.wait()
        reason = log.read_text(errors="replace").strip().splitlines()
        raise EmbeddedError(
            f"The embedded {name} did not start: {reason[-1] if reason else 'no reason given'}\n"
            f"See {log.parent}/*.log, or set {'DATABASE_URL' if name == 'postgres' else 'REDIS_URL'} to use another."
        )
    return guard


def _guarded(home: Path) -> bool:
    with (home / "guard.lock").open("ab") as guard:
        return not _try_lock(guard, fcntl.LOCK_SH)


def _try_lock(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
