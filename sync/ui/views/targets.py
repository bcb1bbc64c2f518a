"""Targets: what each is set up to do, who changed it, and the form that changes it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from mdm.exceptions import ConcordError
from mdm.permissions import ADMINISTER, VIEW
from mdm.ui.pages import BOTH, POST, Request, page, render
from sync import configuring
from sync.models import Target, TargetVersion
from sync.ui import drifts, target_page
from sync.ui.target_form import Basics, Settings


def _target(code: str) -> Target:
    return get_object_or_404(Target.objects.select_related("system"), code=code)


@page(VIEW)
def target(request: Request, code: str) -> HttpResponse:
    """One target: its settings, its versions, what it may keep."""
    found = _target(code)
    context = {"section": "sync", "target": found, "view": target_page.TargetPage(found)}
    return render(request, "sync/target.html", context | {"exceptions": drifts.exceptions_of(found)})


@page(ADMINISTER, BOTH)
def new(request: Request) -> HttpResponse:
    """First what it is; the settings depend on the adapter."""
    asked = request.POST if request.method == "POST" else request.GET
    basics = Basics(asked or None)
    if not basics.is_valid() or Target.objects.filter(code=asked.get("code", "")).exists():
        taken = basics.is_bound and basics.is_valid()
        context = {"section": "sync", "form": basics, "taken": taken}
        return render(request, "sync/target_new.html", context, status=422 if basics.is_bound else 200)
    return _form(request, basics.draft())


@page(ADMINISTER, BOTH)
def edit(request: Request, code: str) -> HttpResponse:
    return _form(request, _target(code))


def _form(request: Request, target: Target) -> HttpResponse:
    """The form, what it would do when it is checked, and the change itself when it is saved."""
    form = Settings(request.POST or None, target)
    context: dict[str, Any] = {"section": "sync", "target": target, "form": form}
    if request.method == "POST" and form.is_valid():
        try:
            context["checked"] = target_page.check(form, anyway=bool(request.POST.get("anyway")))
            if request.POST.get("act") == "save":
                return _save(request, target, form)
        except ConcordError as error:
            context["problem"] = error.message
    return render(request, "sync/target_edit.html", context, status=422 if form.errors or "problem" in context else 200)


def _save(request: Request, target: Target, form: Settings) -> HttpResponse:
    version = request.POST.get("version", "")
    done = configuring.configure(
        code=target.code,
        settings=form.settings,
        secrets=form.secrets,
        hours=form.hours_of_overlap,
        actor=request.user,
        reason=form.cleaned_data["reason"],
        expected_version=int(version) if version.isdecimal() else 0,
    )
    messages.success(request, f"{done.target.name}: saved as version {done.target.version}; {done.lanes} to be sent.")
    return redirect("sync:target", target.code)


@page(ADMINISTER, POST)
def revert(request: Request, code: str, number: int) -> HttpResponse:
    """Bring an earlier version of the settings back."""
    rows = TargetVersion.objects.select_related("target__system")
    version = get_object_or_404(rows, target__code=code, number=number)
    done = configuring.bring_back(version=version, actor=request.user, reason=request.POST.get("reason", ""))
    messages.success(request, f"{done.target.name} is set up as in version {number}; {done.lanes} to be sent.")
    return redirect("sync:target", code)
