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
    "old_secret_until": None,
}
CHANGE: Json = FEED["changes"][0]
INBOUND = (
    "MSH|^~\\&|ERP|GENHOSP|CONCORD|MDM|20261126140000||MFN^M16^MFN_M16|8812|P|2.6\r"
    "MFI|INV||UPD|||NE\rMFE|MUP|8812.1||10442|CE\rITM|10442|NEEDLE SPINAL 22GA|A\r"
)
SIGNED = '{"id": "evt-1", "type": "item.changed", "data": {"sku": "10442", "title": "Needle, spinal, 22 G"}}'
RECEIVED: Json = {
    "message": 1907,
    "source": "erp-items",
    "id": "8812",
    "kind": "MFN^M16",
    "state": "received",
    "reason": "",
    "repeated": False,
    "received_at": "2026-11-26T14:00:00Z",
    "done_at": None,
    "landed": 0,
    "refused": 0,
    "superseded": 0,
}
TAKEN: Json = {
    **RECEIVED,
    "state": "done",
    "done_at": "2026-11-26T14:00:01Z",
    "landed": 1,
    "reply": "",
    "records": [
        {
            "position": 1,
            "domain": "item",
            "code": "10442",
            "outcome": "new",
            "golden": "MDM-IT-000812",
            "problems": [],
        }
    ],
    "next": None,
}
