"""The audit log: who did what, when and why."""

from __future__ import annotations

from django.http import HttpResponse

from mdm.models import AuditEntry
from mdm.permissions import VIEW_AUDIT
from mdm.ui.pages import Request, page, render

PAGE = 60


@page(VIEW_AUDIT)
def listing(request: Request) -> HttpResponse:
    """Newest first; ``before`` is the id of the entry to go on below."""
    before, record = request.GET.get("before", ""), request.GET.get("record", "")[:20]
    entries = AuditEntry.objects.select_related("actor", "golden")
    if record:
        entries = entries.filter(golden__public_id=record)
    if before.isdecimal():
        entries = entries.filter(pk__lt=int(before))
    found = list(entries[: PAGE + 1])
    older = found[PAGE - 1].pk if len(found) > PAGE else None
    context = {"section": "audit", "entries": found[:PAGE], "older": older, "record": record}
    return render(request, "audit/list.html", context, fragment="audit/rows.html")
