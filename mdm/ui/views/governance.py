"""Governance: owners, the dictionary with its classification, and what needs approval."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from mdm.canonical import DOMAINS, LISTED
from mdm.models import AttributeNote, User
from mdm.permissions import ADMINISTER, VIEW
from mdm.services import governance as service
from mdm.ui.pages import BOTH, Request, not_found, page, render
from mdm.ui.readers import bulk
from mdm.ui.readers import governance as reader


class Ownership(forms.Form):
    owner = forms.ModelChoiceField(User.objects.filter(is_active=True), required=False, empty_label="Nobody yet")
    stewards = forms.ModelMultipleChoiceField(
        User.objects.filter(is_active=True), required=False, widget=forms.CheckboxSelectMultiple
    )
    review_hours = forms.IntegerField(min_value=1, max_value=service.LONGEST, label="Reviews are due after, in hours")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("owner", "review_hours"):
            self.fields[name].widget.attrs["class"] = "input"
        self.fields["stewards"].queryset = User.objects.filter(  # type: ignore[attr-defined]
            pk__in=[user.pk for user in bulk.stewards()]
        )


class Note(forms.Form):
    definition = forms.CharField(
        required=False, max_length=500, widget=forms.Textarea(attrs={"class": "input input--area", "rows": 3})
    )
    classification = forms.ChoiceField(
        choices=AttributeNote.Classification.choices, widget=forms.Select(attrs={"class": "input"})
    )


@page(VIEW)
def overview(request: Request) -> HttpResponse:
    asked = request.GET.get("domain", "item")
    dictionary = reader.Dictionary(asked if asked in DOMAINS else "item")
    context = {"section": "governance", "owners": reader.owners(), "dictionary": dictionary}
    context |= {"domains": LISTED, "approved": reader.APPROVED, "waiting": reader.waiting()}
    return render(request, "governance/governance.html", context)


@page(ADMINISTER, BOTH)
def owner(request: Request, domain: str) -> HttpResponse:
    owned = next(one for one in reader.owners() if one.domain.name == domain)
    initial = {"stewards": owned.stewards, "review_hours": 24}
    if owned.ownership:
        initial |= {"owner": owned.ownership.owner, "review_hours": owned.ownership.review_hours}
    form = Ownership(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        service.set_ownership(domain=domain, actor=request.user, **form.cleaned_data)
        messages.success(request, f"{owned.domain.plural}: saved.")
        return redirect("governance")
    context = {"section": "governance", "owned": owned, "form": form}
    return render(request, "governance/owner.html", context, status=422 if form.errors else 200)


@page(ADMINISTER, BOTH)
def attribute(request: Request, domain: str, path: str) -> HttpResponse:
    entry = reader.Dictionary(domain).entry(path)
    if entry is None:
        raise not_found(f"attribute {path[:60]} of this domain")
    initial = {"classification": entry.classification, "definition": entry.note.definition if entry.note else ""}
    form = Note(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        service.describe(domain=domain, path=path, actor=request.user, **form.cleaned_data)
        messages.success(request, f"{entry.field.label}: saved.")
        return redirect(f"{reverse('governance')}?domain={domain}#dictionary")
    context = {"section": "governance", "entry": entry, "spec": DOMAINS[domain], "form": form}
    return render(request, "governance/attribute.html", context, status=422 if form.errors else 200)
