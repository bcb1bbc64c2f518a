"""Messages that came in: those to mend, what each said and what became of it, and having them processed again."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from mdm.exceptions import InvalidValue
from mdm.permissions import ADMINISTER, IMPORT
from mdm.ui.pages import POST, Request, not_found, page, render
from sync.inbound import messages as inbound
from sync.models import InboundMessage, InboundSource
from sync.ui import inbox


@page(IMPORT)
def listing(request: Request) -> HttpResponse:
    asked = request.GET
    state = asked.get("state", "") if asked.get("state") in inbox.STATES else "open"
    source, before = asked.get("source", "")[:40], asked.get("before", "")
    found = inbox.page_of(state, source, int(before) if before.isdecimal() else 0)
    context = {"section": "import", "page": found, "state": state, "states": inbox.STATES, "source": source}
    return render(request, "sync/messages.html", context | {"sources": InboundSource.objects.all()})


@page(IMPORT)
def message(request: Request, pk: int) -> HttpResponse:
    return render(request, "sync/message.html", {"section": "import", "view": inbox.MessageView(find(pk))})


@page(IMPORT, POST)
def again(request: Request) -> HttpResponse:
    """Process the ticked messages again, or all of a source that wait to be mended."""
    chosen = _chosen(request)
    count = inbound.process_again(messages=chosen, actor=request.user, reason=request.POST.get("reason", ""))
    messages.success(request, f"{count} message{'' if count == 1 else 's'} processed again.")
    return _back(request, chosen)


@page(IMPORT, POST)
def discard(request: Request) -> HttpResponse:
    chosen = _chosen(request)
    count = inbound.discard(messages=chosen, actor=request.user, reason=request.POST.get("reason", ""))
    messages.success(request, f"{count} message{'' if count == 1 else 's'} given up.")
    return _back(request, chosen)


@page(ADMINISTER, POST)
def profile(request: Request, pk: int) -> HttpResponse:
    """Mend how a source's messages are read, and process this one again."""
    found = find(pk)
    try:
        stated = json.loads(request.POST.get("profile", ""))
    except ValueError as error:
        raise InvalidValue(f"The profile is no JSON: {error}.") from None
    if not isinstance(stated, dict):
        raise InvalidValue("The profile is a JSON object: setting to value.")
    inbound.mend(message=found, profile=stated, actor=request.user)
    messages.success(request, f"Messages of {found.source.name} are read like this now. This one is processed again.")
    return redirect("sync:message", pk)


def _chosen(request: Request) -> list[InboundMessage]:
    ticked = [int(one) for one in request.POST.getlist("message") if one.isdecimal()]
    rows = InboundMessage.objects.defer("payload")
    if source := request.POST.get("whole", ""):
        return list(rows.filter(source__code=source, state__in=InboundMessage.OPEN))
    return list(rows.filter(pk__in=ticked))


def _back(request: Request, chosen: list[InboundMessage]) -> HttpResponse:
    alone = request.POST.get("alone") and len(chosen) == 1
    return redirect("sync:message", chosen[0].pk) if alone else redirect("sync:messages")


def find(pk: int) -> InboundMessage:
    found = inbox.find(pk)
    if found is None:
        raise not_found(f"message {pk}")
    return found
