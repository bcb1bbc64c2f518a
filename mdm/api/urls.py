"""``/api/``. Versions live side by side; what is not here answers 404 as problem details."""

from __future__ import annotations

from django.urls import include, path, re_path

from mdm.api import changes, crosswalk, docs, golden, match, search, sources, work

# match before golden: it answers under what would else be read as a record's id
v1 = [
    *crosswalk.ROUTES, *search.ROUTES, *match.ROUTES, *golden.ROUTES, *changes.ROUTES, *work.ROUTES, *sources.ROUTES,
]  # fmt: skip

urlpatterns = [
    path("v1/", include((v1, "v1"))),
    path("schema/", docs.Description.as_view(), name="schema"),
    path("docs/", docs.Documentation.as_view(), name="docs"),
    re_path(r"^.*$", docs.nothing_here, name="nothing-here"),
]
