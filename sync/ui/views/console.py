"""The sync console: targets, the outbox, and deliveries that failed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from mdm.permissions import MANAGE_SYNC, VIEW
from mdm.ui.pages import POST, Request, not_found, page, render
from sync import services
from sync.models import Lane, Target
from sync.ui import readers


@page(VIEW)
def console(request: Request) -> HttpResponse:
    lanes = readers.dead(request.GET.get("target", ""))
    first = readers.find_dead(lanes[0].pk) if lanes else None
    context: dict[str, Any] = {"section": "sync", "lanes": lanes}
    context["letter"] = readers.DeadLetter(first) if first else None
    context |= {"chosen": request.GET.get("target", ""), "reconciliations": readers.reconciliations()}
    return render(request, "sync/console.html", context | _live())


@page(VIEW)
def live(request: Request) -> HttpResponse:
    """Targets and outbox, asked for every few seconds while somebody looks."""
    return render(request, "sync/live.html", _live(), fragment="sync/parts/live.html")


@page(VIEW)
def letter(request: Request, pk: int) -> HttpResponse:
    """One failed delivery."""
    lane = readers.find_dead(pk)
    if lane is None:
        raise not_found("failed delivery here any more")
    context = {"section": "sync", "letter": readers.DeadLetter(lane)}
    return render(request, "sync/letter.html", context, fragment="sync/parts/letter.html")


@page(MANAGE_SYNC, POST)
def decide(request: Request) -> HttpResponse:
    """Retry or skip the ticked deliveries."""
    chosen = [int(pk) for pk in request.POST.getlist("lane") if pk.isdecimal()]
    lanes = list(Lane.objects.filter(pk__in=chosen, state=Lane.State.DEAD).select_related("record"))
    reason = request.POST.get("reason", "")
    if request.POST.get("decision") == "skip":
        done, told = services.skip(lanes=lanes, actor=request.user, reason=reason), "skipped"
    else:
        done, told = services.retry(lanes=lanes, actor=request.user, reason=reason), "sent again"
    messages.success(request, f"{done} {'delivery' if done == 1 else 'deliveries'} {told}.")
    return redirect("sync:console")


@page(MANAGE_SYNC, POST)
def switch(request: Request, code: str) -> HttpResponse:
    """Pause a target, or let it go on."""
    target, reason = get_object_or_404(Target, code=code), request.POST.get("reason", "")
    if target.paused:
        services.resume(target=target, actor=request.user, reason=reason)
        messages.success(request, f"{target.name} goes on.")
    else:
        services.pause(target=target, actor=request.user, reason=reason)
        messages.success(request, f"{target.name} is paused; its deliveries wait.")
    return redirect("sync:console")


def _live() -> dict[str, Any]:
    states = readers.targets()
    return {"targets": states, "flow": readers.flow(states)}
