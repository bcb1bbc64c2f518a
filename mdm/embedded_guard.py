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
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from mdm.embedded import database_url, redis_url, socket_dir

STOP_SECONDS = 20

# For a development machine: durable (fsync stays on), and ready for a bulk load.
POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "max_locks_per_transaction": "256",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Server:
    """One server: how to start it, when it is ready, how to stop it."""

    name: str
    stop_signals: tuple[signal.Signals, ...]  # the gentlest first

    def __init__(self, var: Path) -> None:
        self.var, self.home, self.sockets = var, var / self.name, socket_dir(var)
        self.process: psutil.Process | None = None

    def prepare(self) -> None:
        """Make what must exist before the first start."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def pid_file(self) -> Path:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        self.process = self._running()
        if self.process is None:
            self.pid_file().unlink(missing_ok=True)  # stale: its pid may be anybody's by now
            with (self.home / "server.log").open("ab") as log:
                self.process = psutil.Popen(self.command(), cwd=self.home, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        while not self.ready():
            if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
                raise SystemExit(self._last_words())
            time.sleep(0.01)

    def stop(self) -> None:
        for number in self.stop_signals:
            if self.process is None or not self.process.is_running():
                return
            self.process.send_signal(number)
            try:
                self.process.wait(STOP_SECONDS)
            except psutil.TimeoutExpired:
                continue
            return

    def _running(self) -> psutil.Process | None:
        """The process of an earlier guard, if it lives: its pid file may also name a stranger."""
        try:
            process = psutil.Process(int(self.pid_file().read_text().split()[0]))
            return process if str(self.home) in " ".join(process.cmdline()) else None
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
        self.bin = _postgres_bin()
        self.become = _unprivileged(self.data) if os.geteuid() == 0 else []

    def prepare(self) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted initdb left
        self._own(self.data)
        provider = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self._version() >= 17 else []
        init = [f"{self.bin}/initdb", "-D", str(self.data), "-U", "concord", "--auth=trust", "--encoding=UTF8"]
        done = subprocess.run([*self.become, *init, "--locale=C", *provider, "--no-sync"], cwd="/", capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise SystemExit(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "initdb failed")

    def command(self) -> list[str]:
        options = [word for name, value in POSTGRES_OPTIONS.items() for word in ("-c", f"{name}={value}")]
        return [*self.become, f"{self.bin}/postgres", "-D", str(self.data), "-k", str(self.sockets), *options]

    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def ready(self) -> bool:
        try:
            with psycopg.connect(database_url(self.var), dbname="postgres", autocommit=True) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'concord'").fetchone():
                    connection.execute("CREATE DATABASE concord")
        except psycopg.OperationalError:
            return False
        return True

    def _own(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _version(self) -> int:
        said = subprocess.run([f"{self.bin}/postgres", "--version"], capture_output=True, text=True, check=True).stdout
        return int(said.split()[2].split(".")[0])
