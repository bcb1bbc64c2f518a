"""What the demo looks at before it begins."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from sync.demo import run


def test_a_concord_that_runs_is_not_emptied_under_its_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """No database mark: pytest-django fails this test if anything touches the database."""
    monkeypatch.setattr(run, "answering_sandbox", lambda: object())
    with pytest.raises(CommandError, match="Stop it first"):
        call_command("demo")
