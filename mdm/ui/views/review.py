"""The review workplace: queue, compare and decide."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from mdm.canonical import LISTED
from mdm.exceptions import ConcordError, Stale
from mdm.models import Relation, WorkItem
from mdm.permissions import DECIDE, VIEW
from mdm.services import review as service
from mdm.services.undo import undo as undo_decision
from mdm.ui.pages import POST, Request, is_fragment, not_found, page, render
from mdm.ui.readers import queue as queues
from mdm.ui.readers import review as reader
from mdm.ui.readers import work
from mdm.ui.refusals import said

UNDO, UNDOABLE = "last-reviews", 20  # in the session: the items that Z takes back, the last decision last
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
    return _workplace(request, found, _find(found.first.pk) if found.first else None)


@page(VIEW)
def pair(request: Request, pk: int) -> HttpResponse:
    return _workplace(request, _queue(request), _find(pk), request.GET.get("candidate", ""))


@page(DECIDE, POST)
def decide(request: Request, pk: int) -> HttpResponse:
    """Carry out a decision and go on. Somebody else was faster: 409 and the item as it is now, with what changed.

    The same decision sent again, because its answer got lost, is answered as if it had just been made.
    """
    item, found, form = _find(pk), _queue(request), Decision(request.POST)
    try:
        if not reader.was_made(item, request.user, form.data):
            _carry_out(request, item, form)
    except ConcordError as error:
        return _refused(request, pk, form, error)
    decided = _find(pk)
    if decided.state != WorkItem.State.SNOOZED:
        request.session[UNDO] = [*request.session.get(UNDO, []), pk][-UNDOABLE:]
    again = decided.state == WorkItem.State.OPEN  # with candidates left, it shows the next one
    return _onward(request, decided if again else found.onward(pk))


def _refused(request: Request, pk: int, form: Decision, error: ConcordError) -> HttpResponse:
    now = _find(pk)
    changed = reader.what_changed(now, form.data) if error.status == Stale.status else ""
    messages.error(request, f"{error.message} {changed}".strip())
    return _workplace(request, _queue(request), now, form.data.get("candidate", ""), status=error.status)


@page(DECIDE, POST)
def undo(request: Request) -> HttpResponse:
    """Take back the last decision and show its item again."""
    last: list[int] = request.session.get(UNDO, [])
    if not last:
        messages.info(request, "There is nothing to take back.")
        return _onward(request, None)
    item = _find(last[-1])
    request.session[UNDO] = last[:-1]  # one that can't be taken back doesn't bar the way to those before it
    return _done(request, item, f"Taken back: {item.title}", lambda: undo_decision(item=item, actor=request.user))


@page(DECIDE, POST)
def claim(request: Request, pk: int) -> HttpResponse:
    """Take an item, also one that somebody else holds; or give one's own back."""
    item = _find(pk)
    whose = None if item.assignee_id == request.user.pk else request.user
    return _done(request, item, "", lambda: service.assign(item=item, assignee=whose, actor=request.user))


@page(DECIDE, POST)
def comment(request: Request, pk: int) -> HttpResponse:
    item, text = _find(pk), request.POST.get("text", "").strip()[:2000]
    if not text:
        return _onward(request, item)
    return _done(request, item, "", lambda: service.comment(item=item, text=text, actor=request.user))


def _done(request: Request, item: WorkItem, told: str, do: Callable[[], object]) -> HttpResponse:
    """Do something about an item and show it; where that is refused it is said beside the item as it is."""
    try:
        do()
    except ConcordError as error:
        messages.error(request, said(error))
        return _onward(request, item, status=error.status)
    if told:
        messages.success(request, told)
    return _onward(request, item)


def _find(pk: int) -> WorkItem:
    item = reader.find(pk)
    if item is None:
        raise not_found(f"review {pk}")
    return item


def _queue(request: Request) -> queues.Queue:
    asked = request.POST if request.method == "POST" else request.GET
    return queues.queue(request.user, queues.Asked.of({name: str(text) for name, text in asked.items()}))


def _carry_out(request: Request, item: WorkItem, form: Decision) -> None:
    if not form.is_valid():
        raise Stale("The decision was incomplete. Look at the item and decide again.")
    data = form.cleaned_data
    about = {"item": item, "actor": request.user, "expected_version": data["version"]}
    told = DECISIONS[data["decision"]](request, about, data)
    messages.success(request, f"{told}: {item.title}")


def _shown(item: WorkItem, data: dict[str, Any]) -> reader.Review:
    return reader.Review(item, data["candidate"])


def _accept(request: Request, about: dict[str, Any], data: dict[str, Any]) -> str:
    shown = _shown(about["item"], data)
    if shown.golden is None or shown.comparison is None:
        raise Stale("There is no golden record to match with any more. Decide again.")
    picks, ends = shown.comparison.picks(request.POST), shown.comparison.ends(request.POST)
    done = service.accept(**about, golden=shown.golden, picks=picks, ends=ends, reason=data["reason"])
    return "Sent to a second person" if done.resolution == "proposed" else f"Matched with {shown.golden.public_id}"


def _reject(request: Request, about: dict[str, Any], data: dict[str, Any]) -> str:
    item: WorkItem = about["item"]
    golden = None if item.kind == WorkItem.Kind.POSSIBLE_DUPLICATE else _shown(item, data).golden
    service.reject(**about, golden=golden, reason=data["reason"])
    return "Not a match"


def _new(request: Request, about: dict[str, Any], data: dict[str, Any]) -> str:
    service.create_new(**about, reason=data["reason"])
    return "A record of its own"


def _relate(request: Request, about: dict[str, Any], data: dict[str, Any]) -> str:
    item = service.relate(**about, kind=data["kind"] or Relation.Kind.RELATED, reason=data["reason"])
    return "Proposed, not the same" if "request" in item.details else "Related, not the same"


def _snooze(request: Request, about: dict[str, Any], data: dict[str, Any]) -> str:
    until = timezone.now() + dt.timedelta(days=DAYS[data["until"] or "tomorrow"])
    service.snooze(**about, until=until)
    return f"Back on {timezone.localtime(until):%d %b}"


DECISIONS = {"accept": _accept, "reject": _reject, "new": _new, "relate": _relate, "snooze": _snooze}


def _onward(request: Request, item: WorkItem | None, status: int = 200) -> HttpResponse:
    """To an item, or to the queue when there is none; a fragment swaps in place."""
    found = _queue(request)
    item = item or found.first
    address = found.address(item.pk) if item else f"{found.root}?{found.asked.query}"
    if not is_fragment(request):
        return redirect(address)
    response = _workplace(request, found, _find(item.pk) if item else None, status=status)
    response["HX-Push-Url"] = address
    return response


def _workplace(
    request: Request, found: queues.Queue, item: WorkItem | None, candidate: str = "", status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {"section": "review", "queue": found, "item": item, "domains": LISTED}
    if item is not None:
        context["review"] = reader.Review(item, candidate, found.known)
        context["previous"], context["following"] = found.after(item.pk, -1), found.after(item.pk)
        context["upcoming"] = found.onward(item.pk)  # fetched beforehand, to be there once this one is decided
        context["held"] = item.is_live and item.assignee_id not in (None, request.user.pk)
        context["relations"] = Relation.Kind.choices
    ahead = request.headers.get("Purpose") == "prefetch"  # shown after a decision, which can be taken back then
    context |= {"undo": ahead or request.session.get(UNDO), "kinds": [(kind, kind.label) for kind in work.REVIEWS]}
    return render(request, "review/review.html", context, fragment="review/work.html", status=status)
