"""The review workplace: queue, compare and decide."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from mdm.canonical import DOMAINS
from mdm.exceptions import ConcordError, Stale
from mdm.models import Relation, WorkItem
from mdm.permissions import DECIDE, VIEW
from mdm.services import review as service
from mdm.services.undo import undo as undo_decision
from mdm.ui.pages import POST, Request, is_fragment, not_found, page, render
from mdm.ui.readers import review as reader

UNDO = "last-review"  # in the session: the item that Z takes back
DAYS = {"tomorrow": 1, "week": 7, "month": 30}


class Decision(forms.Form):
    decision = forms.ChoiceField(choices=[(d, d) for d in ("accept", "reject", "new", "relate", "snooze")])
    version = forms.IntegerField(min_value=1)
    candidate = forms.CharField(required=False, max_length=20)
    reason = forms.CharField(required=False, max_length=500)
    kind = forms.ChoiceField(required=False, choices=Relation.Kind.choices)
    until = forms.ChoiceField(required=False, choices=[(d, d) for d in DAYS])


@page(VIEW)
def queue(request: Request) -> HttpResponse:
    """The first item of the queue, or what to do when it is clear."""
    found = _queue(request)
    return _workplace(request, found, found.first)


@page(VIEW)
def pair(request: Request, pk: int) -> HttpResponse:
    return _workplace(request, _queue(request), _find(pk), request.GET.get("candidate", ""))


@page(DECIDE, POST)
def decide(request: Request, pk: int) -> HttpResponse:
    """Carry out a decision and go on. Somebody else was faster: 409 and the item as it is now."""
    item, found, form = _find(pk), _queue(request), Decision(request.POST)
    try:
        _carry_out(request, item, form)
    except ConcordError as error:
        messages.error(request, error.message)
        return _workplace(request, _queue(request), _find(pk), form.data.get("candidate", ""), status=error.status)
    decided = _find(pk)
    if decided.state == WorkItem.State.DONE:
        request.session[UNDO] = pk
    again = decided.state == WorkItem.State.OPEN  # with candidates left, it shows the next one
    return _onward(request, decided if again else found.after(pk) or found.after(pk, -1))


@page(DECIDE, POST)
def undo(request: Request) -> HttpResponse:
    """Take back the last decision and show its item again."""
    item = _find(request.session.get(UNDO, 0))
    undo_decision(item=item, actor=request.user)
    del request.session[UNDO]
    messages.success(request, f"Taken back: {item.title}")
    return _onward(request, item)


@page(DECIDE, POST)
def claim(request: Request, pk: int) -> HttpResponse:
    item = _find(pk)
    mine = item.assignee_id == request.user.pk
    service.assign(item=item, assignee=None if mine else request.user, actor=request.user)
    return _onward(request, item)


@page(DECIDE, POST)
def comment(request: Request, pk: int) -> HttpResponse:
    item, text = _find(pk), request.POST.get("text", "").strip()[:2000]
    if text:
        service.comment(item=item, text=text, actor=request.user)
    return _onward(request, item)


def _find(pk: int) -> WorkItem:
    item = reader.find(pk)
    if item is None:
        raise not_found(f"review {pk}")
    return item


def _queue(request: Request) -> reader.Queue:
    asked = request.POST if request.method == "POST" else request.GET
    domain = asked.get("domain", "")
    return reader.queue(request.user, asked.get("view", "team"), domain if domain in DOMAINS else "")


def _carry_out(request: Request, item: WorkItem, form: Decision) -> None:
    if not form.is_valid():
        raise Stale("The decision was incomplete. Look at the item and decide again.")
    data = form.cleaned_data
    said = {"item": item, "actor": request.user, "expected_version": data["version"]}
    match data["decision"]:
        case "accept":
            told = _accept(request, said, data)
        case "reject":
            golden = None if item.kind == WorkItem.Kind.POSSIBLE_DUPLICATE else _shown(item, data).golden
            service.reject(**said, golden=golden, reason=data["reason"])
            told = "Not a match"
        case "new":
            service.create_new(**said, reason=data["reason"])
            told = "A record of its own"
        case "relate":
            service.relate(**said, kind=data["kind"] or Relation.Kind.RELATED, reason=data["reason"])
            told = "Related, not the same"
        case _:
            until = timezone.now() + dt.timedelta(days=DAYS[data["until"] or "tomorrow"])
            service.snooze(**said, until=until)
            told = f"Back on {until:%d %b}"
    messages.success(request, f"{told}: {item.title}")


def _shown(item: WorkItem, data: dict[str, Any]) -> reader.Review:
    return reader.Review(item, data["candidate"])


def _accept(request: Request, said: dict[str, Any], data: dict[str, Any]) -> str:
    shown = _shown(said["item"], data)
    if shown.golden is None or shown.comparison is None:
        raise Stale("There is no golden record to match with any more. Decide again.")
    picks = shown.comparison.picks(request.POST)
    done = service.accept(**said, golden=shown.golden, picks=picks, reason=data["reason"])
    return "Sent to a second person" if done.resolution == "proposed" else f"Matched with {shown.golden.public_id}"


def _onward(request: Request, item: WorkItem | None) -> HttpResponse:
    """To an item, or to the queue when there is none; a fragment swaps in place."""
    asked = _queue(request)
    address = reverse("review-item", args=[item.pk]) if item else reverse("review")
    if not is_fragment(request):
        return redirect(f"{address}?view={asked.view}&domain={asked.domain}")
    response = _workplace(request, asked, _find(item.pk) if item else asked.first)
    response["HX-Push-Url"] = f"{address}?view={asked.view}&domain={asked.domain}"
    return response


def _workplace(
    request: Request, found: reader.Queue, item: WorkItem | None, candidate: str = "", status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {"section": "review", "queue": found, "item": item, "domains": DOMAINS.values()}
    if item is not None:
        context["review"] = reader.Review(item, candidate)
        context["previous"], context["following"] = found.after(item.pk, -1), found.after(item.pk)
        context["relations"] = Relation.Kind.choices
    context["undo"] = request.session.get(UNDO)
    return render(request, "review/review.html", context, fragment="review/work.html", status=status)
