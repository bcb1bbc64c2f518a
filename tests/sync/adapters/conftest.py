"""One sandbox for the whole run, emptied before each test, and an adapter for each of its counterparts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sync.adapters.base import Adapter, Outcome, Rendered, State
from sync.adapters.registry import build
from sync.sandbox.launch import Sandbox, start

TARGETS = ("ehr", "erp", "supply", "fhir")
Make = Callable[..., Adapter]


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with start(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    running_sandbox.reset()
    return running_sandbox


@pytest.fixture
def make(sandbox: Sandbox) -> Iterator[Make]:
    """``make("erp", timeout=1)``: the target's adapter, with some settings changed."""
    made: list[Adapter] = []

    def make_one(target: str, **settings: Any) -> Adapter:
        found = sandbox.targets[target]
        adapter = build(found["adapter"], {**found["config"], **settings}, found["secrets"])
        made.append(adapter)
        return adapter

    yield make_one
    for adapter in made:
        adapter.close()


def deliver(adapter: Adapter, *batch: Rendered, within: float = 15) -> list[Outcome]:
    """Final outcomes, in order: what ``send`` said, or what ``collect`` brought for what was only sent."""
    outcomes = dict(zip((r.message.key for r in batch), adapter.send(batch), strict=True))
    end = time.monotonic() + within
    while any(o.state is State.SENT for o in outcomes.values()) and time.monotonic() < end:
        outcomes |= {r.key: r.outcome for r in adapter.collect() if r.key in outcomes}
        time.sleep(0.02)
    adapter.confirm()
    return [outcomes[r.message.key] for r in batch]
