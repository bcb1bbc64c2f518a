"""Changes that wait for a second person."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect

from mdm.models import ChangeRequest, Policy
from mdm.permissions import VIEW
from mdm.services import changed_pairs
from mdm.services import requests as service
from mdm.spreadsheet import csv_lines
from mdm.ui.pages import POST, Request, not_found, page, render
from mdm.ui.readers import changes as reader
from mdm.ui.readers.pairs import Compared, First
from mdm.ui.readers.proposal import Proposal
from mdm.ui.readers.rules import GateProposal
from mdm.ui.readers.trust import TrustProposal


@page(VIEW)
def listing(request: Request) -> HttpResponse:
    state = request.GET.get("state", ChangeRequest.State.OPEN)
    state = state if state in ChangeRequest.State.values else ChangeRequest.State.OPEN
    context = {"section": "changes", "requests": reader.listing(state), "state": state}
    return render(request, "changes/list.html", context | {"states": ChangeRequest.State.choices})


@page(VIEW)
def request(request: Request, pk: int) -> HttpResponse:
    found = _find(pk)
    context: dict[str, Any] = {"section": "changes", "change": found, "rows": reader.rows(found)}
    if found.policy is not None and found.policy.kind == Policy.Kind.MATCH:
        context |= {"proposal": Proposal(found), "pairs": First(found, request.GET.get("pairs", ""))}
    elif found.policy is not None and found.policy.kind == Policy.Kind.SURVIVORSHIP:
        context["trust"] = TrustProposal(found)
    elif found.policy is not None and found.policy.kind == Policy.Kind.PUBLISH:
        context["gate"] = GateProposal(found)
    own = found.proposer_id == request.user.pk
    return render(request, "changes/change.html", context | {"own": own, "stale": reader.is_stale(found)})


@page(VIEW, POST)
def decide(request: Request, pk: int) -> HttpResponse:
    """Approve or reject as a second person, or withdraw one's own. The service checks who may."""
    found, reason = _find(pk), request.POST.get("reason", "")
    match request.POST.get("decision"):
        case "approve":
            service.approve(request=found, actor=request.user, reason=reason)
            messages.success(request, "Approved and carried out.")
        case "reject":
            service.reject(request=found, actor=request.user, reason=reason)
            messages.success(request, "Rejected; nothing was changed.")
        case "withdraw":
            service.withdraw(request=found, actor=request.user)
            messages.success(request, "Withdrawn.")
    return redirect("changes")


@page(VIEW)
def pairs(request: Request, pk: int) -> StreamingHttpResponse:
    """The pairs of which proposed rules make something else, as CSV."""
    rows = changed_pairs.of_request(_find(pk), critical=request.GET.get("pairs") == "critical")
    answer = StreamingHttpResponse(csv_lines(changed_pairs.table(rows)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="change-{pk}-pairs.csv"'
    return answer


@page(VIEW)
def pair(request: Request, pk: int, number: int) -> HttpResponse:
    """One of them, compared under both rules."""
    found = _find(pk)
    row = changed_pairs.of_request(found).filter(number=number).first()
    if row is None:
        raise not_found(f"pair {number} of change request {pk}")
    context = {"section": "changes", "change": found, "compared": Compared(found, row)}
    return render(request, "rules/pair.html", context)


def _find(pk: int) -> ChangeRequest:
    rows = ChangeRequest.objects.select_related("subject", "other", "proposer", "approver", "policy")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise not_found(f"change request {pk}")
    return found
