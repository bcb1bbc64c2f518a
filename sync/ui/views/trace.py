"""Traces: one version's way from the feeds to the targets."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect

from mdm import past
from mdm.models import GoldenRecord
from mdm.permissions import VIEW
from mdm.ui.pages import Request, not_found, page, render
from mdm.ui.readers import records
from sync.ui import traces

QUERY_LENGTH = 120


@page(VIEW)
def search(request: Request) -> HttpResponse:
    """By a public id or any system's code; to begin with, the latest versions."""
    query = request.GET.get("q", "").replace("\x00", "").strip()[:QUERY_LENGTH]
    found = records.exact(query) if query else None
    if found is not None:
        return redirect("sync:trace", found.public_id)
    return render(request, "sync/traces.html", {"section": "trace", "find": query, "newest": traces.newest()})


@page(VIEW)
def trace(request: Request, public_id: str) -> HttpResponse:
    record = GoldenRecord.objects.filter(public_id=public_id).first()
    if record is None:
        raise not_found(f"record {public_id}")
    asked = request.GET.get("version", "")
    event = past.event_of(record, int(asked) if asked.isdecimal() and len(asked) < 9 else record.version)
    if event is None:
        raise not_found(f"version {asked} of {public_id}")
    return render(
        request, "sync/trace.html", {"section": "trace", "record": record, "trace": traces.Trace(record, event)}
    )
