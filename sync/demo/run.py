"""The main job, once, unattended: feeds in, the same recognised, doubts decided, targets in step and read back."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from django.conf import settings
from django.db import connections

from mdm.canonical import DOMAINS
from mdm.models import GoldenRecord, SourceRecord, SourceSystem, User
from mdm.services import events
from mdm.supervisor import die_with_parent
from sync import gates, reconcile, status
from sync import targets as adapters
from sync.demo import generator, report, watch, world
from sync.demo.stewards import Stewards
from sync.demo.truth import Truth
from sync.inbound import services as feeds
from sync.inbound.runner import run as run_feed
from sync.models import FeedRun, Reconciliation, Target
from sync.sandbox.launch import SandboxClient

SETTLES_WITHIN = 120.0  # seconds in which at least one more record has to be acknowledged
OUTAGE = 3.0  # seconds


class DemoError(Exception):
    """The demo could not go on. The message says why."""


@dataclass
class Demo:
    """One run. ``say`` prints progress; ``decide``: simulated stewards answer, else reviews stay open."""

    directory: Path
    say: Callable[[str], None]
    seed: int = 7
    scale: float = 1.0
    decide: bool = True
    timings: dict[str, float] = field(default_factory=dict)

    def run(self) -> report.Report:
        with watch.watched(settings.VAR_DIR) as peak:
            begin = time.monotonic()
            manifest, truth = self._write_feeds()
            with self._step("set-up"):
                world.people(world.logins(self.directory).password)
                world.systems(manifest)
                client = sandbox()
                targets = world.targets(client.targets)
            self._break(client)
            stewards = Stewards(truth)
            for domain in ("gl_account", *DOMAINS):
                self._bring_in(domain, manifest)
                if self.decide and domain in DOMAINS:
                    with self._step(f"decide {domain}"):
                        count = stewards.clear(domain)
                    self.say(f"  {count} decisions by simulated stewards")
            with self._step("settle"):
                self._settle(targets, stewards)
            with self._step("read back"):
                self._read_back(targets)
            seconds = time.monotonic() - begin
        return report.build(
            truth,
            seconds=round(seconds, 1),
            peak_rss_mb=round(peak.mb),
            timings={name: round(value, 1) for name, value in self.timings.items()},
            simulated=self.decide,
        )

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.timings[name] = self.timings.get(name, 0.0) + time.monotonic() - begin

    def _write_feeds(self) -> tuple[generator.Manifest, Truth]:
        with self._step("generate"):
            manifest = generator.generate(self.directory / "data", seed=self.seed, scale=self.scale)
        self.say(f"{len(manifest.feeds)} feeds of three systems written to {self.directory / 'data'}")
        return manifest, Truth.load(manifest.directory)

    def _break(self, client: SandboxClient) -> None:
        """Each target refuses one record and is away for a while, as targets are."""
        for target in client.targets:
            client.fault(target, "reject", count=1)
            client.fault(target, "refuse", seconds=OUTAGE)

    def _bring_in(self, domain: str, manifest: generator.Manifest) -> None:
        actor = User.objects.system()
        wanted = [(feed, path) for feed, path in world.saved_feeds(manifest, actor) if feed.domain == domain]
        wanted.sort(key=lambda pair: -pair[0].system.trust_in(domain))  # the richest first: others are compared to it
        for feed, path in wanted:
            with self._step(f"import {domain}"), path.open("rb") as file:
                draft = feeds.start_run(file=file, name=path.name, actor=actor, feed=feed, enqueue=False)
                done = run_feed(draft.pk)
            if done.state != FeedRun.State.DONE:
                raise DemoError(f"{path.name}: {done.message}")
            self.say(
                f"{path.name:<28} {done.new:>6} new  {done.linked:>6} linked  {done.reviewed:>5} to review  "
                f"{done.quarantined:>4} put aside"
            )

    def _settle(self, targets: list[Target], stewards: Stewards) -> None:
        """Wait until every target has what it should have; what it refused is sent again by the simulated steward."""
        end, settled = time.monotonic() + SETTLES_WITHIN, -1
        while time.monotonic() < end:
            events.sequence()
            rows = status.statuses(targets)
            if (now := sum(row.acknowledged for row in rows)) > settled:
                end, settled = time.monotonic() + SETTLES_WITHIN, now
            if any(row.dead for row in rows):
                stewards.retry_failed()
            elif all(row.acknowledged == row.delivered and not row.pending for row in rows):
                if not any(gates.release(target.pk) for target in targets):
                    return
            time.sleep(0.25)
        waiting = {
            r.target.code: {"pending": r.pending, "held": r.held, "dead": r.dead} for r in status.statuses(targets)
        }
        raise DemoError(
            f"The targets did not get into step: nothing was acknowledged for {SETTLES_WITHIN:.0f} s. {waiting}"
        )

    def _read_back(self, targets: list[Target]) -> None:
        """Read every target through its own interface and compare field by field."""
        with ThreadPoolExecutor(len(targets)) as pool:
            runs = list(pool.map(_compare, targets))
        for target, run in zip(targets, runs, strict=True):
            if run.error:
                raise DemoError(f"{target.code} could not be read back: {run.error}")
            self.say(f"{target.code:<8} {run.equal} of {run.compared} records read back equal")


def _compare(target: Target) -> Reconciliation:
    """In a thread of its own: its adapter and its database connection end with it."""
    try:
        return reconcile.compare(target, actor=User.objects.system())
    finally:
        adapters.forget_all()
        connections.close_all()


def sandbox() -> SandboxClient:
    return SandboxClient.at(settings.VAR_DIR / "sandbox")


def answering_sandbox() -> SandboxClient | None:
    """The sandbox that answers now; None where there is none."""
    with suppress(OSError, ValueError, httpx.HTTPError):  # no sandbox.json yet, half of one, or an earlier run's
        client = sandbox()
        client.counts("ehr")
        return client
    return None


def running_sandbox() -> SandboxClient:
    """The sandbox that somebody else has started or is starting. Raises DemoError when it doesn't answer in time."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if client := answering_sandbox():
            return client
        time.sleep(0.1)
    raise DemoError("No sandbox answers; start one with: manage.py up --sandbox")


@contextmanager
def services(directory: Path) -> Iterator[None]:
    """The sandbox targets, a worker and beat for as long as the block runs."""
    facts = settings.VAR_DIR / "sandbox" / "sandbox.json"
    facts.unlink(missing_ok=True)
    connections.close_all()
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "manage.py", "up", "--web", "0", "--workers", "1", "--sandbox"]
    with (directory / "services.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        try:
            _await(facts, process)
            yield
        finally:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(facts: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if facts.exists() and facts.stat().st_size:
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise DemoError("The sandbox did not start; var/demo/services.log says why.")


def is_demo() -> bool:
    """Whether what is in the database is a demo's: its systems, and nobody else's."""
    systems = set(SourceSystem.objects.exclude(code__in=("public", "concord")).values_list("code", flat=True))
    return systems <= set(world.COUNTERPARTS.values())


def has_records() -> bool:
    return GoldenRecord.objects.exists() or SourceRecord.objects.exists()
