"""Drift: comparing a target now, looking at what departs, and sending our version again."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from mdm.permissions import MANAGE_SYNC, VIEW
from mdm.ui.pages import POST, Request, page, render
from sync import services
from sync.models import Drift, Reconciliation, Target
from sync.ui import drifts


@page(VIEW)
def board(request: Request, pk: int) -> HttpResponse:
    """What one comparison found, record by record."""
    run = get_object_or_404(Reconciliation.objects.select_related("target", "actor"), pk=pk)
    kind, after = request.GET.get("kind", ""), request.GET.get("after", "")
    found = drifts.page_of(run, kind, int(after) if after.isdecimal() else 0)
    context = {"section": "sync", "run": run, "page": found, "kind": kind, "kinds": Drift.Kind.choices}
    return render(request, "sync/drift.html", context)


@page(MANAGE_SYNC, POST)
def push(request: Request, pk: int) -> HttpResponse:
    """Send our version of the ticked records again, or of all that drifted."""
    run = get_object_or_404(Reconciliation.objects.select_related("target"), pk=pk)
    ticked = [int(one) for one in request.POST.getlist("drift") if one.isdecimal()]
    chosen = None if request.POST.get("all") else list(run.drifts.filter(pk__in=ticked))
    pushed = services.push(run=run, drifts=chosen, actor=request.user, reason=request.POST.get("reason", ""))
    messages.success(request, f"{pushed} record{'' if pushed == 1 else 's'} sent again to {run.target.name}.")
    return redirect("sync:console")


@page(MANAGE_SYNC, POST)
def compare(request: Request, code: str) -> HttpResponse:
    target = get_object_or_404(Target, code=code)
    services.ask_to_compare(target=target, actor=request.user)
    messages.success(request, f"{target.name} is being read back. What departs appears here.")
    return redirect("sync:console")
