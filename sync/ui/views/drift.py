"""Drift: comparing a target now, looking at what departs, and the three answers, each with a look at what it does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from mdm.models import User
from mdm.permissions import MANAGE_SYNC, VIEW
from mdm.ui.pages import BOTH, POST, Request, page, render
from sync import drift, pins, services
from sync.drift import Point
from sync.models import Drift, LocalException, Reconciliation, Target
from sync.ui import drifts

ANSWERS = {"push": "Send ours", "take": "Take theirs", "pin": "Let it keep theirs"}
PROBLEMS = 5  # told one by one
MONTH = dt.timedelta(days=30)


class Answer(forms.Form):
    reason = forms.CharField(max_length=500)

    def give(self, run: Reconciliation, points: Sequence[Point], actor: User) -> drift.Answered:
        pushed = drift.push(run=run, points=points, actor=actor, reason=self.cleaned_data["reason"])
        return drift.Answered(pushed)


class Take(Answer):
    def give(self, run: Reconciliation, points: Sequence[Point], actor: User) -> drift.Answered:
        return drift.take(points=points, actor=actor, reason=self.cleaned_data["reason"])


class Pin(Answer):
    owner = forms.ModelChoiceField(User.objects.filter(is_active=True), empty_label=None)
    until = forms.DateField()

    def give(self, run: Reconciliation, points: Sequence[Point], actor: User) -> drift.Answered:
        day = dt.datetime.combine(self.cleaned_data["until"], dt.time(), timezone.get_current_timezone())
        asked = {name: self.cleaned_data[name] for name in ("owner", "reason")}
        return drift.pin(points=points, until=day, actor=actor, **asked)


FORMS: dict[str, type[Answer]] = {"push": Answer, "take": Take, "pin": Pin}


@page(VIEW)
def board(request: Request, pk: int) -> HttpResponse:
    """What one comparison found, record by record."""
    run = get_object_or_404(Reconciliation.objects.select_related("target", "actor"), pk=pk)
    kind, after = request.GET.get("kind", ""), request.GET.get("after", "")
    found = drifts.page_of(run, kind, int(after) if after.isdecimal() else 0)
    context = {"section": "sync", "run": run, "page": found, "kind": kind, "kinds": Drift.Kind.choices}
    context |= {"exceptions": drifts.exceptions_of(run.target)}
    return render(request, "sync/drift.html", context)


@page(MANAGE_SYNC, BOTH)
def answer(request: Request, pk: int) -> HttpResponse:
    """What an answer would do to what was ticked; posted with a reason, the answer itself."""
    run = get_object_or_404(Reconciliation.objects.select_related("target"), pk=pk)
    asked = request.POST if request.method == "POST" else request.GET
    kind = asked.get("answer", "") if asked.get("answer") in ANSWERS else "push"
    points, form = drifts.chosen(run, asked), FORMS[kind](request.POST or None)
    if request.method == "POST" and form.is_valid():
        _tell(request, run, kind, form.give(run, points, request.user))
        return redirect("sync:drift", run.pk)
    context = {"section": "sync", "run": run, "preview": drifts.preview(kind, points), "form": form, "asked": asked}
    context |= {"title": ANSWERS[kind], "owners": drifts.owners(), "ticked": asked.getlist("point")}
    context |= {"month": timezone.localdate() + MONTH}
    return render(request, "sync/drift_answer.html", context, status=422 if form.errors else 200)


def _tell(request: Request, run: Reconciliation, kind: str, given: drift.Answered) -> None:
    what = {"push": "sent again to", "take": "to be approved, as it stands at", "pin": "left to"}[kind]
    thing = "record" if kind == "push" else "value"
    if given.done:
        messages.success(request, f"{given.done} {thing}{'' if given.done == 1 else 's'} {what} {run.target.name}.")
    for problem in given.problems[:PROBLEMS]:
        messages.warning(request, problem)
    if len(given.problems) > PROBLEMS:
        messages.warning(request, f"{len(given.problems) - PROBLEMS} more can’t be answered so.")


@page(MANAGE_SYNC, POST)
def end(request: Request, pk: int) -> HttpResponse:
    """End a local exception before its time."""
    rows = LocalException.objects.select_related("target", "record")
    exception = get_object_or_404(rows, pk=pk)
    pins.end(exception=exception, actor=request.user, reason=request.POST.get("reason", ""))
    messages.success(request, f"{exception.target.name} is sent ours with the next delivery of the record.")
    return redirect("sync:console")


@page(MANAGE_SYNC, POST)
def compare(request: Request, code: str) -> HttpResponse:
    target = get_object_or_404(Target, code=code)
    services.ask_to_compare(target=target, actor=request.user)
    messages.success(request, f"{target.name} is being read back. What departs appears here.")
    return redirect("sync:console")
