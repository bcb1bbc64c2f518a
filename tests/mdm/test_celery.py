"""How Concord's Celery differs from Celery's own."""

from __future__ import annotations

from typing import Any

import pytest
from kombu import Connection

from mdm.celery import app


@pytest.mark.parametrize("connect", ["connection_for_read", "connection_for_write"])
def test_a_broker_that_was_away_for_long_is_tried_every_second(connect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers and beat ask like this; kombu's own waits grow to half a minute."""
    asked: dict[str, Any] = {}
    monkeypatch.setattr(Connection, "_ensure_connection", lambda self, *_, **how: asked.update(how))

    getattr(app, connect)().ensure_connection(None, 100, callback=None)

    assert asked == {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 1.0, "callback": None}
