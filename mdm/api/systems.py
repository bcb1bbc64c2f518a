"""``/api/v1/code-systems``: what can be looked up, how it counts, and which of its codes lead nowhere. ``/units``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import lookup_gaps, permissions, unit_schemes
from mdm.api import examples, paging
from mdm.api.base import Strict, View, actor, reason_field
from mdm.exceptions import NotFound
from mdm.lookup import code_systems
from mdm.models import CodeSystem, DomainName, GoldenRecord
from mdm.services import periods, unit_words
from mdm.units import UNITS

NORMALISERS = CodeSystem._meta.get_field("normaliser").choices or ()


class CodeSystemShape(serializers.Serializer[Any]):
    code_system = serializers.CharField(help_text="Its name in lookups.")
    system = serializers.CharField()
    domain = serializers.ChoiceField(choices=DomainName.choices)
    kind = serializers.CharField(help_text="primary, or the kind of identifier: gtin, npi …")
    unique = serializers.BooleanField(help_text="A code means one record; else it may be shared: 409.")
    normaliser = serializers.ChoiceField(choices=NORMALISERS, help_text="How codes are compared.")
    units = serializers.DictField(child=serializers.CharField(), help_text="Its own words for units.")


class CodeSystemList(serializers.Serializer[Any]):
    results = CodeSystemShape(many=True)


class CodeSystems(View):
    """The code systems that lookups know."""

    permission = permissions.LOOKUP
    tag, operation = "Crosswalk", "code_systems_list"
    answer, answer_example = CodeSystemList, {"results": [examples.CODE_SYSTEM]}

    def get(self, request: Request) -> Response:
        rows = CodeSystem.objects.select_related("system")
        return Response({"results": [_system(row) for row in rows]})


class UnitsBody(Strict):
    units = serializers.DictField(
        child=serializers.CharField(max_length=20),
        help_text='{its word: any spelling that Concord knows}: {"KAR": "CA"}.',
    )


class SetUnits(View):
    """Say what a system calls units, in place of what was said before."""

    permission = permissions.ADMINISTER
    tag, operation, body = "Crosswalk", "code_systems_units", UnitsBody
    body_example: ClassVar = {"units": {"KAR": "CA"}}
    answer, answer_example = CodeSystemShape, examples.CODE_SYSTEM

    def put(self, request: Request, code_system: str) -> Response:
        given = UnitsBody.checked(request.data)
        row = unit_words.set_units(
            code_system=code_systems.get(code_system), units=given["units"], actor=actor(request)
        )
        return Response(_system(row))


def _system(row: CodeSystem) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in ("domain", "kind", "unique", "normaliser", "units")}
    return {"code_system": row.slug, "system": row.system.code, **plain}


class UnmappedQuery(paging.PageQuery):
    to = serializers.CharField(max_length=80, help_text="Code system in which they should have a code.")


class UnmappedShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    uom = serializers.CharField()
    id = serializers.CharField(allow_null=True, help_text="Golden record; null: a steward has yet to decide.")
    name = serializers.CharField()
    state = serializers.ChoiceField(
        choices=["unmapped", "review", "pending"],
        help_text="unmapped: no code there; review or pending: not resolved yet.",
    )


class Unmapped(View):
    """Codes of a system whose records have no code in another one, or have not been resolved yet."""

    permission = permissions.LOOKUP
    tag, operation = "Crosswalk", "unmapped_list"
    query, answer = UnmappedQuery, paging.page_of(UnmappedShape, "UnmappedPage")
    answer_example: ClassVar = {"results": [examples.UNMAPPED], "next": None}

    def get(self, request: Request, code_system: str) -> Response:
        query = UnmappedQuery.of_query(request)
        scope = f"unmapped:{code_system}"
        after = paging.after(query, scope)
        rows = lookup_gaps.unmapped(code_system, query["to"], after=after[0] if after else "", limit=query["limit"] + 1)
        shown, cursor = paging.page(rows, query, scope, lambda row: [row.code])
        return Response({"results": shown, "next": cursor})


class CountQuery(Strict):
    to = serializers.CharField(max_length=80, help_text="Code system in which they should have a code.")


class UnmappedCount(serializers.Serializer[Any]):
    code_system = serializers.CharField()
    to = serializers.CharField()
    mapped = serializers.IntegerField()
    unmapped = serializers.IntegerField()
    review = serializers.IntegerField(help_text="A steward has yet to decide.")
    pending = serializers.IntegerField()


class UnmappedCounts(View):
    """How many codes of a system are mapped to another one, and how many are not. Subscribe to `unmapped` events to
    hear of new ones.
    """

    permission = permissions.LOOKUP
    tag, operation = "Crosswalk", "unmapped_count"
    query, answer = CountQuery, UnmappedCount
    answer_example: ClassVar = {"code_system": "erp-item", "to": "ehr-item", "mapped": 9120, "unmapped": 310,
                                "review": 12, "pending": 0}  # fmt: skip

    def get(self, request: Request, code_system: str) -> Response:
        to = CountQuery.of_query(request)["to"]
        return Response({"code_system": code_system, "to": to, **lookup_gaps.counts(code_system, to)})


class UnitShape(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="X12 data element 355.")
    name = serializers.CharField()
    unece = serializers.CharField(allow_null=True, help_text="UNECE Recommendation 20 or 21 (packages: X…).")
    ucum = serializers.CharField(help_text="UCUM; packages are annotations such as {box}.")
    spellings = serializers.ListField(child=serializers.CharField())


class UnitList(serializers.Serializer[Any]):
    results = UnitShape(many=True)


class Units(View):
    """The units that Concord knows, in the schemes that systems use."""

    permission = permissions.LOOKUP
    tag, operation, answer = "Crosswalk", "units_list", UnitList
    answer_example: ClassVar = {"results": [{"code": "BX", "name": "Box", "unece": "XBX", "ucum": "{box}",
                                             "spellings": ["BXS", "BOXES", "XBX"]}]}  # fmt: skip

    def get(self, request: Request) -> Response:
        shown = [
            {
                "code": code,
                "name": name,
                "unece": unit_schemes.UNECE.get(code),
                "ucum": unit_schemes.ucum(code),
                "spellings": others.split(),
            }
            for code, (name, others) in UNITS.items()
        ]
        return Response({"results": shown})


class PeriodBody(Strict):
    code_system = serializers.CharField(max_length=80)
    code = serializers.CharField(max_length=120)
    golden = serializers.CharField(max_length=20, help_text="Public id of the record that the code meant.")
    valid_from = serializers.DateField(required=False, help_text="Left out: always.")
    valid_to = serializers.DateField(required=False, help_text="Exclusive. Left out: until further notice.")
    uom = serializers.CharField(max_length=12, required=False, default="", allow_blank=True)
    reason = reason_field()


class PeriodShape(serializers.Serializer[Any]):
    code_system = serializers.CharField()
    code = serializers.CharField()
    golden = serializers.CharField()
    valid_from = serializers.DateField(allow_null=True)
    valid_to = serializers.DateField(allow_null=True)
    uom = serializers.CharField()
    known_from = serializers.DateTimeField(help_text="Lookups as known before this instant answer as they did.")


class StatePeriod(View):
    """Say what a code meant from one day to another. Old answers stay as they were; see `known_at` of lookups."""

    permission = permissions.CHANGE_IDENTITY
    tag, operation, status = "Crosswalk", "periods_state", 201
    body, answer, answer_example = PeriodBody, PeriodShape, examples.PERIOD
    body_example: ClassVar = {"code_system": "erp-item", "code": "4711", "golden": "MDM-IT-000123",
                              "valid_to": "2026-05-03", "reason": "The ERP gave the code to another item"}  # fmt: skip

    def post(self, request: Request) -> Response:
        given = PeriodBody.checked(request.data)
        golden = GoldenRecord.objects.filter(public_id=given.pop("golden")).first()
        if golden is None:
            raise NotFound("There is no such golden record.")
        system = code_systems.get(given.pop("code_system"))
        made = periods.state_period(code_system=system, golden=golden, actor=actor(request), **given)
        shown = {
            "code_system": system.slug,
            "code": made.code,
            "golden": golden.public_id,
            "valid_from": given.get("valid_from"),
            "valid_to": made.valid_to,
            "uom": made.uom,
            "known_from": made.known_from,
        }
        return Response(shown, status=201)


ROUTES = [
    path("code-systems", CodeSystems.as_view(), name="code-systems"),
    path("code-systems/<slug:code_system>/units", SetUnits.as_view(), name="code-system-units"),
    path("code-systems/<slug:code_system>/unmapped", Unmapped.as_view(), name="unmapped"),
    path("code-systems/<slug:code_system>/unmapped/count", UnmappedCounts.as_view(), name="unmapped-count"),
    path("crosswalk/periods", StatePeriod.as_view(), name="crosswalk-periods"),
    path("units", Units.as_view(), name="units"),
]
