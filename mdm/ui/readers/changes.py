"""Change requests as lists and as before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mdm.canonical import DOMAINS, Field, Kind
from mdm.models import ChangeRequest, GoldenRecord
from mdm.ui import words

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Change:
    label: str
    before: str
    after: str


def listing(state: str) -> list[ChangeRequest]:
    rows = ChangeRequest.objects.filter(state=state).select_related("subject", "other", "proposer", "approver")
    return list(rows[:SHOWN])


def rows(request: ChangeRequest) -> list[Change]:
    """What the change does, attribute by attribute: ``diff`` is {path: {before, after}}."""
    fields = DOMAINS[request.subject.domain].by_name if request.subject else {}
    if request.kind == ChangeRequest.Kind.RETIRE and request.subject:
        return [Change("Status", request.subject.get_status_display(), "Retired")]
    if request.kind == ChangeRequest.Kind.MERGE and request.subject and request.other:
        return [Change(request.other.public_id, "A record of its own", f"Merged into {request.subject.public_id}")]
    return [
        Change(
            fields[path].label if path in fields else path.replace("_", " ").capitalize(),
            _text(fields.get(path), part.get("before")),
            _text(fields.get(path), part.get("after")),
        )
        for path, part in request.diff.items()
        if isinstance(part, dict) and ("before" in part or "after" in part)
    ]


def is_stale(request: ChangeRequest) -> bool:
    """The record has moved on since the change was proposed."""
    return request.subject is not None and request.subject.version != request.expected_version


def _text(spec: Field | None, value: Any) -> str:
    if spec and spec.kind is Kind.REFERENCE and isinstance(value, int):
        found = GoldenRecord.objects.filter(pk=value).first()
        return found.name if found else str(value)
    return words.display(spec, value)
