"""Blind questions: two records, the same or not? Nothing tells what anybody, or the engine, said before."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from mdm.canonical import DOMAINS, LISTED
from mdm.exceptions import Refused, Stale
from mdm.permissions import DECIDE
from mdm.services import double_review as service
from mdm.ui.pages import POST, Request, page, render
from mdm.ui.readers import blind as reader


@page(DECIDE)
def question(request: Request) -> HttpResponse:
    domain = _domain(request.GET.get("domain", ""))
    asked = service.next_check(actor=request.user, domain=domain)
    context: dict[str, Any] = {"section": "accuracy", "question": asked, "domain": domain, "domains": LISTED}
    context |= {"left": service.waiting(actor=request.user), "answered": reader.answered_today(request.user)}
    if asked is not None:
        context["rows"] = reader.side_by_side(asked)
    return render(request, "review/blind.html", context, fragment="review/question.html")


@page(DECIDE, POST)
def answer(request: Request, pk: int) -> HttpResponse:
    """Keep an answer and go on with the next question. Sent again, or too late: said, and on to the next."""
    said, domain = request.POST.get("same", ""), _domain(request.POST.get("domain", ""))
    try:
        if said not in ("yes", "no"):
            raise Refused("Say whether the two are the same.")
        service.answer(check=pk, same=said == "yes", actor=request.user)
    except (Refused, Stale) as error:
        messages.error(request, error.message)
    return redirect(f"{reverse('review-blind')}?domain={domain}")


def _domain(text: str) -> str:
    return text if text in DOMAINS else ""
