"""The first page of the day."""

from __future__ import annotations

from django.http import HttpResponse

from mdm.permissions import VIEW
from mdm.ui.pages import Request, page, render
from mdm.ui.readers import home as reader
from mdm.ui.readers.quality import Scorecard


@page(VIEW)
def home(request: Request) -> HttpResponse:
    team = request.GET.get("scope") == "team"
    context = {"section": "home", "todos": reader.todos(request.user, team=team), "team": team}
    return render(request, "home/home.html", context | _rest(request), fragment="home/todos.html")


def _rest(request: Request) -> dict[str, object]:
    """Figures, chart and activity; a fragment shows none of them."""
    if request.htmx:
        return {}
    decided = reader.decided()
    figures = reader.figures(decided)
    return {
        "figures": figures,
        "setup": [] if figures.golden else reader.setup(request.user),
        "chart": reader.decisions(decided),
        "card": Scorecard("4w"),
        "issues": reader.issues_by_domain(),
        "activity": reader.activity(),
    }
