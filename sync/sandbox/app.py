"""All counterparts in one process; ``DIR/sandbox.json`` says where they listen and how a target is configured."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .admin import Admin
from .ehr import fields as ehr_fields
from .ehr.server import Ehr
from .erp import profile as erp_profile
from .erp.server import Erp
from .faults import Faults
from .fhir import profile as fhir_profile
from .fhir.server import BASE as FHIR_BASE
from .fhir.server import Fhir
from .store import Store
from .supply import fields as supply_fields
from .supply.server import Supply

PARENT_LOOK = 1.0  # seconds between looks whether the parent is alive


@dataclass(frozen=True, slots=True)
class Ports:
    """0 takes a free port; a restart in the same directory takes the ports it had."""

    admin: int = 0
    ehr: int = 0
    erp: int = 0
    supply: int = 0
    fhir: int = 0


class Sandbox:
    def __init__(self, directory: Path, host: str = "127.0.0.1", ports: Ports | None = None) -> None:
        self._dir, self._host = directory, host
        directory.mkdir(parents=True, exist_ok=True)
        self._before = _read(directory / "sandbox.json")
        self._ports = ports or Ports()
        self._secret = _kept(directory / "client_secret", lambda: secrets.token_urlsafe(24))
        self.about: dict[str, Any] = {}
        self.ehr = Ehr(self._store("ehr", ehr_fields.NUMBERING), Faults())
        self.erp = Erp(self._store("erp", erp_profile.NUMBERING), Faults(), ("concord", self._secret))
        self.supply = Supply(self._store("supply", supply_fields.NUMBERING), Faults(), directory / "supply")
        self.fhir = Fhir(self._store("fhir", fhir_profile.NUMBERING), Faults(), ("concord", self._secret))
        self._counterparts: dict[str, Ehr | Erp | Supply | Fhir] = {
            "ehr": self.ehr,
            "erp": self.erp,
            "supply": self.supply,
            "fhir": self.fhir,
        }
        self._admin = Admin(self._counterparts, self.about)

    def _store(self, name: str, numbering: dict[str, tuple[str, int]]) -> Store:
        return Store(self._dir / f"{name}.sqlite3", numbering)

    async def start(self) -> dict[str, Any]:
        """Listen everywhere and write ``sandbox.json``; returns what it holds."""
        ports = {name: await self._listen(name) for name in (*self._counterparts, "admin")}
        targets = self._targets(ports)
        self.about.update({
            "ehr": {"title": "EHR (HL7 v2.6 over MLLP)", "address": f"{self._host}:{ports['ehr']}"},
            "erp": {"title": "ERP (REST JSON)", "address": targets["erp"]["config"]["base_url"]},
            "supply": {"title": "Supply chain (X12 and CSV over SFTP)", "address": f"{self._host}:{ports['supply']}"},
            "fhir": {"title": "EHR (FHIR R4)", "address": targets["fhir"]["config"]["base_url"]},
        })  # fmt: skip
        found = {
            "pid": os.getpid(),
            "admin": f"http://{self._host}:{ports['admin']}",
            "ports": ports,
            "targets": targets,
        }
        _write_private(self._dir / "sandbox.json", json.dumps(found, indent=1))
        return found

    async def _listen(self, name: str) -> int:
        server = self._admin if name == "admin" else getattr(self, name)
        wanted = getattr(self._ports, name) or self._before.get("ports", {}).get(name, 0)
        try:
            return int(await server.start(self._host, wanted))
        except OSError:
            if getattr(self._ports, name) or not wanted:
                raise
            return int(await server.start(self._host, 0))  # somebody took the port it had before

    def _targets(self, ports: dict[str, int]) -> dict[str, Any]:
        """Adapter name, configuration and secrets of each counterpart, ready for a Target row."""
        erp, fhir = (f"http://{self._host}:{ports[name]}" for name in ("erp", "fhir"))
        return {
            "ehr": {
                "adapter": "hl7v2_mllp",
                "config": {"host": self._host, "port": ports["ehr"], "window": 16},  # it answers in order
                "secrets": {},
            },
            "erp": {
                "adapter": "rest_json",
                "config": {
                    "base_url": f"{erp}/api/v1", "token_url": f"{erp}/oauth2/token",
                    "client_id": "concord", "client_secret": "ERP_CLIENT_SECRET",
                },
                "secrets": {"ERP_CLIENT_SECRET": self._secret},
            },
            "supply": {
                "adapter": "x12_sftp",
                "config": {
                    "host": self._host, "port": ports["supply"], "username": "concord",
                    "host_key": self.supply.host_key, "private_key": "SFTP_PRIVATE_KEY",
                },
                "secrets": {"SFTP_PRIVATE_KEY": self.supply.client_key},
            },
            "fhir": {
                "adapter": "fhir_r4",
                "config": {
                    "base_url": f"{fhir}{FHIR_BASE}", "token_url": f"{fhir}/oauth2/token",
                    "client_id": "concord", "client_secret": "FHIR_CLIENT_SECRET",
                },
                "secrets": {"FHIR_CLIENT_SECRET": self._secret},
            },
        }  # fmt: skip

    async def stop(self) -> None:
        for server in (*self._counterparts.values(), self._admin):
            await server.stop()
        for counterpart in self._counterparts.values():
            counterpart.store.close()


async def serve(directory: Path, host: str, ports: Ports, *, watch_parent: bool = False) -> None:
    """Run until SIGTERM or Ctrl-C, or until the process that started this one is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    sandbox = Sandbox(directory, host, ports)
    await sandbox.start()
    parent = os.getppid()
    while not stop.is_set() and not (watch_parent and os.getppid() != parent):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PARENT_LOOK)
    await sandbox.stop()


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _kept(path: Path, make: Any) -> str:
    """The text of a file that is made once; credentials outlive a restart."""
    if not path.exists():
        _write_private(path, make())
    return path.read_text()


def _write_private(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(text)
    part.replace(path)
