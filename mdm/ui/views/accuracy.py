"""Accuracy of matching and of stewards; label batches and checks."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from mdm.canonical import DOMAINS, LISTED
from mdm.models import Check
from mdm.permissions import DECIDE, VIEW
from mdm.services import double_review, labels
from mdm.ui.pages import POST, Request, page, render
from mdm.ui.readers.accuracy import Accuracy

MOST = 500  # questions at once
PLANNED = (Check.Kind.SAMPLE, Check.Kind.BLIND, Check.Kind.KNOWN)


@page(VIEW)
def show(request: Request) -> HttpResponse:
    asked = request.GET.get("domain", "item")
    found = Accuracy(asked if asked in DOMAINS else "item")
    context = {"section": "accuracy", "accuracy": found, "domains": LISTED, "kinds": PLANNED}
    return render(request, "accuracy/accuracy.html", context)


@page(DECIDE, POST)
def plan(request: Request, domain: str) -> HttpResponse:
    """Put questions into the queue: a sample of automatic links, second looks, known pairs; or a batch of labels."""
    kind, count = request.POST.get("kind", ""), _count(request)
    if kind == Check.Kind.LABEL:
        made = labels.start_batch(domain=domain, count=count, actor=request.user).checks.count()
    else:
        made = len(double_review.plan_checks(domain=domain, kind=kind, count=count, actor=request.user))
    fewer = "" if made == count else f" There are no more than {made} to ask about." if made else " Nothing fits yet."
    messages.success(request, f"{made} questions planned.{fewer}")
    return redirect(f"{reverse('accuracy')}?domain={domain}")


def _count(request: Request) -> int:
    text = request.POST.get("count", "")
    return min(max(int(text) if text.isdecimal() else 30, 1), MOST)
