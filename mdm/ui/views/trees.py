"""Hierarchies of locations, cost centers and suppliers: walking down, moving a record by form, comparing two days."""

from __future__ import annotations

import datetime as dt

from django import forms
from django.contrib import messages
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from mdm.canonical import DOMAINS
from mdm.exceptions import Cycle
from mdm.models import GoldenRecord
from mdm.permissions import OVERRIDE, VIEW
from mdm.services import change
from mdm.services.hierarchy import TREES
from mdm.ui.pages import POST, Request, not_found, page, render
from mdm.ui.readers import trees as reader
from mdm.ui.readers.golden import ancestors
from mdm.ui.views.golden import find

SPAN = [MinValueValidator(dt.date(1900, 1, 1)), MaxValueValidator(dt.date(9998, 12, 31))]  # there are days around them


class Days(forms.Form):
    since = forms.DateField(required=False, validators=SPAN)
    until = forms.DateField(required=False, validators=SPAN)


@page(VIEW)
def tree(request: Request, domain: str) -> HttpResponse:
    """The top of the hierarchy; with ``?at=`` the way down to a record and what is below it."""
    _has_tree(domain)
    at = find(domain, request.GET["at"]) if request.GET.get("at") else None
    nodes = reader.below(domain, at)
    context = {"section": domain, "domain": DOMAINS[domain], "nodes": nodes[: reader.PAGE], "at": at}
    context |= {"more": len(nodes) > reader.PAGE, "above": ancestors(at) if at else []}
    return render(request, "trees/tree.html", context, fragment="trees/branch.html")


@page(VIEW)
def moves(request: Request, domain: str) -> HttpResponse:
    """Who has another parent than on an earlier day."""
    _has_tree(domain)
    form = Days(request.GET)
    said = form.cleaned_data if form.is_valid() else {}
    until = said.get("until") or timezone.localdate()
    since = said.get("since") or until - dt.timedelta(days=30)
    found = reader.moves(domain, _start(since), _start(until + dt.timedelta(days=1)))
    context = {"section": domain, "domain": DOMAINS[domain], "moves": found, "since": since, "until": until}
    return render(request, "trees/moves.html", context, status=422 if form.errors else 200)


@page(OVERRIDE, POST)
def move(request: Request, domain: str, public_id: str) -> HttpResponse:
    """Put a record below another one, by a steward's value for its parent."""
    _has_tree(domain)
    record, wanted = find(domain, public_id), request.POST.get("parent", "").strip().upper()
    with transaction.atomic():
        reason = request.POST.get("reason", "")
        change.override(golden=record, path="parent", value=wanted or None, actor=request.user, reason=reason)
        _refuse_cycle(record, wanted)
    messages.success(request, f"{record.name or public_id} is {'below ' + wanted if wanted else 'at the top'} now.")
    return redirect("golden", domain, public_id)


def _refuse_cycle(record: GoldenRecord, wanted: str) -> None:
    """Survivorship leaves a parent out that would close a circle; whoever asked for it has to be told."""
    record.refresh_from_db()
    if wanted and (record.provenance.get("parent") or {}).get("refused"):
        raise Cycle


def _has_tree(domain: str) -> None:
    if domain not in TREES:
        raise not_found(f"hierarchy of {DOMAINS[domain].plural.lower()}")


def _start(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))
