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
from sync.ui import drifts, letters, readers


@page(VIEW)
def console(request: Request) -> HttpResponse:
    groups = letters.dead(request.GET.get("target", ""))
    first = letters.find_dead(groups[0].lanes[0].pk) if groups else None
    context: dict[str, Any] = {"section": "sync", "groups": groups, "dead_total": sum(g.number for g in groups)}
    context["letter"] = letters.LaneView(first) if first else None
    context |= {"chosen": request.GET.get("target", ""), "compared": drifts.board()}
    return render(request, "sync/console.html", context | _live())


@page(VIEW)
def live(request: Request) -> HttpResponse:
    """Targets and outbox, asked for every few seconds while somebody looks."""
    return render(request, "sync/live.html", _live(), fragment="sync/parts/live.html")


@page(VIEW)
def letter(request: Request, pk: int) -> HttpResponse:
    """One failed delivery; where somebody dealt with it a moment ago, how it stands now."""
    lane = letters.find(pk)
    if lane is None:
        raise not_found(f"delivery {pk}")
    context = {"section": "sync", "letter": letters.LaneView(lane)}
    return render(request, "sync/letter.html", context, fragment="sync/parts/letter.html")


@page(MANAGE_SYNC, POST)
def decide(request: Request) -> HttpResponse:
    """Retry or skip the ticked deliveries, or all that failed for one kind of reason."""
    reason, whole = request.POST.get("reason", ""), request.POST.get("whole", "")
    if whole:
        code, _, error_class = whole.partition("/")
        target = get_object_or_404(Target, code=code)
        done = services.retry_class(target=target, error_class=error_class, actor=request.user, reason=reason)
        return _done(request, done, "sent again")
    chosen = [int(pk) for pk in request.POST.getlist("lane") if pk.isdecimal()]
    lanes = list(Lane.objects.filter(pk__in=chosen, state=Lane.State.DEAD).select_related("record"))
    if request.POST.get("decision") == "skip":
        return _done(request, services.skip(lanes=lanes, actor=request.user, reason=reason), "skipped")
    return _done(request, services.retry(lanes=lanes, actor=request.user, reason=reason), "sent again")


def _done(request: Request, number: int, what: str) -> HttpResponse:
    messages.success(request, f"{number} {'delivery' if number == 1 else 'deliveries'} {what}.")
    return redirect("sync:console")


@page(MANAGE_SYNC, POST)
def edit(request: Request) -> HttpResponse:
    """Mend the value that the target refused, and send the record again."""
    pk = request.POST.get("lane", "")
    lane = letters.find_dead(int(pk)) if pk.isdecimal() else None
    if lane is None:
        raise not_found("failed delivery here any more")
    said = {name: request.POST.get(name, "") for name in ("path", "value", "reason")}
    services.edit_and_retry(lane=lane, actor=request.user, **said)
    return _done(request, 1, "mended and sent again")


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


@page(MANAGE_SYNC, POST)
def probe(request: Request, code: str) -> HttpResponse:
    """Try a target that did not answer now."""
    target = get_object_or_404(Target, code=code)
    services.probe(target=target, actor=request.user)
    messages.success(request, f"{target.name} is tried now.")
    return redirect("sync:console")


def _live() -> dict[str, Any]:
    states = readers.targets()
    return {"targets": states, "flow": readers.flow(states)}
