"""The description of webhooks' messages against AsyncAPI's own parser."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from sync.api.events import DOCUMENT
from tests.interop import kit

PACKAGES = ("@asyncapi/parser@3.6.0",)
VALIDATE = """
import { Parser } from '@asyncapi/parser'
let text = ''
for await (const part of process.stdin) text += part
console.log(JSON.stringify(await new Parser().validate(text)))
"""


def test_asyncapi_s_parser_finds_no_fault_with_the_description():
    assert [one["message"] for one in _diagnostics(DOCUMENT) if one["severity"] <= 1] == []  # 0 error, 1 warning


def test_asyncapi_s_parser_does_find_faults():
    assert _diagnostics(DOCUMENT | {"operations": {"tell": {"action": "shout"}}})


def _diagnostics(document: dict[str, Any]) -> list[dict[str, Any]]:
    folder = kit.node_folder("asyncapi", *PACKAGES)
    (folder / "validate.mjs").write_text(VALIDATE)
    done = subprocess.run(
        [kit.program("node", "nodejs"), "validate.mjs"],
        cwd=folder, input=json.dumps(document), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
