"""A target's field mapping, tried on real records; and a dry run, which shows what would be sent and sends nothing."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from mdm.canonical import DOMAINS, LISTED
from mdm.exceptions import ConcordError, Refused
from mdm.models import GoldenRecord
from mdm.permissions import ADMINISTER, VIEW
from mdm.ui.pages import BOTH, Request, page, render
from sync import configuring, dry_run
from sync.adapters.base import AdapterError
from sync.models import Target
from sync.sealed import SealBroken
from sync.ui import letters, mapping_table

MOST = 20  # records that may be named


@page(ADMINISTER, BOTH)
def mapping(request: Request, code: str, domain: str) -> HttpResponse:
    """The rules of one domain as a table; "try" shows what they make of real records, "save" keeps them."""
    target = get_object_or_404(Target.objects.select_related("system"), code=code)
    if domain not in DOMAINS:
        raise Http404
    posted, rules = request.POST if request.method == "POST" else None, target.mapping.get(domain, {})
    problem = ""
    try:
        rules = mapping_table.rules_of(domain, posted) if posted else rules
        if posted and posted.get("act") == "save":
            return _save(request, target, domain, rules)
    except ConcordError as error:
        problem = error.message
    shown = {"section": "sync", "target": target, "domain": DOMAINS[domain], "domains": LISTED, "problem": problem}
    context = shown | mapping_table.shown(domain, rules, posted)
    return render(request, "sync/mapping.html", context, status=422 if problem else 200)


def _save(request: Request, target: Target, domain: str, rules: dict[str, dict[str, Any]]) -> HttpResponse:
    mapping = {name: kept for name, kept in (target.mapping | {domain: rules}).items() if kept}
    version, reason = request.POST.get("version", ""), request.POST.get("reason", "")
    done = configuring.configure(
        code=target.code,
        settings={"mapping": mapping},
        actor=request.user,
        reason=reason,
        expected_version=int(version) if version.isdecimal() else 0,
    )
    messages.success(request, f"{done.target.name}: in force for what is rendered from now on.")
    return redirect("sync:target", target.code)


@page(VIEW)
def trial(request: Request, code: str) -> HttpResponse:
    """What the target would be sent now: all that is due, or the records that are named."""
    target = get_object_or_404(Target.objects.select_related("system"), code=code)
    ids = request.GET.get("records", "").upper().replace(",", " ").split()[:MOST]
    named = list(GoldenRecord.objects.filter(public_id__in=ids))
    lanes = dry_run.of_records(target, named) if ids else dry_run.due(target)
    try:
        found = [letters.TrialView(one) for one in dry_run.trials(target, lanes)]
    except (AdapterError, SealBroken) as error:
        raise Refused(str(error)) from None
    context = {"section": "sync", "target": target, "trials": found, "asked": request.GET.get("records", "")[:400]}
    return render(request, "sync/dry_run.html", context | {"most": dry_run.SHOWN})
