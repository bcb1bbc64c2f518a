"""A sandbox of real sockets, and a target that points at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync import wakeups
from sync.models import Target
from sync.sandbox.launch import Sandbox
from tests.sync import kit
from tests.sync.conftest import peer, peers, target, woken

__all__ = ["peer", "peers", "target", "woken"]  # fixtures of those tests, for these


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def erp(transactional_db: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Target:
    """The sandbox's ERP, empty; leases are short, so that the lanes of a killed worker come due soon."""
    monkeypatch.setattr(wakeups, "wake", lambda target_id: True)
    sandbox.reset()
    found = sandbox.targets["erp"]
    target = kit.make_target(
        "erp", adapter=found["adapter"], config=found["config"], batch_size=20, lease_seconds=3, pace=0.02
    )
    target.secrets = found["secrets"]
    target.save()
    return target
