"""Quality: scorecards, rules and the records that break them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from mdm.permissions import DECIDE, VIEW
from mdm.services import scorecard
from mdm.ui.pages import POST, Request, not_found, page, render
from mdm.ui.readers import quality as reader


@page(VIEW)
def scores(request: Request) -> HttpResponse:
    card = reader.Scorecard(request.GET.get("period", ""))
    every, find = request.GET.get("rules") == "all", request.GET.get("find", "").strip()[:80]
    rules = [one for one in (card.rules if every else card.failing) if find.casefold() in one.rule.label.casefold()]
    context = {"section": "quality", "card": card, "rules": rules, "every": every, "find": find}
    return render(request, "quality/scorecard.html", context | {"periods": reader.PERIODS})


@page(VIEW)
def rule(request: Request, domain: str, name: str) -> HttpResponse:
    found = scorecard.rule(domain, name)
    if found is None:
        raise not_found(f"rule {name[:60]} of this domain")
    failing = reader.failing(found, request.GET.get("after", ""))
    return render(request, "quality/rule.html", {"section": "quality", "failing": failing})


@page(DECIDE, POST)
def measure(request: Request) -> HttpResponse:
    """Measure now, not only at night."""
    number = scorecard.measure()
    messages.success(request, f"{number} rules measured.")
    return redirect("quality")
