"""The group behind a golden record, and splitting it by selection."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from mdm.models import SourceRecord
from mdm.permissions import CHANGE_IDENTITY, VIEW
from mdm.services import split as service
from mdm.ui.pages import POST, Request, page, render
from mdm.ui.readers.group import Group
from mdm.ui.views.golden import find


@page(VIEW)
def group(request: Request, domain: str, public_id: str) -> HttpResponse:
    record = find(domain, public_id)
    return render(request, "records/group.html", {"section": domain, "record": record, "group": Group(record)})


@page(CHANGE_IDENTITY, POST)
def split(request: Request, domain: str, public_id: str) -> HttpResponse:
    """Give the ticked source records a golden record of their own."""
    record = find(domain, public_id)
    chosen = [int(text) for text in request.POST.getlist("source") if text.isdecimal()]
    sources = list(SourceRecord.objects.filter(pk__in=chosen, golden=record))
    fresh = service.split(golden=record, sources=sources, actor=request.user, reason=request.POST.get("reason", ""))
    messages.success(request, f"{len(sources)} split off as {fresh.public_id}: they won't be joined again.")
    return redirect("golden-group", domain, public_id)
