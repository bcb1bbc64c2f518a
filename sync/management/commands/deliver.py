"""``manage.py deliver``: the workers' delivery loop without a broker."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import OperationalError, connection
from django.utils import timezone

from sync import outbox, schedule, targets
from sync.adapters.base import AdapterError
from sync.management.given import active_targets
from sync.models import Target
from sync.sealed import SealBroken

log = structlog.get_logger(__name__)

PAUSE = 0.2  # seconds between two looks at a target that has nothing due
Report = tuple[str, outbox.Tally, str]


class Command(BaseCommand):
    help = "Delivers what is due to the targets, each in a thread of its own."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--target", action="append", default=[], help="code of a target; several may be given")
        parser.add_argument("--until-idle", action="store_true", help="also wait for retries and late acknowledgements")
        parser.add_argument("--forever", action="store_true", help="go on until SIGTERM or Ctrl-C")
        parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this long in any case")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = active_targets(options["target"])
        end = time.monotonic() + options["seconds"]
        patience = "forever" if options["forever"] else "idle" if options["until_idle"] else "once"
        with stopped_by_signal() as stop, ThreadPoolExecutor(max_workers=max(len(chosen), 1)) as threads:
            running = [threads.submit(run, target, patience, stop, end) for target in chosen]
            for code, tally, problem in (future.result() for future in running):
                self._report(code, tally, problem)

    def _report(self, code: str, tally: outbox.Tally, problem: str) -> None:
        counts = ", ".join(f"{n} {outcome}" for outcome, n in sorted(tally.outcomes.items())) or "nothing due"
        self.stdout.write(f"{code}: {problem or counts}")


@contextmanager
def stopped_by_signal() -> Iterator[threading.Event]:
    """Set by SIGTERM and Ctrl-C: batches under way are finished first."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(target: Target, patience: str, stop: threading.Event, end: float) -> Report:
    """Deliver to one target: "once" what is due, until "idle", or "forever"."""
    total, problem = outbox.Tally(), ""
    try:
        while not _round(target, patience, stop, end, total) and time.monotonic() < end:
            if stop.wait(PAUSE):
                break
    except (AdapterError, SealBroken) as error:
        problem = str(error)
    finally:
        targets.forget_all()
        connection.close()
    return target.code, total, problem


def _round(target: Target, patience: str, stop: threading.Event, end: float, total: outbox.Tally) -> bool:
    """Look for late answers, and deliver; True when that was all."""
    try:
        target.refresh_from_db()  # somebody may have changed its settings
        adapter = targets.adapter_of(target)
        if collected := outbox.collect(target, adapter):  # first: what is answered need not be sent again
            total.outcomes["collected"] += collected
        total += outbox.deliver(target, adapter, seconds=end - time.monotonic(), stop=stop.is_set)
        # where its settings have changed, the next round goes by the new ones
        return outbox.is_current(target) and _finished(target, patience)
    except OperationalError as error:
        if patience == "once":
            raise
        log.warning("database unreachable", target=target.code, error=type(error).__name__)
        connection.close()  # the next round opens another; the lanes come due again
        return False


def _finished(target: Target, patience: str) -> bool:
    if patience == "idle":
        closed = target.paused or schedule.in_blackout(target.schedule, timezone.now())
        return closed or outbox.next_due(target) is None
    return patience == "once"
