"""Logs say what happened by ids; payloads and secrets stay out, in tracebacks too."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from django.conf import settings

FAIL = """
import logging, sys
from mdm import logs
logs.configure(sys.argv[1], "INFO")
def send(payload):
    raise ValueError("refused")
try:
    send({"description": "CATHETER, FOLEY"})
except ValueError:
    logging.getLogger("sync.outbox").exception("send failed", extra={"lane": 7})
"""


def logged(style: str) -> str:
    command = [sys.executable, "-c", FAIL, style]
    return subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=True).stderr


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_does_not_show_the_payload_that_was_at_hand(style: str) -> None:
    text = logged(style)
    assert "ValueError" in text
    assert "FOLEY" not in text.replace('send({"description": "CATHETER, FOLEY"})', "")


def test_in_production_a_line_is_one_json_object() -> None:
    (line,) = logged("json").splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["level"], entry["logger"], entry["lane"]) == (
        "send failed",
        "error",
        "sync.outbox",
        7,
    )
    assert entry["timestamp"].endswith("Z")
