from django.urls import include, path

from mdm import health

urlpatterns = [
    path("api/v1/", include("sync.api.urls")),
    path("api/", include(("mdm.api.urls", "api"))),
    path("fhir/", include(("mdm.fhir.urls", "fhir"))),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("sync.ui.urls")),
    path("", include("mdm.ui.urls")),
]
