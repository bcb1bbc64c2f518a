"""A golden record's past and kin: as it was on a day, going back to a version, splitting it, relating it to others."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from mdm import past
from mdm.exceptions import ConcordError
from mdm.models import ChangeRequest, GoldenRecord, Relation, SourceRecord, Substitution
from mdm.permissions import CHANGE_IDENTITY, DECIDE, OVERRIDE, VIEW
from mdm.services import relations, revert, split, substitution
from mdm.ui.forms import RelationForm
from mdm.ui.pages import BOTH, POST, Request, not_found, page, render
from mdm.ui.readers import past as reader
from mdm.ui.readers.golden import GoldenView
from mdm.ui.views.golden import find


class Moments(forms.Form):
    at = forms.DateTimeField(required=False)
    other = forms.DateTimeField(required=False)
    version = forms.IntegerField(required=False, min_value=1)


@page(VIEW)
def as_of(request: Request, domain: str, public_id: str) -> HttpResponse:
    """The record as it was (``?at=`` or ``?version=``), beside now or beside another moment (``?other=``)."""
    record, form = find(domain, public_id), Moments(request.GET)
    said = form.cleaned_data if form.is_valid() else {}
    moment = said.get("at") or timezone.now()
    if version := said.get("version"):
        moment = _event(record, version).recorded_at
    view = reader.Past(record, moment, said.get("other") or timezone.now())
    context = {"section": domain, "record": record, "domain": GoldenView(record).domain, "past": view, "said": said}
    return render(request, "records/past.html", context, status=422 if form.errors else 200)


def _event(record: GoldenRecord, version: int) -> Any:
    event = past.event_of(record, version)
    if event is None:
        raise not_found(f"version {version} of {record.public_id}")
    return event


@page(OVERRIDE, BOTH)
def back(request: Request, domain: str, public_id: str, version: int) -> HttpResponse:
    """What going back to a version would change; then, doing it."""
    record = find(domain, public_id)
    if request.method == "POST":
        return _revert(request, record, version)
    steps, event = reader.reverts(record, version), _event(record, version)
    context = {"section": domain, "record": record, "domain": GoldenView(record).domain, "steps": steps, "event": event}
    return render(request, "records/revert.html", context)


def _revert(request: Request, record: GoldenRecord, version: int) -> HttpResponse:
    paths, seen = request.POST.getlist("path"), request.POST.get("version", "")
    revert.revert(
        golden=record, version=version, paths=paths, actor=request.user, reason=request.POST.get("reason", ""),
        expected_version=int(seen) if seen.isdecimal() else 0,
    )  # fmt: skip
    waits = ChangeRequest.objects.filter(subject=record, path__in=paths, state=ChangeRequest.State.OPEN).count()
    told = f"{len(paths)} attribute{'' if len(paths) == 1 else 's'} as in version {version} again."
    messages.success(request, f"{told} A second person has to approve {waits} of them." if waits else told)
    return redirect("golden", record.domain, record.public_id)


@page(CHANGE_IDENTITY, BOTH)
def divide(request: Request, domain: str, public_id: str) -> HttpResponse:
    """Which sources leave (``source``), and what both records would say; then, splitting them off."""
    record = find(domain, public_id)
    sources = list(SourceRecord.objects.filter(golden=record).select_related("code_system__system").order_by("pk"))
    data = request.POST if request.method == "POST" else request.GET
    leaving = [source for source in sources if str(source.pk) in data.getlist("source")]
    if request.method == "POST":
        fresh = split.split(golden=record, sources=leaving, actor=request.user, reason=request.POST.get("reason", ""))
        messages.success(request, f"{fresh.public_id} stands on its own now.")
        return redirect("golden", domain, fresh.public_id)
    context = {"section": domain, "record": record, "domain": GoldenView(record).domain, "sources": sources}
    context |= {"leaving": leaving, "all": len(leaving) == len(sources)}
    context["halves"] = reader.halves(record, leaving) if 0 < len(leaving) < len(sources) else None
    return render(request, "records/split.html", context, fragment="records/halves.html")


@page(DECIDE, BOTH)
def relate(request: Request, domain: str, public_id: str) -> HttpResponse:
    """Relate this record to another one."""
    record = find(domain, public_id)
    form = RelationForm(record, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            messages.success(request, _related(request, form))
            return redirect(reverse("golden", args=[domain, public_id]) + "#relations")
        except ConcordError as error:
            form.add_error(None, error.message)
    context = {"section": domain, "record": record, "domain": GoldenView(record).domain, "form": form}
    return render(request, "records/relate.html", context, status=422 if form.errors else 200)


def _related(request: Request, form: RelationForm) -> str:
    if form.is_substitute:
        substitution.propose(**form.substitution(), actor=request.user)
        return "Proposed: in force once a second person approves."
    relations.relate(**form.related(), actor=request.user)
    return "Related."


@page(DECIDE, POST)
def unrelate(request: Request, domain: str, public_id: str, pk: int) -> HttpResponse:
    relation = get_object_or_404(Relation, pk=pk)
    relations.end(relation=relation, actor=request.user, reason=request.POST.get("reason", ""))
    messages.success(request, "The relation has ended.")
    return redirect(reverse("golden", args=[domain, public_id]) + "#relations")


@page(CHANGE_IDENTITY, POST)
def end_substitute(request: Request, domain: str, public_id: str, pk: int) -> HttpResponse:
    row = get_object_or_404(Substitution, pk=pk)
    substitution.end(substitution=row, actor=request.user, reason=request.POST.get("reason", ""))
    messages.success(request, "It may not be used in its place any more.")
    return redirect(reverse("golden", args=[domain, public_id]) + "#relations")
