"""The group behind a golden record: how alike its source records are."""

from __future__ import annotations

from django.http import HttpResponse

from mdm.permissions import VIEW
from mdm.ui.pages import Request, page, render
from mdm.ui.readers.group import Group
from mdm.ui.views.golden import find


@page(VIEW)
def group(request: Request, domain: str, public_id: str) -> HttpResponse:
    record = find(domain, public_id)
    return render(request, "records/group.html", {"section": domain, "record": record, "group": Group(record)})
