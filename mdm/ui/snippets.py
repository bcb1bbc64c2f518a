"""What somebody sees on a screen, as a call of the API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

EXAMPLES = 5  # codes in a snippet; the call takes 10,000


def body(query: Any, codes: Sequence[str]) -> dict[str, Any]:
    """The JSON of a batch lookup."""
    asked: dict[str, Any] = {"code_system": query.system.slug}
    if query.to:
        asked["to"] = query.to.slug
    if query.as_of:
        asked["as_of"] = query.as_of.isoformat()
    if query.known_at:
        asked["known_at"] = query.known_at.isoformat()
    return asked | {"codes": list(codes)[:EXAMPLES]}


def curl(address: str, asked: dict[str, Any]) -> str:
    text = json.dumps(asked, indent=2, ensure_ascii=False).replace("'", "'\\''")
    return (
        f'curl {address} \\\n  -H "Authorization: Bearer $TOKEN" \\\n'
        f"  -H \"Content-Type: application/json\" \\\n  -d '{text}'"
    )


def python(address: str, asked: dict[str, Any]) -> str:
    text = json.dumps(asked, indent=4, ensure_ascii=False)
    lines = ["import os, requests", "", "answer = requests.post(", f'    "{address}",']
    lines += ['    headers={"Authorization": f"Bearer {os.environ[\'TOKEN\']}"},']
    return "\n".join([*lines, f"    json={_indented(text)},", ")", 'print(answer.json()["outcomes"])'])


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")
