"""Lists of golden records, what a user keeps of them, and search."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from mdm import filters
from mdm.canonical import DOMAINS
from mdm.permissions import VIEW
from mdm.ui import preferences
from mdm.ui.pages import POST, Request, page, render
from mdm.ui.readers import records as reader

QUERY_LENGTH = filters.QUERY_LENGTH


@page(VIEW)
def listing(request: Request, domain: str) -> HttpResponse:
    wanted = filters.parse(domain, request.GET)
    shown = reader.columns(wanted.domain, preferences.columns(request.user, domain))
    found = reader.page_of(wanted, shown, request.GET.get("after", ""), request.GET.get("before", ""))
    context = {"section": domain, "domain": wanted.domain, "columns": shown, "page": found, "filter": wanted}
    context |= {"facets": reader.facets(wanted, found.total), "systems": reader.systems(), "statuses": reader.STATUSES}
    context |= {"choosable": reader.choosable(wanted.domain), "views": preferences.views(request.user, domain)}
    return render(request, "records/list.html", context, fragment="records/rows.html")


@page(VIEW, POST)
def columns(request: Request, domain: str) -> HttpResponse:
    """Choose what a list shows."""
    known = [spec.name for spec in reader.choosable(DOMAINS[domain])]
    preferences.choose_columns(request.user, domain, [n for n in known if n in request.POST.getlist("column")])
    return _back(request, domain)


@page(VIEW, POST)
def save_view(request: Request, domain: str) -> HttpResponse:
    """Keep the list as it is now under a name, or forget one."""
    if forget := request.POST.get("forget", ""):
        preferences.forget_view(request.user, domain, forget)
        return _back(request, domain)
    preferences.save_view(request.user, domain, request.POST.get("name", ""), _filter(request, domain).parameters)
    messages.success(request, "View saved. It is in the list’s head and in the command palette.")
    return _back(request, domain)


def _filter(request: Request, domain: str) -> filters.Filter:
    return filters.parse(domain, request.POST)


def _back(request: Request, domain: str) -> HttpResponse:
    return redirect(f"{reverse('records', args=[domain])}?{urlencode(_filter(request, domain).parameters)}")


@page(VIEW)
def search(request: Request) -> HttpResponse:
    """Straight to the record when the query names exactly one, else what matches in each domain."""
    query = request.GET.get("q", "").replace("\x00", "").strip()[:QUERY_LENGTH]
    only = reader.exact(query) if query else None
    if only:
        return redirect("golden", only.domain, only.public_id)
    found = reader.find(query) if query else []
    return render(request, "records/search.html", {"query": query, "found": found})
