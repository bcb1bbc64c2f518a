"""Lanes: how far each target is with each record, what was sent and what came back."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from mdm.permissions import MANAGE_SYNC, VIEW
from mdm.ui.pages import POST, Request, not_found, page, render
from sync import services
from sync.models import Lane, Target
from sync.ui import letters


@page(VIEW)
def listing(request: Request) -> HttpResponse:
    """What is not at rest, by state; or every lane of one record."""
    asked = request.GET
    state = asked.get("state", "queued") if asked.get("state") in letters.STATES else "queued"
    record, target, after = asked.get("record", "")[:20], asked.get("target", ""), asked.get("after", "")
    found = letters.page_of(state, target, record, int(after) if after.isdecimal() else 0)
    context = {"section": "sync", "page": found, "state": state, "states": letters.STATES, "record": record}
    return render(request, "sync/lanes.html", context | {"target": target, "targets": Target.objects.all()})


@page(VIEW)
def lane(request: Request, pk: int) -> HttpResponse:
    view = letters.LaneView(find(pk))
    return render(request, "sync/lane.html", {"section": "sync", "letter": view})


@page(MANAGE_SYNC, POST)
def again(request: Request, pk: int) -> HttpResponse:
    """Tell the target this record once more."""
    found = find(pk)
    reason = request.POST.get("reason", "")
    services.replay(target=found.target, records=[found.record], actor=request.user, reason=reason)
    messages.success(request, f"{found.target.name} is told again.")
    return redirect("sync:lane", pk)


def find(pk: int) -> Lane:
    found = letters.find(pk)
    if found is None:
        raise not_found(f"lane {pk}")
    return found
