"""Webhooks: who is told of changes, how far each is, and their secrets, which are shown once."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from mdm.exceptions import InvalidValue
from mdm.permissions import SUBSCRIBE
from mdm.ui.pages import POST, Request, not_found, page, render
from sync import overlap, webhooks
from sync.models import Webhook


@page(SUBSCRIBE)
def listing(request: Request) -> HttpResponse:
    return _show(request)


@page(SUBSCRIBE, POST)
def rotate(request: Request, pk: UUID) -> HttpResponse:
    """A new secret. It is in this answer alone: no redirect could carry it."""
    text = request.POST.get("hours", "")
    if not text.isdecimal():
        raise InvalidValue("Say for how many hours the old secret goes on signing.")
    turned, secret = webhooks.rotate(webhook=_find(request, pk), actor=request.user, hours=int(text[:6]))
    response = _show(request, turned=turned, secret=secret)
    response["Cache-Control"] = "no-store"
    return response


@page(SUBSCRIBE, POST)
def resume(request: Request, pk: UUID) -> HttpResponse:
    found = webhooks.resume(webhook=_find(request, pk), actor=request.user)
    messages.success(request, f"{found.url} is told of changes from where it stopped.")
    return redirect("sync:webhooks")


@page(SUBSCRIBE, POST)
def end(request: Request, pk: UUID) -> HttpResponse:
    found = _find(request, pk)
    webhooks.unsubscribe(webhook=found, actor=request.user)
    messages.success(request, f"{found.url} is told of nothing more.")
    return redirect("sync:webhooks")


def _show(request: Request, *, turned: Webhook | None = None, secret: str = "") -> HttpResponse:
    context = {"section": "sync", "webhooks": webhooks.within_reach(request.user), "turned": turned, "secret": secret}
    return render(request, "sync/webhooks.html", context | {"hours": overlap.OVERLAP, "most": overlap.MOST_OVERLAP})


def _find(request: Request, pk: UUID) -> Webhook:
    found = webhooks.within_reach(request.user).filter(pk=pk).first()
    if found is None:
        raise not_found(f"webhook {pk} of yours")
    return found
