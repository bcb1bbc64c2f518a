"""`manage.py up`: the whole of Concord in one terminal."""

from __future__ import annotations

import fcntl
import socket
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connections

from mdm import env
from mdm.overload import THREADS
from mdm.supervisor import Program, Supervisor

CONNECTIONS = 512  # of each web process; more wait in the kernel
MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]


def web(host: str, port: int, processes: int) -> Program:
    safety = ["--respawn-failed-workers", "--workers-kill-timeout", "5"]
    shares = {"CONCORD_WEB_PROCESSES": str(processes)}
    return Program("web", [*granian(host, port, processes), *safety], _plain_http() | shares, port=port)


def granian(host: str, port: int, processes: int) -> list[str]:
    """The web server. ``mdm.overload`` bounds the requests in a process, this the connections."""
    server = [sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws", "mdm.wsgi:application"]
    size = ["--workers", str(processes), "--blocking-threads", str(THREADS)]
    bounds = ["--backlog", "1024", "--backpressure", str(CONNECTIONS)]
    return [*server, "--host", host, "--port", str(port), *size, *bounds]


def worker(processes: int) -> Program:
    celery = [sys.executable, "-m", "celery", "--quiet", "--app", "mdm.celery", "worker"]
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    return Program("worker", [*celery, "--concurrency", str(processes), *quiet], _plain_http(), grace=30)


def beat() -> Program:
    return Program(
        "beat", [sys.executable, "-m", "celery", "--quiet", "--app", "mdm.celery", "beat", "--pidfile="], _plain_http()
    )


def listener() -> Program:
    return Program("listen", [*MANAGE, "listen"], _plain_http())


def sandbox() -> Program:
    return Program("sandbox", [sys.executable, "-m", "sync.sandbox", "--dir", str(settings.VAR_DIR / "sandbox")])


def demo() -> Program:
    return Program("demo", [*MANAGE, "demo", "--open"], _plain_http(), once=True)


def programs(
    *,
    host: str,
    port: int,
    web_processes: int,
    workers: int,
    with_listener: bool,
    with_sandbox: bool,
    with_demo: bool,
) -> list[Program]:
    """What is to run, in the order in which it starts."""
    wanted = [
        (with_sandbox or with_demo, sandbox),
        (web_processes, lambda: web(host, port, web_processes)),
        (workers, lambda: worker(workers)),
        (workers, beat),
        (with_listener, listener),
        (with_demo, demo),
    ]
    return [make() for want, make in wanted if want]


def _plain_http() -> dict[str, str]:
    """Nobody ends TLS in front of us unless CONCORD_HTTPS says so, and nobody collects console logs as JSON."""
    return {} if env.text("CONCORD_HTTPS") else {"CONCORD_HTTPS": "0"}


def port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ArgumentTypeError(f"{text} is no port; write a number from 1 to 65535")
    return int(text)


def count(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text} is no number of processes; write 0 or more")
    return int(text)


class Command(BaseCommand):
    help = "Start web, worker, beat, the HL7 listener and sandbox targets; restart what dies; stop all on Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address the web server listens on (%(default)s)")
        parser.add_argument("--port", type=port, default=8000, help="port of the web server (%(default)s)")
        parser.add_argument("--web", type=count, default=2, help="web processes; 0 for none (%(default)s)")
        parser.add_argument("--workers", type=count, default=2, help="worker processes; 0 for none (%(default)s)")
        parser.add_argument(
            "--no-listen",
            action="store_true",
            help="without the HL7 listener (ports: those of inbound sources)",
        )
        parser.add_argument("--sandbox", action="store_true", help="start the sandbox EHR, ERP and supply chain too")
        parser.add_argument("--demo", action="store_true", help="with the sandbox, and demo data where there is none")

    def handle(self, **options: Any) -> None:
        host, port = options["host"], options["port"]
        with ExitStack() as held:
            if options["sandbox"] or options["demo"]:
                held.enter_context(alone(settings.VAR_DIR / "sandbox.lock"))
            if options["web"]:
                require_free(host, port)
            self._run(host, port, options)

    def _run(self, host: str, port: int, options: dict[str, Any]) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        connections.close_all()  # no connection survives a fork
        chosen = programs(
            host=host,
            port=port,
            web_processes=options["web"],
            workers=options["workers"],
            with_listener=not options["no_listen"],
            with_sandbox=options["sandbox"],
            with_demo=options["demo"],
        )
        if not chosen:
            raise CommandError("Nothing to start: --web 0, --workers 0 and --no-listen.")
        Supervisor(
            chosen, on_ready=lambda: self.stdout.write(f"\nConcord: http://{host}:{port}/ (Ctrl-C stops it)\n\n")
        ).run()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """For as long as the block runs, no other process gets past here: two demos would empty each other's database."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(
                f"Another Concord with sandbox targets runs in {path.parent}. Stop it, or let CONCORD_VAR name another "
                "directory."
            ) from None
        yield


def require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}:{port} ({error.strerror}); choose another: up --port {port + 1}"
            ) from None
