"""``/api/``. Versions live side by side; what is not here answers 404 as problem details."""

from __future__ import annotations

from django.urls import include, path, re_path

from mdm.api import crosswalk, docs

v1 = [
    path("crosswalk/batch", crosswalk.CrosswalkBatch.as_view(), name="crosswalk-batch"),
    path("crosswalk/<str:code_system>/<path:code>", crosswalk.CrosswalkLookup.as_view(), name="crosswalk-lookup"),
]

urlpatterns = [
    path("v1/", include((v1, "v1"))),
    path("schema/", docs.Description.as_view(), name="schema"),
    path("docs/", docs.Documentation.as_view(), name="docs"),
    re_path(r"^.*$", docs.nothing_here, name="nothing-here"),
]
