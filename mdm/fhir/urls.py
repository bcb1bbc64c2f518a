"""``/fhir/``. R5 is here for what R4 lacks, and for its names of ``$translate``'s parameters."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from mdm.fhir import translate, views
from mdm.fhir.resources import R4, R5, TYPES


def _records(fhir: str) -> list[URLPattern]:
    routes = []
    for resource in TYPES[fhir]:
        own = {"fhir": fhir, "resource": resource}
        name = f"{fhir.lower()}-{resource.lower()}"
        routes += [
            path(resource, views.Records.as_view(**own), name=f"{name}-search"),
            path(f"{resource}/_search", views.SearchRecords.as_view(**own), name=f"{name}-search-form"),
            path(f"{resource}/_history", views.TypeHistory.as_view(**own), name=f"{name}-history-type"),
            path(f"{resource}/<str:pk>/_history", views.RecordHistory.as_view(**own), name=f"{name}-history"),
            path(f"{resource}/<str:pk>/_history/<str:vid>", views.RecordVersion.as_view(**own), name=f"{name}-vread"),
            path(f"{resource}/<str:pk>", views.Record.as_view(**own), name=f"{name}-read"),
        ]
    return routes


def _translate(prefix: str, names: translate.Names) -> list[URLPattern]:
    view = views.Translate.as_view(names=names)
    return [
        path("ConceptMap/$translate", view, name=f"{prefix}-translate"),
        path("ConceptMap/<str:pk>/$translate", view, name=f"{prefix}-translate-by"),
    ]


r5 = [
    *_translate("r5", translate.R5),
    path("metadata", views.Metadata.as_view(fhir=R5), name="r5-metadata"),
    *_records(R5),
]
urlpatterns: list[URLPattern | URLResolver] = [
    *_translate("r4", translate.R4),
    path("CodeSystem/$lookup", views.Lookup.as_view(), name="lookup"),
    path("metadata", views.Metadata.as_view(fhir=R4), name="r4-metadata"),
    path("NamingSystem", views.NamingSystems.as_view(), name="naming-systems"),
    path("NamingSystem/<str:pk>", views.OneNamingSystem.as_view(), name="naming-system"),
    path("ConceptMap", views.ConceptMaps.as_view(), name="concept-maps"),
    path("ConceptMap/<str:pk>", views.OneConceptMap.as_view(), name="concept-map"),
    *_records(R4),
    path("r5/", include(r5)),
    re_path(r"^[\s\S]*$", views.nothing_here, name="nothing-here"),
]
