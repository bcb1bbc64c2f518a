"""Many reviews at once: handed over, or accepted where every field agrees."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from mdm.models import User
from mdm.permissions import DECIDE
from mdm.services import bulk_review, review
from mdm.ui.pages import BOTH, POST, Request, page, render
from mdm.ui.readers import bulk as reader
from mdm.ui.readers.queue import Asked, queue


@page(DECIDE, BOTH)
def choose(request: Request) -> HttpResponse:
    """The queue as a table to choose from. Posted: what accepting the chosen ones would do, before it is done."""
    asked = Asked.of(_texts(request))
    chosen = _chosen(request)
    context: dict[str, Any] = {"section": "review", "queue": queue(request.user, asked), "chosen": chosen}
    context |= {"items": reader.items(asked, request.user), "stewards": reader.stewards()}
    if request.method == "POST":
        context["plan"] = bulk_review.plan(items=chosen, actor=request.user)
    return render(request, "review/bulk.html", context)


@page(DECIDE, POST)
def assign(request: Request) -> HttpResponse:
    to = request.POST.get("assignee", "")
    assignee = User.objects.filter(pk=int(to)).first() if to.isdecimal() else None
    moved = review.assign_all(items=_chosen(request), assignee=assignee, actor=request.user)
    whose = assignee.display_name if assignee else "the team"
    messages.success(request, f"{moved} {'item' if moved == 1 else 'items'} handed to {whose}.")
    return _back(request)


@page(DECIDE, POST)
def accept(request: Request) -> HttpResponse:
    """Accept what the dry run found to agree, as far as it still does."""
    seen = dict(_seen(text) for text in request.POST.getlist("seen"))
    done = bulk_review.accept_agreeing(seen=seen, actor=request.user, reason=request.POST.get("reason", ""))
    left = "; ".join(f"{number}: {why.lower()}" for why, number in done.left.items())
    messages.success(request, f"{len(done.accepted)} accepted." + (f" Left to decide: {left}." if left else ""))
    return _back(request)


def _seen(text: str) -> tuple[int, int]:
    """``17:3``: the item and the version of it that was looked at."""
    item, _, version = text.partition(":")
    return (int(item), int(version)) if item.isdecimal() and version.isdecimal() else (0, 0)


def _chosen(request: Request) -> list[int]:
    return [int(text) for text in request.POST.getlist("item") if text.isdecimal()][: bulk_review.MOST]


def _texts(request: Request) -> dict[str, str]:
    asked = request.POST if request.method == "POST" else request.GET
    return {name: str(text) for name, text in asked.items()}


def _back(request: Request) -> HttpResponse:
    return redirect(f"{reverse('review-bulk')}?{Asked.of(_texts(request)).query}")
