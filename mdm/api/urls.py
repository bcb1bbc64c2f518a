"""``/api/``. Versions live side by side; what is not here answers 404 as problem details."""

from __future__ import annotations

from django.urls import include, path, re_path

from mdm.api import (
    actions,
    changes,
    crosswalk,
    docs,
    downtime,
    exports,
    feed,
    match,
    records,
    search,
    sources,
    systems,
    work,
)

# match before golden records and periods before codes: they answer under what would else be read as an id or a code
v1 = [
    *systems.ROUTES, *crosswalk.ROUTES, *records.ROUTES, *search.ROUTES, *match.ROUTES, *actions.ROUTES,
    *feed.ROUTES, *changes.ROUTES, *work.ROUTES, *sources.ROUTES, *exports.ROUTES,
    *downtime.ROUTES,
]  # fmt: skip

urlpatterns = [
    path("v1/", include((v1, "v1"))),
    path("schema/", docs.Description.as_view(), name="schema"),
    path("docs/", docs.Documentation.as_view(), name="docs"),
    re_path(r"^[\s\S]*$", docs.nothing_here, name="nothing-here"),
]
