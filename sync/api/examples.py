"""The examples of the description of webhooks. A test holds each to the schema it illustrates."""

from __future__ import annotations

from typing import Any

from mdm.api.examples import FEED

Json = dict[str, Any]

SUBSCRIPTION: Json = {"url": "https://bus.example.org/concord", "topics": {"item": {}}, "kinds": ["merged", "unmerged"]}
WEBHOOK: Json = {
    "id": "2b0c6f0e-6f35-4c39-9c43-5c8a0d1f9a11",
    "owner": "erp-interface",
    "url": "https://bus.example.org/concord",
    "topics": {"item": {}},
    "kinds": ["merged", "unmerged"],
    "codes_of": None,
    "codes_in": None,
    "active": True,
    "position": 1041,
    "attempts": 0,
    "due_at": None,
    "last_status": 204,
    "last_error": "",
    "accepted_at": "2026-11-26T14:00:00Z",
    "created_at": "2026-11-01T08:00:00Z",
}
CHANGE: Json = FEED["changes"][0]
