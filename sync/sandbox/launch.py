"""Run the sandbox as a subprocess, and talk to its administration port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

Row = dict[str, Any]
STARTS_WITHIN = 20.0  # seconds
ROOT = Path(__file__).resolve().parents[2]  # where the package sync is found


class SandboxClient:
    """State, effects, faults and reset of a running sandbox. ``info`` is the content of its ``sandbox.json``."""

    def __init__(self, info: Row) -> None:
        self.info = info
        self._http = httpx.Client(base_url=info["admin"], timeout=30, trust_env=False)

    @classmethod
    def at(cls, directory: Path) -> SandboxClient:
        """The client of a sandbox that somebody else started in that directory."""
        return cls(json.loads((directory / "sandbox.json").read_text()))

    @property
    def targets(self) -> dict[str, Row]:
        """``{"ehr": {"adapter", "config", "secrets"}, …}``: what a Target row needs."""
        targets: dict[str, Row] = self.info["targets"]
        return targets

    def state(self, target: str, domain: str) -> Iterator[Row]:
        """Every record of the domain as the counterpart holds it, in its own field names."""
        after = ""
        while rows := self._get(f"/state/{target}/{domain}", after=after)["records"]:
            yield from rows
            after = rows[-1]["id"]

    def counts(self, target: str) -> dict[str, dict[str, int]]:
        counts: dict[str, dict[str, int]] = self._get(f"/state/{target}")
        return counts

    def edit(self, target: str, domain: str, public_id: str, **fields: Any) -> None:
        """Change a record at the counterpart by hand, in its own field names."""
        self._http.patch(f"/state/{target}/{domain}/{public_id}", json=fields).raise_for_status()

    def aliases(self, target: str, domain: str) -> dict[str, str]:
        """Own code -> public id."""
        aliases: dict[str, str] = self._get(f"/aliases/{target}/{domain}")
        return aliases

    def effects(self, target: str) -> list[Row]:
        """``[{"domain", "id", "version", "generation", "times"}]``; every ``times`` should be 1."""
        effects: list[Row] = self._get(f"/effects/{target}")["effects"]
        return effects

    def log(self, target: str, limit: int = 200) -> list[Row]:
        log: list[Row] = self._get(f"/log/{target}", limit=limit)["log"]
        return log

    def fault(self, target: str, kind: str, **settings: Any) -> None:
        """Ask for a fault: ``count``, ``match``, ``seconds``, ``delay``, ``code`` (see ``sync.sandbox.faults``)."""
        self._http.post(f"/faults/{target}", json={"kind": kind, **settings}).raise_for_status()

    def clear(self, target: str) -> None:
        self._http.delete(f"/faults/{target}").raise_for_status()

    def reset(self) -> None:
        self._http.post("/reset").raise_for_status()

    def _get(self, path: str, **params: Any) -> Any:
        return self._http.get(path, params=params).raise_for_status().json()

    def close(self) -> None:
        self._http.close()


class Sandbox(SandboxClient):
    """A sandbox process of our own; leaving the context stops it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._process = self._spawn()
        super().__init__(self._wait())

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "sync.sandbox", "--dir", str(self.directory.resolve()), "--until-parent-exits"]
        return subprocess.Popen(command, cwd=ROOT)

    def _wait(self) -> Row:
        end = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < end and self._process.poll() is None:
            try:
                info: Row = json.loads((self.directory / "sandbox.json").read_text())
            except (OSError, ValueError):
                info = {}
            if info.get("pid") == self._process.pid:
                return info
            time.sleep(0.02)
        raise RuntimeError(f"The sandbox in {self.directory} did not start; its output says why.")

    def kill(self) -> None:
        """kill -9, as a crash would."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def restart(self) -> None:
        """Start again in the same directory: same state, credentials and, where free, ports."""
        self._process = self._spawn()
        self.info = self._wait()

    def stop(self) -> None:
        """SIGTERM, then wait."""
        self.close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()


@contextmanager
def start(directory: Path) -> Iterator[Sandbox]:
    """``with start(dir) as sandbox:`` a sandbox of our own."""
    with Sandbox(directory) as sandbox:
        yield sandbox
