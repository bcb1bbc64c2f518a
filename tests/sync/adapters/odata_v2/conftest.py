"""The SAP counterpart in this process, empty before each test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest

from sync.adapters.base import Adapter
from sync.adapters.registry import build
from sync.sandbox.faults import Faults
from sync.sandbox.odata.schema import NUMBERING
from sync.sandbox.odata.server import ROOT, Sap
from sync.sandbox.store import Store

Connect = Callable[..., Adapter]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sap, str]]:
    store = Store(tmp_path_factory.mktemp("sap") / "sap.sqlite3", NUMBERING)
    sap, loop = Sap(store, Faults(), ("concord", "secret")), asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(sap.start("127.0.0.1", 0), loop).result(10)
    yield sap, f"http://127.0.0.1:{port}{ROOT}"
    asyncio.run_coroutine_threadsafe(sap.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    store.close()


@pytest.fixture
def sap(running: tuple[Sap, str]) -> Sap:
    running[0].reset()
    return running[0]


@pytest.fixture
def connect(sap: Sap, running: tuple[Sap, str]) -> Iterator[Connect]:
    made: list[Adapter] = []

    def make(**settings: Any) -> Adapter:
        config = {"base_url": running[1], "username": "concord", "password": "PW", "timeout": 5, **settings}
        made.append(build("odata_v2", config, {"PW": "secret", "WRONG": "wrong"}))
        return made[-1]

    yield make
    for adapter in made:
        adapter.close()


@pytest.fixture
def adapter(connect: Connect) -> Adapter:
    return connect()
