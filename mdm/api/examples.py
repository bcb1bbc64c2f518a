"""The examples of the API's description. A test holds each to the schema it illustrates."""

from __future__ import annotations

from typing import Any

from mdm.canonical import DOMAINS

Json = dict[str, Any]

LOOKUP: Json = {
    "code_system": "erp-item",
    "code": "4711",
    "uom": "BX",
    "valid_from": None,
    "valid_to": None,
    "id": "MDM-IT-000123",
    "domain": "item",
    "status": "live",
    "name": "CATHETER FOLEY 16FR",
    "redirected_from": None,
    "to": "ehr-item",
    "codes": [{"code": "ITM-88", "uom": "EA", "preferred": True, "factor": "12", "no_factor": None}],
    "substitutes": [
        {
            "id": "MDM-IT-000456",
            "name": "CATHETER FOLEY 16FR LATEX-FREE",
            "factor": "1",
            "site": None,
            "valid_from": "2026-11-01",
            "valid_to": "2027-02-01",
            "reason": "Back order",
            "approver": "ruth",
        }
    ],
    "replaces": [],
}
UNKNOWN_CODE: Json = {
    "type": "urn:concord:problem:unknown-code",
    "title": "Unknown code",
    "status": 404,
    "detail": "erp-item has no code 99. supply-item has it.",
    "request_id": "5f0c9a1be1f84d1c8c0e1a5b9c1d2e3f",
    "known_in": ["supply-item"],
}
BATCH: Json = {"code_system": "erp-item", "to": "ehr-item", "codes": ["4711", "99"]}
BATCH_ANSWER: Json = {
    "found": 1,
    "outcomes": [
        {"code": "4711", "found": True, "result": LOOKUP},
        {"code": "99", "found": False, "problem": UNKNOWN_CODE},
    ],
}


def _golden(domain: str, number: int, code: str, attributes: Json) -> Json:
    """A golden record that states these attributes and no others."""
    prefix, slug = DOMAINS[domain].prefix, domain.replace("_", "-")
    own = {"system": "erp", "code_system": f"erp-{slug}", "kind": "primary", "code": code, "uom": "", "preferred": True}
    return {
        "id": f"MDM-{prefix}-{number:06}",
        "domain": domain,
        "version": 3,
        "status": "live",
        "merged_into": None,
        "codes": [own],
        "attributes": {field.name: attributes.get(field.name) for field in DOMAINS[domain].fields},
    }


_MEDLINE = {"id": "MDM-SU-000001", "name": "MEDLINE INDUSTRIES"}

CODE_SYSTEM: Json = {
    "code_system": "erp-item",
    "system": "erp",
    "domain": "item",
    "kind": "primary",
    "unique": True,
    "normaliser": "trim",
    "units": {"KAR": "CA"},
}
UNMAPPED: Json = {"code": "4711", "uom": "BX", "id": "MDM-IT-000123", "name": "CATHETER", "state": "unmapped"}
RECORD_CODES: Json = {
    "id": "MDM-IT-000123",
    "domain": "item",
    "status": "live",
    "name": "CATHETER FOLEY 16FR",
    "redirected_from": None,
    "codes": [
        {
            "code_system": "erp-item",
            "code": "4711",
            "uom": "BX",
            "preferred": True,
            "valid_from": None,
            "valid_to": None,
            "factor": None,
            "no_factor": None,
        }
    ],
    "substitutes": [],
    "replaces": [],
}
PERIOD: Json = {
    "code_system": "erp-item",
    "code": "4711",
    "golden": "MDM-IT-000123",
    "valid_from": None,
    "valid_to": "2026-05-03",
    "uom": "BX",
    "known_from": "2026-11-26T14:00:00Z",
}
SUBSTITUTION: Json = {
    "id": 7,
    "item": "MDM-IT-000123",
    "substitute": "MDM-IT-000456",
    "factor": "1",
    "site": None,
    "valid_from": "2026-11-01",
    "valid_to": "2027-02-01",
    "reason": "Back order",
    "approver": "ruth",
    "approved_at": "2026-11-01T08:00:00Z",
    "in_force": True,
    "ended_at": None,
    "ended_by": None,
    "end_reason": "",
}
EXPORT: Json = {
    "id": "2b0c6f0e-6f35-4c39-9c43-5c8a0d1f9a11",
    "domain": "item",
    "format": "ndjson",
    "state": "done",
    "requested_at": "2026-11-26T14:00:00Z",
    "finished_at": "2026-11-26T14:01:00Z",
    "records": 120000,
    "size": 96000000,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "position": 88120,
    "file": "/api/v1/exports/2b0c6f0e-6f35-4c39-9c43-5c8a0d1f9a11/file",
    "error": "",
}

