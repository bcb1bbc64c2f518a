"""One change to several records: what it would do, then doing it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from mdm import filters
from mdm.exceptions import ConcordError
from mdm.models import GoldenRecord
from mdm.permissions import OVERRIDE
from mdm.services import bulk_change
from mdm.ui.pages import POST, Request, page, render


@page(OVERRIDE, POST)
def preview(request: Request, domain: str) -> HttpResponse:
    """What the change would do to the ticked records, or to all that the filter finds."""
    records, wanted = _records(request, domain), filters.parse(domain, request.POST)
    said = {name: request.POST.get(name, "") for name in ("action", "path", "value")}
    context: dict[str, Any] = {"section": domain, "domain": wanted.domain, "records": records, "filter": wanted, **said}
    context |= {"settable": bulk_change.settable(domain), "most": bulk_change.MOST}
    try:
        context["preview"] = _preview(records, said)
    except ConcordError as error:
        context["error"] = error.message
    return render(request, "records/bulk.html", context, status=422 if "error" in context else 200)


def _preview(records: list[GoldenRecord], said: dict[str, str]) -> bulk_change.Preview | None:
    if said["action"] == "retire":
        return bulk_change.preview_retirement(records)
    if said["action"] == "set" and said["path"]:
        return bulk_change.preview_value(records, said["path"], said["value"])
    return None


@page(OVERRIDE, POST)
def apply(request: Request, domain: str) -> HttpResponse:
    """Do it: all or nothing."""
    records, reason = _records(request, domain), request.POST.get("reason", "")
    if request.POST.get("action") == "retire":
        done, waiting = bulk_change.retire(records=records, actor=request.user, reason=reason)
    else:
        path, value = request.POST.get("path", ""), request.POST.get("value", "")
        done, waiting = bulk_change.set_value(
            records=records, path=path, value=value, actor=request.user, reason=reason
        )
    told = f"{done} record{'' if done == 1 else 's'} changed."
    messages.success(request, f"{told} {waiting} wait for a second person." if waiting else told)
    return redirect("records", domain)


def _records(request: Request, domain: str) -> list[GoldenRecord]:
    """The ticked ones; with ``all``, those that the filter finds, up to one more than may be changed at once."""
    if request.POST.get("all"):
        wanted = filters.parse(domain, request.POST)
        return list(wanted.rows().order_by("name", "pk")[: bulk_change.MOST + 1])
    ticked = request.POST.getlist("record")[: bulk_change.MOST + 1]
    return list(GoldenRecord.objects.filter(domain=domain, public_id__in=ticked).order_by("name", "pk"))
