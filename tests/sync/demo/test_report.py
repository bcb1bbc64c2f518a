"""What a report tells of the run that wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sync.demo.report import was_unattended


@pytest.mark.parametrize(
    ("text", "unattended"),
    [
        (json.dumps({"simulated": True}), True),
        (json.dumps({"simulated": False}), False),
        (json.dumps({}), False),
        ("half a rep", False),
        (None, False),
    ],
)
def test_only_a_report_that_says_so_is_of_an_unattended_run(tmp_path: Path, text: str | None, unattended: bool) -> None:
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    assert was_unattended(path) is unattended
