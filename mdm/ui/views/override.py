"""A steward's own values: overrides with a reason, and their withdrawal."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from mdm.canonical import DOMAINS, Kind
from mdm.exceptions import InvalidValue
from mdm.models import GoldenRecord, Override
from mdm.permissions import OVERRIDE
from mdm.services import change
from mdm.ui.forms import FLAG_WORDS, OverrideForm
from mdm.ui.pages import BOTH, POST, Request, page, render
from mdm.ui.readers.golden import GoldenView
from mdm.ui.views.golden import find


@page(OVERRIDE, BOTH)
def edit(request: Request, domain: str, public_id: str) -> HttpResponse:
    record = find(domain, public_id)
    view = GoldenView(record)
    initial = {"version": record.version, **_proposed(request, record)}
    form = OverrideForm(view.domain.fields, view.values, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid() and _save(request, record, form):
        return redirect("golden", domain, public_id)
    context = {"section": domain, "record": record, "view": view, "domain": view.domain, "form": form}
    return render(request, "records/edit.html", context, status=422 if form.errors else 200)


def _proposed(request: Request, record: GoldenRecord) -> dict[str, Any]:
    """The losing value that the steward came here to use (``?path=latex&source=17``), shown instead of the winner."""
    path, source = request.GET.get("path", ""), request.GET.get("source", "")
    others = (record.provenance.get(path) or {}).get("others", [])
    found = [other["value"] for other in others if str(other.get("source")) == source]
    spec = DOMAINS[record.domain].by_name.get(path)
    if not found or spec is None or spec.children:
        return {}
    if spec.kind is Kind.REFERENCE:
        return {path: GoldenRecord.objects.get(pk=found[0]).public_id}
    return {path: FLAG_WORDS[found[0]] if isinstance(found[0], bool) else found[0]}


def _save(request: Request, record: GoldenRecord, form: OverrideForm) -> bool:
    """Override every changed value, all or none. False: the form says which value was refused."""
    seen, path = form.cleaned_data["version"], None
    try:
        with transaction.atomic():
            for path, value in form.changes().items():
                _override(request, record, form, path, value, seen)
                seen = None  # the version was checked once; it is ours from here on
    except InvalidValue as error:
        form.add_error(path, error.message)
        return False
    messages.success(request, _told(record, form.changes()))
    return True


def _override(
    request: Request, record: GoldenRecord, form: OverrideForm, path: str, value: object, seen: int | None
) -> None:
    data = form.cleaned_data
    change.override(
        golden=record, path=path, value=value, actor=request.user, reason=data["reason"], until=data["until"],
        expected_version=seen,
    )  # fmt: skip


def _told(record: GoldenRecord, changes: dict[str, Any]) -> str:
    if not changes:
        return "Nothing was changed."
    held = Override.objects.filter(
        golden=record, path__in=changes, kind=Override.Kind.HOLD, withdrawn_at__isnull=True
    ).count()
    saved = f"{len(changes)} {'value' if len(changes) == 1 else 'values'} saved."
    return f"{saved} A second person has to approve {held} of them." if held else saved


@page(OVERRIDE, POST)
def withdraw(request: Request, domain: str, public_id: str, pk: int) -> HttpResponse:
    override = get_object_or_404(Override, pk=pk, golden__public_id=public_id, withdrawn_at__isnull=True)
    change.withdraw_override(override=override, actor=request.user, reason=request.POST.get("reason", ""))
    messages.success(request, "The steward's value is withdrawn; the sources decide again.")
    return redirect("golden", domain, public_id)
