"""Exports: asking for one, looking whether it is ready, and fetching it."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django_htmx.http import HTMX_STOP_POLLING

from mdm import filters
from mdm.models import Export
from mdm.permissions import VIEW
from mdm.services import export
from mdm.ui import preferences
from mdm.ui.pages import POST, Request, is_fragment, not_found, page, render
from mdm.ui.readers import records as reader

SHOWN = 30
ACTIVE = (Export.State.WAITING, Export.State.RUNNING)


@page(VIEW, POST)
def ask(request: Request, domain: str) -> HttpResponse:
    """All that the list's filter finds, with the columns shown or with every one."""
    wanted = filters.parse(domain, request.POST)
    chosen = reader.columns(wanted.domain, preferences.columns(request.user, domain))
    every = request.POST.get("columns") == "all"
    names = [spec.name for spec in (reader.choosable(wanted.domain) if every else chosen)]
    export.ask(wanted=wanted, columns=names, format=request.POST.get("format", ""), actor=request.user)
    messages.success(request, "The export is being written; it appears here.")
    return redirect("exports")


@page(VIEW)
def listing(request: Request) -> HttpResponse:
    """One's own exports, asked for again while one is being written."""
    found = list(Export.objects.filter(user=request.user)[:SHOWN])
    Export.objects.filter(user=request.user, state=Export.State.DONE, seen=False).update(seen=True)
    active = any(one.state in ACTIVE for one in found)
    context = {"section": "exports", "exports": found, "active": active, "days": export.KEPT.days}
    status = 200 if active or not is_fragment(request) else HTMX_STOP_POLLING
    return render(request, "exports/list.html", context, fragment="exports/rows.html", status=status)


@page(VIEW)
def download(request: Request, pk: int) -> HttpResponse | FileResponse:
    found = get_object_or_404(Export, pk=pk, user=request.user, state=Export.State.DONE)
    path = Path(settings.MEDIA_ROOT) / found.path
    if not path.is_file():
        raise not_found("file of this export any more")
    name = f"{found.domain}-{timezone.localdate(found.requested_at)}-{found.pk}.{found.format}"
    return FileResponse(path.open("rb"), as_attachment=True, filename=name)
