"""One golden record: everything about it, its versions, retirement and unmerging."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from mdm.models import ChangeRequest, GoldenRecord
from mdm.permissions import CHANGE_IDENTITY, VIEW
from mdm.services import change, split
from mdm.ui.pages import POST, Request, not_found, page, render
from mdm.ui.readers import timeline
from mdm.ui.readers.golden import GoldenView


def find(domain: str, public_id: str) -> GoldenRecord:
    """The record of this address.

    Raises:
        NotFound: no such record in this domain.
    """
    found = GoldenRecord.objects.select_related("merged_into").filter(domain=domain, public_id=public_id).first()
    if found is None:
        raise not_found(f"record {public_id} in this domain")
    return found


@page(VIEW)
def record(request: Request, domain: str, public_id: str) -> HttpResponse:
    found = find(domain, public_id)
    view = GoldenView(found)
    versions = timeline.versions(found)
    newest = timeline.differences(found, versions[0].event.version) if versions else []
    context = {"section": domain, "view": view, "record": found, "domain": view.domain, "differences": newest}
    return render(request, "records/golden.html", context | _timeline(versions))


@page(VIEW)
def versions(request: Request, domain: str, public_id: str) -> HttpResponse:
    """Older versions, a page at a time."""
    found, before = find(domain, public_id), request.GET.get("before", "")
    page_of = timeline.versions(found, int(before) if before.isdecimal() else None)
    context = {"section": domain, "record": found, "domain": GoldenView(found).domain, **_timeline(page_of)}
    return render(request, "records/versions.html", context, fragment="records/version_rows.html")


@page(VIEW)
def version(request: Request, domain: str, public_id: str, version: int) -> HttpResponse:
    """What one version changed."""
    found = find(domain, public_id)
    context = {"section": domain, "record": found, "domain": GoldenView(found).domain, "version": version}
    context["differences"] = timeline.differences(found, version)
    return render(request, "records/version.html", context, fragment="records/diff.html")


@page(CHANGE_IDENTITY, POST)
def retire(request: Request, domain: str, public_id: str) -> HttpResponse:
    found = find(domain, public_id)
    outcome = change.retire(golden=found, actor=request.user, reason=request.POST.get("reason", ""))
    waits = isinstance(outcome, ChangeRequest)
    messages.success(request, "Sent to a second person for approval." if waits else f"{public_id} is retired.")
    return redirect("golden", domain, public_id)


@page(CHANGE_IDENTITY, POST)
def unmerge(request: Request, domain: str, public_id: str) -> HttpResponse:
    revived = split.unmerge(loser=find(domain, public_id), actor=request.user, reason=request.POST.get("reason", ""))
    messages.success(request, f"{revived.public_id} stands on its own again.")
    return redirect("golden", domain, revived.public_id)


def _timeline(page_of: list[timeline.Version]) -> dict[str, object]:
    shown = page_of[: timeline.PAGE]
    return {"versions": shown, "older": shown[-1].event.version if len(page_of) > timeline.PAGE else None}
