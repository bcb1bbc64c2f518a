"""What every page offers beside its content: the command palette, notifications, and settings."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from mdm import permissions
from mdm.permissions import VIEW
from mdm.ui import preferences
from mdm.ui.pages import BOTH, Request, page, render
from mdm.ui.readers import notices as notice_reader
from mdm.ui.readers import palette as palette_reader

QUERY_LENGTH = 200


@page(VIEW)
def palette(request: Request) -> HttpResponse:
    """Entries for what is typed; as a page of its own where no script runs."""
    query = request.GET.get("q", "").replace("\x00", "").strip()[:QUERY_LENGTH]
    context = {"entries": palette_reader.entries(request.user, query), "find": query}
    return render(request, "shell/palette.html", context, fragment="shell/entries.html")


@page(VIEW)
def notices(request: Request) -> HttpResponse:
    """What happened; looking at it makes it old."""
    found = notice_reader.notices(request.user)
    preferences.remember(request.user, "noticed_at", timezone.now().isoformat())
    return render(request, "shell/notices.html", {"section": "notices", "notices": found})


@page(VIEW)
def notice_count(request: Request) -> HttpResponse:
    """How many are new, for the bell."""
    number = sum(notice.new for notice in notice_reader.notices(request.user))
    return render(request, "shell/bell.html", {"number": number})


@page(VIEW, BOTH)
def settings(request: Request) -> HttpResponse:
    """Theme, density and keys; and who one is here."""
    if request.method == "POST":
        for name, allowed in preferences.CHOICES.items():
            if (value := request.POST.get(name, "")) in allowed:
                preferences.remember(request.user, name, value)
        messages.success(request, "Saved.")
        return redirect("settings")
    held = [(name, text, request.user.has_permission(name)) for name, text in permissions.DESCRIPTIONS.items()]
    context = {"section": "settings", "held": held, "roles": request.user.groups.order_by("name")}
    return render(request, "shell/settings.html", context | {"choices": preferences.CHOICES})
