"""Changes that wait for a second person."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from mdm.models import ChangeRequest, Policy
from mdm.permissions import VIEW
from mdm.services import requests as service
from mdm.ui.pages import POST, Request, not_found, page, render
from mdm.ui.readers import changes as reader
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
        context["proposal"] = Proposal(found)
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


def _find(pk: int) -> ChangeRequest:
    rows = ChangeRequest.objects.select_related("subject", "other", "proposer", "approver", "policy")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise not_found(f"change request {pk}")
    return found
