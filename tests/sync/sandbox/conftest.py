"""A sandbox of its own for tests that stop, kill or restart it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.adapters.base import Adapter
from sync.adapters.registry import build
from sync.sandbox.launch import Sandbox, start


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with start(tmp_path / "sandbox") as running:
        yield running


def adapter_for(sandbox: Sandbox, target: str, **settings: object) -> Adapter:
    found = sandbox.targets[target]
    return build(found["adapter"], {**found["config"], **settings}, found["secrets"])
