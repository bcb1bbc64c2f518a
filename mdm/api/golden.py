"""``/api/v1/items``, ``suppliers``, ``locations``, ``cost-centers``: golden records as targets see them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.urls import URLPattern, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mdm import permissions
from mdm.api import examples, paging
from mdm.api.shapes import SHAPES
from mdm.canonical import DOMAINS, Domain
from mdm.exceptions import NotFound
from mdm.lookup import code_systems
from mdm.models import AuditEntry, ChangeEvent, Crosswalk, GoldenRecord
from mdm.services import publish


class GoldenQuery(paging.PageQuery):
    status = serializers.ChoiceField(choices=["live", "retired", "merged"], default="live")
    name = serializers.CharField(required=False, help_text="Records whose name holds every one of these words.")
    code_system = serializers.CharField(required=False, help_text="Together with `code`.")
    code = serializers.CharField(required=False, help_text="Records that have this code in `code_system` now.")

    def validate(self, query: dict[str, Any]) -> dict[str, Any]:
        if ("code" in query) != ("code_system" in query):
            raise serializers.ValidationError("code and code_system belong together.")
        return query


class Version(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=ChangeEvent.Kind.choices)
    at = serializers.DateTimeField()
    changed = serializers.ListField(child=serializers.CharField(), help_text="Names of the attributes that changed.")
    change_id = serializers.UUIDField(help_text="Shared by everything that one action changed.")
    action = serializers.CharField(allow_null=True)
    actor = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True)


class GoldenView(APIView):
    permission = permissions.VIEW
    domain: ClassVar[Domain]


class GoldenList(GoldenView):
    description = "Published records by name, a page at a time."
    query = GoldenQuery

    def get(self, request: Request) -> Response:
        query = GoldenQuery.of_query(request)
        scope = f"golden:{self.domain.name}"
        matching = _matching(self.domain, query)
        if key := paging.after(query, scope):
            name, pk = key
            matching = matching.filter(Q(name__gt=name) | Q(pk__gt=pk), name__gte=name)
        rows = list(matching.order_by("name", "pk").only("pk", "name")[: query["limit"] + 1])
        records, cursor = paging.page(rows, query, scope, lambda record: [record.name, record.pk])
        shown = publish.payloads([record.pk for record in records])
        return Response({"results": [shown[record.pk] for record in records], "next": cursor})


class GoldenDetail(GoldenView):
    description = "One golden record. A merged id answers with its survivor and `redirected_from`."

    def get(self, request: Request, public_id: str) -> Response:
        asked = _record(self.domain, public_id)
        shown = publish.payload(asked.survivor)
        return Response(shown if asked.survivor == asked else shown | {"redirected_from": asked.public_id})


class GoldenHistory(GoldenView):
    description = "The versions of a record, newest first: what changed, who did it and why."
    query, answer = paging.PageQuery, paging.page_of(Version, "VersionPage")
    answer_example: ClassVar = {"results": [examples.VERSION], "next": None}

    def get(self, request: Request, public_id: str) -> Response:
        query = paging.PageQuery.of_query(request)
        record = _record(self.domain, public_id)
        events = ChangeEvent.objects.filter(record=record).order_by("-version")
        scope = f"history:{record.pk}"
        if key := paging.after(query, scope):
            events = events.filter(version__lt=key[0])
        rows, cursor = paging.page(list(events[: query["limit"] + 1]), query, scope, lambda event: [event.version])
        said = AuditEntry.objects.filter(golden=record, change_id__in={e.change_id for e in rows}).order_by("-id")
        audit = {entry.change_id: entry for entry in said.select_related("actor")}
        return Response({"results": [_version(e, audit.get(e.change_id)) for e in rows], "next": cursor})


def _matching(domain: Domain, query: dict[str, Any]) -> QuerySet[GoldenRecord]:
    records = GoldenRecord.objects.filter(domain=domain.name, status=query["status"], approved_version__gt=0)
    for word in query.get("name", "").split():
        records = records.filter(name__icontains=word)
    if "code" in query:
        system = code_systems.get(query["code_system"])
        codes = Crosswalk.objects.filter(code_system=system, code=system.normalise(query["code"]), known_to=None)
        records = records.filter(pk__in=codes.values("golden"))
    return records


def _record(domain: Domain, public_id: str) -> GoldenRecord:
    published = GoldenRecord.objects.filter(domain=domain.name, approved_version__gt=0)
    record = published.filter(public_id=public_id).select_related("merged_into").first()
    if record is None:
        raise NotFound(f"There is no {domain.label.lower()} {public_id[:40]}.")
    return record


def _version(event: ChangeEvent, entry: AuditEntry | None) -> dict[str, Any]:
    return {
        "version": event.version,
        "kind": event.kind,
        "at": event.recorded_at,
        "changed": event.changed,
        "change_id": event.change_id,
        "action": entry and entry.action,
        "actor": entry and entry.actor.username,
        "reason": entry and entry.reason,
    }


def _of(view: type[GoldenView], domain: Domain, **declared: Any) -> Any:
    """The view for one domain, described with that domain's shape."""
    word = view.__name__.removeprefix("Golden")
    own = {"domain": domain, "tag": domain.plural, "operation": f"{domain.name}_{word.lower()}"}
    return type(f"{SHAPES[domain.name].__name__}{word}View", (view,), own | declared).as_view()  # type: ignore[attr-defined]


def routes(domain: Domain) -> list[URLPattern]:
    shape, example = SHAPES[domain.name], examples.GOLDEN[domain.name]
    word = domain.plural.lower().replace(" ", "-")
    listed = _of(
        GoldenList,
        domain,
        answer=paging.page_of(shape, f"{shape.__name__}Page"),
        answer_example={"results": [example], "next": None},
    )
    detail = _of(GoldenDetail, domain, answer=shape, answer_example=example)
    history = _of(GoldenHistory, domain)
    return [
        path(word, listed, name=f"{word}-list"),
        path(f"{word}/<slug:public_id>", detail, name=f"{word}-detail"),
        path(f"{word}/<slug:public_id>/history", history, name=f"{word}-history"),
    ]


ROUTES = [route for domain in DOMAINS.values() for route in routes(domain)]
