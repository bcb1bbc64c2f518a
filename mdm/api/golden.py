"""``/api/v1/items``, ``suppliers``, ``locations``, ``cost-centers``: golden records as targets see them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import past, permissions
from mdm.api import examples, paging
from mdm.api.base import Strict, View
from mdm.api.fields import Value
from mdm.api.shapes import PUBLISHED, SHAPES
from mdm.canonical import Domain
from mdm.exceptions import NotFound
from mdm.lookup import code_systems, today
from mdm.models import AuditEntry, ChangeEvent, Crosswalk, GoldenRecord
from mdm.services import publish, split

FIELDS = serializers.CharField(
    required=False, max_length=2000, help_text="Names of the attributes to answer with, separated by commas; else all."
)


class GoldenQuery(paging.PageQuery):
    status = serializers.ChoiceField(choices=PUBLISHED, default="live", help_text="Left out: live.")
    name = serializers.CharField(required=False, help_text="Records whose name holds every one of these words.")
    code_system = serializers.CharField(required=False, help_text="Together with `code`.")
    code = serializers.CharField(required=False, help_text="Records that have this code in `code_system` now.")
    changed_since = serializers.DateTimeField(
        required=False, help_text="Records that changed at or since this instant."
    )
    fields = FIELDS  # type: ignore[assignment]  # the parameter's name

    def validate(self, query: dict[str, Any]) -> dict[str, Any]:
        if ("code" in query) != ("code_system" in query):
            raise serializers.ValidationError("code and code_system belong together.")
        return query


class GoldenDetailQuery(Strict):
    as_of = serializers.DateTimeField(required=False, help_text="The record as it was at this instant; left out: now.")
    fields = FIELDS  # type: ignore[assignment]  # the parameter's name


class Said(serializers.Serializer[Any]):
    value = Value(allow_null=True)
    system = serializers.CharField(allow_null=True)
    at = serializers.CharField(allow_null=True)


class Reason(serializers.Serializer[Any]):
    path = serializers.CharField()
    value = Value(allow_null=True, help_text="What survived; null for lists of children.")
    system = serializers.CharField(allow_null=True, help_text="The system, or the person, that it comes from.")
    reason = serializers.CharField(help_text="Why this one.")
    at = serializers.CharField(allow_null=True, help_text="Of when it is.")
    others = Said(many=True, help_text="What was said otherwise, and by whom.")


class ProvenanceShape(serializers.Serializer[Any]):
    id = serializers.CharField()
    version = serializers.IntegerField()
    provenance = Reason(many=True)


class Version(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=ChangeEvent.Kind.choices)
    at = serializers.DateTimeField()
    changed = serializers.ListField(child=serializers.CharField(), help_text="Names of the attributes that changed.")
    change_id = serializers.UUIDField(help_text="Shared by everything that one action changed.")
    action = serializers.CharField(allow_null=True)
    actor = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True)


class GoldenView(View):
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
        told = publish.payloads([record.pk for record in records])
        return Response({"results": [_sparse(told[record.pk], query) for record in records], "next": cursor})


class GoldenDetail(GoldenView):
    description = (
        "One golden record. A merged id answers with its survivor and `redirected_from`; with `as_of` it answers as it "
        "was, under its own id."
    )
    query = GoldenDetailQuery

    def get(self, request: Request, public_id: str) -> Response:
        query = GoldenDetailQuery.of_query(request)
        asked = find_record(self.domain, public_id)
        if instant := query.get("as_of"):
            return Response(_sparse(past.payload(asked, instant), query))
        return Response(_sparse(shown(asked), query))


class GoldenProvenance(GoldenView):
    description = "Where each value comes from, why it survived, and what was said otherwise."
    answer = ProvenanceShape
    answer_example: ClassVar = examples.PROVENANCE

    def get(self, request: Request, public_id: str) -> Response:
        record = find_record(self.domain, public_id).survivor
        said = [
            {"path": path, **{name: why.get(name) for name in ("value", "system", "reason", "at")},
             "others": why.get("others", [])}
            for path, why in sorted(record.provenance.items())
        ]  # fmt: skip
        return Response({"id": record.public_id, "version": record.version, "provenance": said})


class GoldenHistory(GoldenView):
    description = "The versions of a record, newest first: what changed, who did it and why."
    query, answer = paging.PageQuery, paging.page_of(Version, "VersionPage")
    answer_example: ClassVar = {"results": [examples.VERSION], "next": None}

    def get(self, request: Request, public_id: str) -> Response:
        query = paging.PageQuery.of_query(request)
        record = find_record(self.domain, public_id)
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
        codes = Crosswalk.objects.filter(
            Crosswalk.in_force(today()), code_system=system, code=system.normalise(query["code"])
        )
        records = records.filter(pk__in=codes.values("golden"))
    if since := query.get("changed_since"):
        records = records.filter(updated_at__gte=since)
    return records


def _sparse(shown: publish.Payload, query: dict[str, Any]) -> publish.Payload:
    """Only the attributes that ``fields`` names; what isn't an attribute is always there."""
    if not (names := query.get("fields")):
        return shown
    wanted = [name.strip() for name in names.split(",")]
    if unknown := sorted(set(wanted) - set(shown["attributes"])):
        known = ", ".join(shown["attributes"])
        raise serializers.ValidationError({"fields": f"No attributes: {', '.join(unknown)[:200]}. Known are: {known}."})
    return shown | {"attributes": {name: shown["attributes"][name] for name in wanted}}


def shown(asked: GoldenRecord) -> publish.Payload:
    """What a record's id answers with. Its ETag is of this, whole."""
    payload = publish.payload(asked.survivor)
    if asked.survivor != asked:
        payload["redirected_from"] = asked.public_id
    elif parted := split.parted_from(asked):
        payload["split_into"] = parted
    return payload


def find_record(domain: Domain, public_id: str, *, drafts: bool = False) -> GoldenRecord:
    published = GoldenRecord.objects.filter(domain=domain.name)
    if not drafts:
        published = published.filter(approved_version__gt=0)
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
    return type(f"{SHAPES[domain.name].__name__}{word}View", (view,), own | declared)


def reads(domain: Domain) -> dict[str, type[View]]:
    """The views of a domain by what they show; ``mdm.api.actions`` serves them with the writes beside them."""
    shape, example = SHAPES[domain.name], examples.GOLDEN[domain.name]
    page = paging.page_of(shape, f"{shape.__name__}Page")
    return {
        "list": _of(GoldenList, domain, answer=page, answer_example={"results": [example], "next": None}),
        "detail": _of(GoldenDetail, domain, answer=shape, answer_example=example),
        "history": _of(GoldenHistory, domain),
        "provenance": _of(GoldenProvenance, domain),
    }
