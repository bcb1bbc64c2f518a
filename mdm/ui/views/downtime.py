"""Downtime packs: which sites get them, the newest of each, and the key that signs them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from mdm.exceptions import ConcordError
from mdm.models import CodeSystem, DowntimePack, DowntimePlan, GoldenRecord
from mdm.permissions import ADMINISTER, LOOKUP, VIEW
from mdm.services import downtime, downtime_keys
from mdm.ui.pages import POST, Request, not_found, page, render
from mdm.ui.readers import downtime as reader

State = DowntimePack.State


class Plan(forms.Form):
    site = forms.CharField(
        required=False, max_length=20, widget=forms.TextInput(attrs={"class": "input mono", "list": "sites"})
    )
    every_hours = forms.IntegerField(min_value=1, initial=6, label="Made every … hours")
    valid_hours = forms.IntegerField(min_value=1, max_value=downtime.LONGEST, initial=72, label="Expires after … hours")
    code_systems = forms.MultipleChoiceField(
        required=False, label="Only these code systems", widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        slugs = CodeSystem.objects.values_list("slug", flat=True)
        self.fields["code_systems"].choices = [(slug, slug) for slug in slugs]  # type: ignore[attr-defined]
        for name in ("every_hours", "valid_hours"):
            self.fields[name].widget.attrs["class"] = "input"

    def clean_site(self) -> GoldenRecord | None:
        if not (public_id := self.cleaned_data["site"].strip()):
            return None
        found = GoldenRecord.objects.filter(domain="location", public_id=public_id).first()
        if found is None:
            raise forms.ValidationError("No location has this id. Leave it empty for the whole network.")
        return found.survivor


class NewKey(forms.Form):
    reason = forms.CharField(max_length=500, label="Why", widget=forms.TextInput(attrs={"class": "input"}))
    distrust = forms.BooleanField(required=False, label="The old key may be in wrong hands: withdraw what it signed")


@page(VIEW)
def listing(request: Request) -> HttpResponse:
    return _shown(request, Plan(), NewKey())


@page(ADMINISTER, POST)
def plan(request: Request) -> HttpResponse:
    form = Plan(request.POST)
    if form.is_valid():
        try:
            made = downtime.plan(actor=request.user, **form.cleaned_data)
            downtime.ask(plan=made, actor=request.user, anew=True)  # by what it says now
            messages.success(request, "Saved. The first pack is being made.")
            return redirect("downtime")
        except ConcordError as error:
            form.add_error(None, error.message)
    return _shown(request, form, NewKey(), status=422)


@page(ADMINISTER, POST)
def stop(request: Request, pk: int) -> HttpResponse:
    downtime.stop(plan=get_object_or_404(DowntimePlan, pk=pk), actor=request.user)
    messages.success(request, "No more packs of it are made. Those that there are stay until they expire.")
    return redirect("downtime")


@page(VIEW, POST)
def make(request: Request, pk: int) -> HttpResponse:
    pack = downtime.ask(plan=get_object_or_404(DowntimePlan, pk=pk), actor=request.user)
    if pack.made_at and pack.state == State.DONE:
        messages.info(request, f"The pack of {pack.made_at:%H:%M} UTC is fresh; ask again in some minutes.")
    else:
        messages.success(request, "The pack is being made; it appears here.")
    return redirect("downtime")


@page(LOOKUP)
def file(request: Request, pk: int) -> HttpResponse | FileResponse:
    found = downtime.opened(downtime.in_date().filter(pk=pk))
    if found is None:
        raise not_found("downtime pack of this number in date")
    pack, archive = found
    return FileResponse(archive, as_attachment=True, filename=downtime.file_name(pack))


@page(ADMINISTER, POST)
def new_key(request: Request) -> HttpResponse:
    form = NewKey(request.POST)
    if form.is_valid():
        downtime_keys.rotate(actor=request.user, **form.cleaned_data)
        messages.success(request, "Packs are signed with a new key from now on. Tell the sites its public half.")
        return redirect("downtime")
    return _shown(request, Plan(), form, status=422)


def _shown(request: Request, form: Plan, key_form: NewKey, status: int = 200) -> HttpResponse:
    plans = reader.plans()
    context = {"section": "downtime", "plans": plans, "keys": reader.keys(), "form": form, "key_form": key_form}
    context |= {"sites": reader.sites(), "active": any(one.making for one in plans), "kept": downtime.KEPT}
    return render(request, "downtime/packs.html", context, fragment="downtime/rows.html", status=status)