PROVENANCE: Json = {
    "id": "MDM-IT-000123",
    "version": 3,
    "provenance": [
        {
            "path": "brand",
            "value": "HALDEN",
            "system": "erp",
            "reason": "most trusted",
            "at": "2026-05-03T14:00:00+00:00",
            "others": [{"value": "Halden Medical", "system": "scm", "at": "2026-01-01T00:00:00+00:00"}],
        }
    ],
}

GOLDEN: dict[str, Json] = {
    "item": _golden(
        "item",
        123,
        "4711",
        {
            "description": "CATHETER FOLEY 16FR",
            "manufacturer": "BARD",
            "catalogue_number": "0165SI16",
            "implant": False,
            "sterile": True,
            "base_uom": "EA",
            "packaging": [
                {"uom": "EA", "quantity": 1, "gtin": None, "orderable": False, "chargeable": True},
                {"uom": "BX", "quantity": 12, "gtin": "10801741055901", "orderable": True, "chargeable": False},
            ],
            "preferred_supplier": _MEDLINE,
            "supplier_parts": [
                {
                    "supplier": _MEDLINE,
                    "number": "DYND160816",
                    "uom": "BX",
                    "price": "120.00",
                    "currency": "USD",
                    "valid_from": "2026-01-01",
                    "valid_to": None,
                    "contract": "C-100",
                    "tier": None,
                }
            ],
        },
    ),
    "supplier": _golden(
        "supplier",
        1,
        "V100",
        {"name": "MEDLINE INDUSTRIES", "dba_names": ["MEDLINE"], "supplier_type": "distributor"},
    ),
    "location": _golden(
        "location",
        7,
        "4W",
        {
            "name": "4 WEST TELEMETRY",
            "location_type": "unit",
            "parent": {"id": "MDM-LO-000002", "name": "NORTH TOWER"},
            "cost_center": {"id": "MDM-CC-000004", "name": "TELEMETRY"},
        },
    ),
    "cost_center": _golden("cost_center", 4, "6410", {"code": "6410", "name": "TELEMETRY", "gl_segment": "01-6410"}),
}
VERSION: Json = {
    "version": 3,
    "kind": "updated",
    "at": "2026-11-20T09:30:00Z",
    "changed": ["packaging"],
    "change_id": "2b0c6f0e-6f35-4c39-9c43-5c8a0d1f9a11",
    "action": "review.accept",
    "actor": "maria",
    "reason": "Same catalogue number.",
}
WORK_ITEM: Json = {
    "id": 17,
    "kind": "possible_match",
    "domain": "item",
    "state": "open",
    "priority": 2,
    "title": "CATH FOLEY 16 FR 5CC",
    "reason": "Likely, but not certain.",
    "version": 1,
    "source_record": {"code_system": "supply-item", "code": "88-102"},
    "golden": "MDM-IT-000123",
    "other": None,
    "score": 8.4,
    "probability": 0.997,
    "assignee": None,
    "due_at": "2026-11-23T08:00:00Z",
    "created_at": "2026-11-22T08:00:00Z",
    "resolution": "",
    "resolution_reason": "",
}
EVIDENCE: Json = {
    "field": "catalogue_number",
    "label": "Catalogue no.",
    "level": "reformatted",
    "similarity": 1.0,
    "bits": 11.2,
    "note": "the same but for punctuation",
    "a": "0165SI16",
    "b": "0165-SI16",
}
CANDIDATE: Json = {
    "golden": "MDM-IT-000123",
    "name": "CATHETER FOLEY 16FR",
    "score": 8.4,
    "probability": 0.997,
    "vetoes": [],
    "evidence": [EVIDENCE],
}
WORK_ITEM_DETAIL: Json = WORK_ITEM | {"candidates": [CANDIDATE]}
FEED: Json = {
    "changes": [
        {
            "position": 1041,
            "id": "MDM-IT-000123",
            "ids": ["MDM-IT-000123"],
            "domain": "item",
            "version": 3,
            "kind": "updated",
            "changed": ["packaging"],
            "merged_into": None,
            "change_id": "2b0c6f0e-6f35-4c39-9c43-5c8a0d1f9a11",
            "recorded_at": "2026-11-20T09:30:00Z",
        }
    ],
    "position": 1041,
    "more": False,
}
CHANGE_REQUEST: Json = {
    "id": 5,
    "kind": "retire",
    "state": "open",
    "subject": "MDM-IT-000123",
    "other": None,
    "path": "",
    "expected_version": 3,
    "diff": {"status": {"before": "live", "after": "retired"}},
    "reason": "No longer made.",
    "proposer": "maria",
    "proposed_at": "2026-11-22T08:00:00Z",
    "approver": None,
    "decided_at": None,
    "decision_reason": "",
}
SUBMISSION: Json = {
    "records": [
        {
            "code": "4711",
            "uom": "BX",
            "updated_at": "2026-11-22T08:00:00Z",
            "values": {
                "description": "CATHETER FOLEY 16FR",
                "catalogue_number": "0165SI16",
                "packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 12}],
            },
        },
        {"code": "4712", "values": {"sterile": "perhaps"}},
    ]
}
SUBMISSION_ANSWER: Json = {
    "ingest": 42,
    "received": 1,
    "new": 1,
    "changed": 0,
    "unchanged": 0,
    "refused": 1,
    "outcomes": [
        {"code": "4711", "outcome": "created", "golden": "MDM-IT-000123", "problems": [], "invalid": {}},
        {
            "code": "4712",
            "outcome": "refused",
            "golden": None,
            "problems": [{"path": "sterile", "value": "perhaps", "message": "Not a yes or no. Write Y or N."}],
            "invalid": {},
        },
    ],
}
HIT: Json = {
    "id": "MDM-IT-000123",
    "domain": "item",
    "name": "CATHETER FOLEY 16FR",
    "status": "live",
    "score": 0.96,
    "why": "foley, 16 fr",
}
_SCORED: list[Json] = [
    {"field": "prior", "label": "Before looking", "level": "empty", "similarity": 0.0, "bits": -5.0,
     "note": "the chance that a record picked at random is the one looked for", "a": "", "b": ""},
    EVIDENCE | {"bits": 12.1, "note": "the same catalogue number, written differently"},
    {"field": "sizes", "label": "Sizes", "level": "different", "similarity": 0.0, "bits": -6.4,
     "note": "sizes differ: only A: 16fr; only B: 18fr", "a": "16fr", "b": "18fr"},
]  # fmt: skip
_THRESHOLDS: Json = {"link": 3.8, "review": -2.0, "probability": 0.95, "policy_version": 0}
_ERP_SOURCE: Json = {"code_system": "erp-item", "code": "4711"}
MATCH: Json = {
    "values": {"description": "Foley catheter, 18 Fr", "catalogue_number": "0165-SI16"},
    "limit": 5,
}
MATCH_ANSWER: Json = {
    "decision": "review",
    "reason": "the best candidate conflicts",
    "thresholds": _THRESHOLDS,
    "candidates": [
        {
            "id": "MDM-IT-000123",
            "name": "CATHETER FOLEY 16FR",
            "status": "live",
            "score": 0.7,
            "probability": 0.619,
            "decision": "review",
            "margin": None,
            "vetoes": ["sizes differ: only A: 16fr; only B: 18fr"],
            "source": _ERP_SOURCE,
            "evidence": _SCORED,
        }
    ],
}
EXPLANATION: Json = {
    "one": {"asked": "MDM-IT-000123", "id": "MDM-IT-000123", "source": _ERP_SOURCE},
    "two": {"asked": "supply-item/88-102", "id": None, "source": {"code_system": "supply-item", "code": "88-102"}},
    "together": False,
    "score": 0.7,
    "probability": 0.619,
    "decision": "review",
    "verdict": "It doesn't link by itself: 4.3 bits are missing; sizes differ: only A: 16fr; only B: 18fr, which never "
    "links without asking.",
    "vetoes": ["sizes differ: only A: 16fr; only B: 18fr"],
    "obstacles": [],
    "thresholds": _THRESHOLDS,
    "why": ["Catalogue no.: the same catalogue number, written differently (+12.1)"],
    "evidence": _SCORED,
    "changes": [
        {
            "field": "sizes",
            "label": "Sizes",
            "how": "the same",
            "bits": 9.9,
            "score": 10.6,
            "vetoes": [],
            "turns": True,
            "text": "Sizes the same on both sides would bring +9.9 bits and would lift “sizes differ: only A: 16fr; "
            "only B: 18fr”: enough to link.",
        }
    ],
}
