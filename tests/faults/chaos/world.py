"""A whole Concord of its own to do harm to: PostgreSQL, Redis, web, two workers, two beats, and four counterparts.

It lives in ``var/faults``, whatever else runs. What dies is started again, as a supervisor would.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from django.conf import settings
from django.db import connections
from django.db.utils import DatabaseError, InterfaceError
from django.utils import timezone

from mdm import auth, embedded, permissions
from mdm.models import CodeSystem, GoldenRecord, SourceSystem, User
from mdm.services import ingest, resolve
from mdm.supervisor import die_with_parent
from sync.models import Target
from sync.sandbox.launch import Sandbox

DOMAIN = "cost_center"
RECORDS, HOT = 60, 4
LEASE = 4  # seconds
STARTS_WITHIN = 60.0
TICK = float(settings.CELERY_BEAT_SCHEDULE["deliver what is due"]["schedule"])
TARGETS = ("ehr", "erp", "supply", "fhir")
DATABASE = "faults"
MANAGE = [sys.executable, "manage.py"]
CELERY = [sys.executable, "-m", "celery", "--quiet", "--app", "mdm.celery"]
WORKER = [*CELERY, "worker", "--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "ERROR"]
GRANIAN = [sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws", "mdm.wsgi:application"]


@dataclass
class Program:
    """A process that is started again when it ends, until it is told to stay down."""

    name: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=settings.BASE_DIR,
                env={**os.environ, "DATABASE_URL": f"{os.environ['DATABASE_URL']}&application_name={self.name}"},
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent,
            )
        self.starts += 1

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def signal(self, number: int) -> None:
        if self.process and not self.ended:
            self.process.send_signal(number)

    def children(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            if self.process and not self.ended:
                return psutil.Process(self.process.pid).children(recursive=True)
        return []


@dataclass
class World:
    var: Path
    sandbox: Sandbox
    programs: list[Program] = field(default_factory=list)
    port: int = 0
    key: str = ""
    down: threading.Event = field(default_factory=threading.Event)

    def of(self, kind: str) -> list[Program]:
        return [program for program in self.programs if program.name.startswith(kind)]

    def start(self) -> None:
        logs = self.var / "logs"
        logs.mkdir(exist_ok=True)
        web = ["--port", str(self.port), "--workers", "1", "--blocking-threads", "4", "--log-level", "warning"]
        commands = {
            "web": [*GRANIAN, *web, "--respawn-failed-workers"],
            "worker1": [*WORKER, "--hostname", "one@%h"],
            "worker2": [*WORKER, "--hostname", "two@%h"],
            "beat1": [*CELERY, "beat", "--pidfile=", "--schedule", str(self.var / "beat1")],
            "beat2": [*CELERY, "beat", "--pidfile=", "--schedule", str(self.var / "beat2")],
        }
        self.programs = [Program(name, command, logs / f"{name}.log") for name, command in commands.items()]
        for program in self.programs:
            program.start()
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self) -> None:
        while not self.down.wait(0.2):
            for program in self.programs:
                if program.ended:
                    program.start()

    def stop(self) -> None:
        self.down.set()
        time.sleep(0.3)
        for number, patience in ((signal.SIGCONT, 0.0), (signal.SIGTERM, 8.0), (signal.SIGKILL, 5.0)):
            for program in self.programs:
                program.signal(number)
            until = time.monotonic() + patience
            while time.monotonic() < until and not all(program.ended for program in self.programs):
                time.sleep(0.05)

    def postgres(self) -> psutil.Process:
        return psutil.Process(int((self.var / "postgres/data/postmaster.pid").read_text().split()[0]))

    def redis(self) -> psutil.Process:
        return psutil.Process(int((self.var / "redis/redis.pid").read_text().split()[0]))


@contextmanager
def world() -> Iterator[World]:
    """Everything running, with records that the targets hold already."""
    var = settings.VAR_DIR
    fresh_database(var)
    with Sandbox(var / "sandbox") as sandbox:
        sandbox.reset()
        made = World(var, sandbox, port=_free_port())
        try:
            _fill(made)
            made.start()
            _await_web(made.port)
            yield made
        finally:
            made.stop()
            connections.close_all()


def _await_web(port: int) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("The web server did not start; var/faults/logs/web.log says why.")


def fresh_database(var: Path) -> None:
    """The database that DATABASE_URL names, as the migrations leave it; their work is kept for the next run."""
    for name in ("postgres", "redis"):
        embedded.use(name, var)
    files = sorted(settings.BASE_DIR.glob("*/migrations/*.py"))
    pristine = f"pristine_{hashlib.sha256(b''.join(path.read_bytes() for path in files)).hexdigest()[:10]}"
    with psycopg.connect(embedded.database_url(var), dbname="postgres", autocommit=True) as admin:
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [pristine]).fetchone():
            _recreate(admin, "TEMPLATE template0")
            subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], cwd=settings.BASE_DIR, check=True)
            admin.execute(f"CREATE DATABASE {pristine} TEMPLATE {DATABASE}")
        _recreate(admin, f"TEMPLATE {pristine}")


def _recreate(admin: psycopg.Connection[Any], template: str) -> None:
    admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    admin.execute(f"CREATE DATABASE {DATABASE} {template}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _fill(world: World) -> None:
    """The targets, somebody who may change values, and the records."""
    for name in TARGETS:
        _target(name, world.sandbox.targets[name])
    user = User.objects.create(username="integration", is_superuser=True)
    scopes, tomorrow = [permissions.OVERRIDE, permissions.VIEW], timezone.now() + dt.timedelta(days=1)
    world.key = auth.issue(user=user, name="chaos", scopes=scopes, expires_at=tomorrow, actor=User.objects.system())[1]
    _records()


def _target(name: str, found: dict[str, Any]) -> Target:
    system, _ = SourceSystem.objects.get_or_create(code=name, defaults={"name": name.upper(), "kind": name})
    target = Target(
        code=name,
        name=name.upper(),
        system=system,
        adapter=found["adapter"],
        config={**found["config"], "timeout": 2.0},
        subscriptions={DOMAIN: {}},
        batch_size=20,
        lease_seconds=LEASE,
        ack_seconds=10,
        pace=0.02,
    )
    target.secrets = found["secrets"]
    target.save()
    return target


def _records() -> None:
    dice, actor = random.Random(1), User.objects.system()
    system, _ = SourceSystem.objects.get_or_create(code="finance", defaults={"name": "Finance", "kind": "erp"})
    run = ingest.begin(code_system=CodeSystem.objects.own(system, DOMAIN), channel="feed", actor=actor)
    ingest.land(ingest=run, rows=[_row(n, dice) for n in range(RECORDS)])
    resolve.resolve_pending(domain=DOMAIN, actor=actor, limit=RECORDS)
    assert GoldenRecord.objects.filter(status="live").count() == RECORDS


def _row(number: int, dice: random.Random) -> ingest.Row:
    word = "".join(dice.choice("bdfgklmnprst") + dice.choice("aeiou") for _ in range(5)).title()
    values = {"code": f"{number:04d}-{number * 37 % 997:03d}", "name": word, "department": word, "lifecycle": "active"}
    return ingest.Row(number, values["code"], values, values)


def patiently(ask: Any, within: float = 60.0) -> Any:
    """What a query answers, once the database does."""
    until = time.monotonic() + within
    while True:
        try:
            return ask()
        except (DatabaseError, InterfaceError):
            connections.close_all()
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
