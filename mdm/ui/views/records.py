"""Lists of golden records, and search."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect

from mdm.canonical import DOMAINS
from mdm.permissions import VIEW
from mdm.ui.pages import Request, page, render
from mdm.ui.readers import records as reader

QUERY_LENGTH = 200


@page(VIEW)
def listing(request: Request, domain: str) -> HttpResponse:
    status, query = request.GET.get("status", "live"), _query(request)
    status = status if status in reader.STATUSES else "live"
    spec = DOMAINS[domain]
    after, before = request.GET.get("after", ""), request.GET.get("before", "")
    found = reader.page_of(spec, status, query, after, before)
    context = {"section": domain, "domain": spec, "columns": reader.columns(spec), "page": found}
    context |= {"status": status, "statuses": reader.STATUSES, "find": query}
    return render(request, "records/list.html", context, fragment="records/rows.html")


@page(VIEW)
def search(request: Request) -> HttpResponse:
    """Straight to the record when the query names exactly one, else what matches in each domain."""
    query = _query(request)
    only = reader.exact(query) if query else None
    if only:
        return redirect("golden", only.domain, only.public_id)
    found = reader.find(query) if query else []
    return render(request, "records/search.html", {"query": query, "found": found})


def _query(request: Request) -> str:
    return request.GET.get("q", "").replace("\x00", "").strip()[:QUERY_LENGTH]
