"""Work items that are not reviews: invalid data, feed problems, failed deliveries."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from mdm.models import WorkItem
from mdm.permissions import DECIDE, VIEW
from mdm.services import work as service
from mdm.ui.pages import POST, Request, not_found, page, render
from mdm.ui.readers import work as reader


@page(VIEW)
def listing(request: Request) -> HttpResponse:
    kind = request.GET.get("kind", "")
    kind = kind if kind in reader.OTHERS else ""
    context = {"section": "work", "items": reader.others(kind), "kind": kind, "kinds": reader.kinds()}
    return render(request, "work/list.html", context)


@page(VIEW)
def item(request: Request, pk: int) -> HttpResponse:
    found = _find(pk)
    if found.kind in reader.REVIEWS:
        return redirect("review-item", pk)
    if found.change_request_id:
        return redirect("change", found.change_request_id)
    closable = found.is_live and found.kind in service.PROBLEMS
    return render(request, "work/item.html", {"section": "work", "item": found, "closable": closable})


@page(DECIDE, POST)
def close(request: Request, pk: int) -> HttpResponse:
    """Say that the problem is dealt with."""
    version, reason = request.POST.get("version", ""), request.POST.get("reason", "")
    seen = int(version) if version.isdecimal() else 0
    service.dealt_with(item=_find(pk), actor=request.user, expected_version=seen, reason=reason)
    messages.success(request, "Closed.")
    return redirect("work")


def _find(pk: int) -> WorkItem:
    rows = WorkItem.objects.select_related("golden", "source__code_system__system", "ingest", "assignee", "resolved_by")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise not_found(f"work item {pk}")
    return found
