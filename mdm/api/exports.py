"""``/api/v1/exports``: all published records of a domain as a file."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.urls import path, reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import permissions
from mdm.api import conditional, examples
from mdm.api.base import DirectView, Strict, View, actor
from mdm.exceptions import NotFound
from mdm.models import DomainExport, DomainName
from mdm.services import domain_export

MEDIA = {"ndjson": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}


class ExportBody(Strict):
    domain = serializers.ChoiceField(choices=DomainName.choices)
    format = serializers.ChoiceField(choices=DomainExport.Format.choices, default="ndjson")


class ExportShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    domain = serializers.ChoiceField(choices=DomainName.choices)
    format = serializers.ChoiceField(choices=DomainExport.Format.choices)
    state = serializers.ChoiceField(
        choices=DomainExport.State.choices, help_text="expired: it was done; its file is deleted by now."
    )
    requested_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    records = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField(help_text="Of the file, as hexadecimal text.")
    position = serializers.IntegerField(help_text="Follow the change feed from here to keep the copy up to date.")
    file = serializers.CharField(allow_null=True, help_text="Where to get it once it is done. Kept for a week.")
    error = serializers.CharField()


class AskForExport(View):
    """Have a file made of all published records of a domain, as of one moment. Ask at `Location` whether it is done."""

    permission = permissions.VIEW
    tag, operation, status = "Exports", "exports_create", 202
    body, answer, answer_example = ExportBody, ExportShape, examples.EXPORT
    body_example: ClassVar = {"domain": "item", "format": "ndjson"}

    def post(self, request: Request) -> Response:
        made = domain_export.ask(actor=actor(request), **ExportBody.checked(request.data))
        where = reverse("api:v1:export", args=[made.pk])
        return Response(_show(made), status=202, headers={"Location": where, "Retry-After": "5"})


class ExportDetail(View):
    """How far an export is."""

    permission = permissions.VIEW
    tag, operation = "Exports", "exports_detail"
    answer, answer_example = ExportShape, examples.EXPORT

    def get(self, request: Request, pk: UUID) -> Response:
        return Response(_show(_find(pk)))


class ExportFile(DirectView):
    """The file: one JSON object per line, or Parquet."""

    permission = permissions.VIEW
    tag, operation, media = "Exports", "exports_file", "application/x-ndjson"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        found = _find(pk)
        place = domain_export.place(found)
        if found.state != DomainExport.State.DONE or not place.exists():
            raise NotFound("This export is not done, or was deleted after a week. Look at its state.")
        name = f"{found.domain}-{found.finished_at:%Y%m%dT%H%M%SZ}.{found.format}"
        return conditional.file(request, place.open("rb"), found.sha256, name=name, media=MEDIA[found.format])


def _find(pk: UUID) -> DomainExport:
    found = DomainExport.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no export {pk}.")
    return found


_PLAIN = (
    "id",
    "domain",
    "format",
    "state",
    "requested_at",
    "finished_at",
    "records",
    "size",
    "sha256",
    "position",
    "error",
)


def _show(row: DomainExport) -> dict[str, Any]:
    done = row.state == DomainExport.State.DONE
    return {name: getattr(row, name) for name in _PLAIN} | {
        "file": reverse("api:v1:export-file", args=[row.pk]) if done else None
    }


ROUTES = [
    path("exports", AskForExport.as_view(), name="exports"),
    path("exports/<uuid:pk>", ExportDetail.as_view(), name="export"),
    path("exports/<uuid:pk>/file", ExportFile.as_view(), name="export-file"),
]
