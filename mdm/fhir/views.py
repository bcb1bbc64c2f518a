"""``/fhir/`` (R4) and ``/fhir/r5/``: operations, reads and searches. All of them only read."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, ClassVar, NoReturn

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import ValidationError

from mdm import access, auth, permissions
from mdm.api import paging
from mdm.api.refusals import WrongMediaType
from mdm.code_systems import code_systems
from mdm.exceptions import NotFound
from mdm.fhir import (
    bundles,
    capability,
    concepts,
    elements,
    includes,
    parameters,
    resources,
    search,
    terminology,
    translate,
    uris,
    versions,
)
from mdm.fhir.base import FhirView, answer, lenient, remembered
from mdm.models import ChangeEvent, GoldenRecord

FORM = "application/x-www-form-urlencoded"


def _base(request: HttpRequest, fhir: str) -> str:
    return request.build_absolute_uri("/fhir/" if fhir == resources.R4 else "/fhir/r5/")


class Metadata(FhirView):
    permission = access.PUBLIC
    fhir: ClassVar[str] = resources.R4

    def get(self, request: HttpRequest) -> HttpResponse:
        base, mode = _base(request, self.fhir), request.GET.get("mode") or "full"
        if mode == "terminology":  # the names of a hospital's systems are for who may look codes up
            known = _sorted_uris() if _may_look_up(request) else []
            return answer(request, capability.terminology(base, self.fhir, known))
        if mode not in ("full", "normative"):
            raise ValidationError({"mode": "full, normative or terminology."})
        return answer(request, capability.statement(base, self.fhir))


def _may_look_up(request: HttpRequest) -> bool:
    """Of an address that is open to everybody, and so has not asked who it is."""
    user = auth.bearer(request) or getattr(request, "user", None)
    return user is not None and user.is_authenticated and user.has_permission(permissions.LOOKUP)


def _sorted_uris() -> list[str]:
    return sorted({uris.of(system) for system in code_systems.all()})


class Translate(FhirView):
    permission = permissions.LOOKUP
    names: ClassVar[translate.Names] = translate.R4

    def get(self, request: HttpRequest, pk: str = "") -> HttpResponse:
        def make() -> dict[str, Any]:
            return translate.answer(parameters.of_request(request), self.names, terminology.ends(pk) if pk else None)

        return remembered(request, make)

    post = get


class Lookup(FhirView):
    permission = permissions.LOOKUP

    def get(self, request: HttpRequest) -> HttpResponse:
        return remembered(request, lambda: concepts.answer(parameters.of_request(request)))

    post = get


class RecordView(FhirView):
    permission = permissions.VIEW
    fhir: ClassVar[str] = resources.R4
    resource: ClassVar[str] = ""

    @property
    def domains(self) -> tuple[str, ...]:
        return resources.TYPES[self.fhir][self.resource]

    def find(self, pk: str) -> GoldenRecord:
        """A record under the very id that was asked for: a merged one says which replaces it."""
        published = GoldenRecord.objects.filter(domain__in=self.domains, approved_version__gt=0)
        record = published.filter(public_id=pk).first() if parameters.is_text(pk) else None
        if record is None:
            raise NotFound(f"There is no {self.resource} {pk[:64]}.")
        return record


class Record(RecordView):
    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        wanted = elements.parse(self.resource, request.GET.get("_elements", ""))
        (shown,) = resources.of_records([self.find(pk)], self.fhir)
        return answer(request, elements.only(shown, wanted), resources.etag(shown))


class RecordVersion(RecordView):
    def get(self, request: HttpRequest, pk: str, vid: str) -> HttpResponse:
        shown = versions.read(self.find(pk), vid, self.fhir)
        return answer(request, shown, resources.etag(shown))


class History(RecordView):
    """Of one record by version, of a whole type by the place in the change feed; the newest first."""

    def shown(
        self, request: HttpRequest, told: QuerySet[ChangeEvent], by: str, at: str, *, counted: bool
    ) -> HttpResponse:
        filters, events = versions.parse(told, request.GET, lenient=lenient(request))
        count = min(search.count_of(request.GET.get("_count", "")), versions.MOST)
        scope, asked = f"fhir:{at}", {"cursor": request.GET.get("_cursor"), "limit": count, "filters": filters}
        below = paging.after(asked, scope)
        older = events.filter(**{f"{by}__lt": below[0]}) if below else events
        rows = list(older.order_by(f"-{by}")[: count + 1]) if count else []
        page, cursor = paging.page(rows, asked, scope, lambda event: [getattr(event, by)]) if count else ([], None)
        bundle = bundles.history(
            [versions.of(event, self.fhir) for event in page],
            base=_base(request, self.fhir),
            path=f"{at}/_history",
            filters=filters,
            count=count,
            cursor=cursor,
            total=events.count() if counted else None,
        )
        return answer(request, bundle)


class RecordHistory(History):
    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        record = self.find(pk)
        told = versions.published(record=record)
        return self.shown(request, told, "version", f"{self.resource}/{record.public_id}", counted=True)


class TypeHistory(History):
    def get(self, request: HttpRequest) -> HttpResponse:
        told = versions.published(record__domain__in=self.domains, position__isnull=False)
        return self.shown(request, told, "position", self.resource, counted=False)


class Records(RecordView):
    def get(self, request: HttpRequest) -> HttpResponse:
        given = _given(request)
        query = search.parse(self.resource, self.domains, given, lenient=lenient(request))
        scope, asked = f"fhir:{self.resource}", {"cursor": query.cursor, "limit": query.count, "filters": query.filters}
        found = [] if query.only_count else search.rows(query, paging.after(asked, scope))
        page, cursor = paging.page(found, asked, scope, search.key_in(query.order))
        bundle = bundles.searchset(
            self.shown(page, query),
            included=self.shown(includes.found(query.includes, page, self.domains), query),
            base=_base(request, self.fhir),
            path=self.resource,
            filters=query.filters,
            count=query.count,
            cursor=cursor,
            total=search.matching(query).count() if query.total or query.only_count else None,
        )
        return answer(request, bundle)

    def shown(self, records: Collection[GoldenRecord], query: search.Query) -> list[dict[str, Any]]:
        return [elements.only(one, query.elements) for one in resources.of_records(records, self.fhir)]


class SearchRecords(Records):
    """``POST [type]/_search``: the query as a form, so that codes stay out of logs."""

    def get(self, request: HttpRequest) -> NoReturn:
        raise NotFound("Search with GET [type]?…, or POST a form here.")

    def post(self, request: HttpRequest) -> HttpResponse:
        if request.content_type != FORM:
            raise WrongMediaType(request.content_type, FORM)
        return super().get(request)


def _given(request: HttpRequest) -> QueryDict:
    if request.method != "POST":
        return request.GET
    both = request.GET.copy()
    both.update(request.POST)
    return both


class Terms(FhirView):
    """NamingSystem and ConceptMap: few, so they are searched in memory."""

    permission = permissions.LOOKUP
    filters: ClassVar[dict[str, Callable[[dict[str, Any], str], bool]]]
    resource: ClassVar[str]

    def every(self) -> list[dict[str, Any]]:
        raise NotImplementedError

    def get(self, request: HttpRequest) -> HttpResponse:
        unknown = sorted(set(request.GET) - set(self.filters) - (search.RESULT - {"_sort", "_elements"}))
        if unknown and not lenient(request):
            raise ValidationError({name[:80]: f"Unknown. Known are: {', '.join(self.filters)}." for name in unknown})
        search.check_choices(request.GET, lenient=lenient(request))
        used = [(name, value) for name in self.filters for value in request.GET.getlist(name)]
        found = [one for one in self.every() if all(self.filters[name](one, value) for name, value in used)]
        count = 0 if request.GET.get("_summary") == "count" else search.count_of(request.GET.get("_count", ""))
        asked = {"cursor": request.GET.get("_cursor"), "limit": count, "filters": used}
        start = (paging.after(asked, self.resource) or [0])[0]
        rows = list(enumerate(found[start : start + count + 1], start=start + 1))
        page, cursor = paging.page(rows, asked, self.resource, lambda row: [row[0]]) if count else ([], None)
        bundle = bundles.searchset(
            [one for _, one in page],
            base=_base(request, resources.R4),
            path=self.resource,
            filters=used,
            count=count,
            cursor=cursor,
            total=len(found),
        )
        return answer(request, bundle)


def _same(name: str) -> Callable[[dict[str, Any], str], bool]:
    return lambda resource, value: bool(resource[name] == value)


def _named(resource: dict[str, Any], value: str) -> bool:
    return str(resource["name"]).lower().startswith(value.lower())


class NamingSystems(Terms):
    resource = "NamingSystem"
    filters: ClassVar = {
        "_id": _same("id"),
        "name": _named,
        "status": _same("status"),
        "value": lambda resource, value: any(one["value"] == value for one in resource["uniqueId"]),
    }

    def every(self) -> list[dict[str, Any]]:
        return terminology.naming_systems()


class ConceptMaps(Terms):
    resource = "ConceptMap"
    filters: ClassVar = {
        "_id": _same("id"),
        "name": _named,
        "status": _same("status"),
        "url": _same("url"),
        "source-uri": _same("sourceUri"),
        "target-uri": _same("targetUri"),
    }

    def every(self) -> list[dict[str, Any]]:
        return [terminology.concept_map(*pair) for pair in terminology.pairs()]


class OneNamingSystem(FhirView):
    permission = permissions.LOOKUP

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        return answer(request, terminology.naming_system(pk))


class OneConceptMap(FhirView):
    permission = permissions.LOOKUP

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        return answer(request, terminology.with_elements(*terminology.ends(pk)))


@csrf_exempt
@access.signed_in
def nothing_here(request: HttpRequest) -> NoReturn:
    raise NotFound("There is nothing at this address. GET /fhir/metadata lists what there is.")
