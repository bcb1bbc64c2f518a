"""The audit log: who did what, when and why."""

from __future__ import annotations

from django.http import HttpResponse, StreamingHttpResponse

from mdm.permissions import VIEW_AUDIT
from mdm.services import audit_export
from mdm.ui.pages import Request, page, render
from mdm.ui.readers import audit as reader


@page(VIEW_AUDIT)
def listing(request: Request) -> HttpResponse:
    """Newest first; ``before`` is the id of the entry to go on below."""
    asked = reader.Asked.of(request.GET.dict())
    context = {"section": "audit", "asked": asked, "page": reader.page_of(asked, request.GET.get("before", ""))}
    context |= {"people": reader.people(), "kinds": reader.kinds()}
    return render(request, "audit/list.html", context, fragment="audit/rows.html")


@page(VIEW_AUDIT)
def export(request: Request) -> StreamingHttpResponse:
    """What is asked for as CSV, oldest first."""
    asked = reader.Asked.of(request.GET.dict())
    entries = audit_export.begin(entries=asked.entries(), asked=asked.kept, actor=request.user)
    answer = StreamingHttpResponse(audit_export.lines(entries), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return answer
