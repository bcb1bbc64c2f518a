"""``/api/v1/crosswalk``: one code, or ten thousand."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import repeat
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import ResolverMatch, path
from msgspec import Struct
from msgspec.json import Encoder
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from mdm import lookup, permissions
from mdm.api import conditional, examples, problems
from mdm.api.base import DirectView, once
from mdm.api.fields import ProblemField
from mdm.api.json import MEDIA_TYPE, loads
from mdm.api.refusals import WrongMediaType
from mdm.api.shapes import PUBLISHED
from mdm.freshness import Remembered, fresh
from mdm.lookup import Resolution, today
from mdm.models import DomainName

MAX_BATCH = 10_000

answers: Remembered[tuple[bytes, str]] = Remembered()  # bodies with their ETags


class LookupQuery(serializers.Serializer[Any]):
    to = serializers.CharField(required=False, help_text="Code system whose codes you want, e.g. ehr-item.")
    as_of = serializers.DateField(required=False, help_text="The day it should be right for; left out: today.")
    known_at = serializers.DateTimeField(required=False, help_text="As Concord knew it then; left out: now.")
    uom = serializers.CharField(
        required=False, max_length=lookup.MAX_UOM, help_text="Unit you ask about, if it isn't the code's own."
    )
    site = serializers.CharField(
        required=False, max_length=20, help_text="Public id of a location: leaves out the substitutes of others."
    )


class TargetCode(serializers.Serializer[Any]):
    code = serializers.CharField()
    uom = serializers.CharField(help_text="Unit that the system counts this code in; empty if it names none.")
    preferred = serializers.BooleanField(help_text="The one to use where several codes fit.")
    factor = serializers.CharField(
        allow_null=True,
        help_text='How many of this unit one of the unit asked about is: a whole number, or a fraction as "1/12".',
    )
    no_factor = serializers.CharField(
        allow_null=True, help_text="Why there is no factor. Null where there is one, and of records without units."
    )


class SubstituteShape(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Public id of the other item.")
    name = serializers.CharField()
    factor = serializers.CharField(help_text="Base units of the substitute for one of the item that it replaces.")
    site = serializers.CharField(allow_null=True, help_text="Public id of the location where it holds; null: anywhere.")
    valid_from = serializers.DateField()
    valid_to = serializers.DateField(allow_null=True, help_text="Exclusive. Null: until it is ended.")
    reason = serializers.CharField()
    approver = serializers.CharField()


class Lookup(serializers.Serializer[Any]):
    code_system = serializers.CharField()
    code = serializers.CharField(help_text="As asked.")
    uom = serializers.CharField()
    valid_from = serializers.DateField(allow_null=True, help_text="Null: always.")
    valid_to = serializers.DateField(allow_null=True, help_text="Exclusive. Null: until further notice.")
    id = serializers.CharField(help_text="Golden record; the survivor where it was merged.")
    domain = serializers.ChoiceField(choices=DomainName.choices)
    status = serializers.ChoiceField(choices=PUBLISHED)
    name = serializers.CharField()
    redirected_from = serializers.CharField(allow_null=True, help_text="The merged record that the code named.")
    to = serializers.CharField(allow_null=True)
    codes = TargetCode(many=True, help_text="Preferred first; empty when the record has no code there.")
    substitutes = SubstituteShape(many=True, help_text="Items in force that may be used in its place.")
    replaces = SubstituteShape(many=True, help_text="Items in whose place it may be used.")


class BatchQuery(LookupQuery):
    code_system = serializers.CharField()
    codes = serializers.ListField(child=serializers.CharField(), max_length=MAX_BATCH)


class BatchOutcome(serializers.Serializer[Any]):
    code = serializers.CharField()
    found = serializers.BooleanField()
    result = Lookup(required=False)
    problem = ProblemField(required=False, help_text="Problem details, where nothing was found.")


class BatchAnswer(serializers.Serializer[Any]):
    found = serializers.IntegerField()
    outcomes = BatchOutcome(many=True, help_text="One per code, in the order asked.")


class Found(Struct, gc=False):
    code: str
    found: bool
    result: Resolution


class NotFound(Struct, gc=False):
    code: str
    found: bool
    problem: dict[str, Any]


write = Encoder(enc_hook=str).encode  # factors of substitutes are fractions


class CrosswalkLookup(DirectView):
    """What a code means, and that record's codes in another system."""

    permission = permissions.LOOKUP
    tag, operation = "Crosswalk", "crosswalk_lookup"
    query, answer = LookupQuery, Lookup
    answer_example = examples.LOOKUP

    def get(self, request: HttpRequest, code_system: str, code: str) -> HttpResponse:
        key = code_system, code, request.META["QUERY_STRING"], today()
        version = fresh.now()
        known = None if version is None else answers.get(key, version)
        if known is None:
            body = write(lookup.resolve(code_system, code, **asked(request.META["QUERY_STRING"])))
            known = body, conditional.etag(body)
            if version is not None:
                answers.put(key, known, version)
        return conditional.answer(request, *known)


class CrosswalkBatch(DirectView):
    """Up to 10,000 codes of one system at once; each has its own outcome, in the order asked."""

    permission = permissions.LOOKUP
    tag, operation = "Crosswalk", "crosswalk_batch"
    body, answer = BatchQuery, BatchAnswer
    body_example, answer_example = examples.BATCH, examples.BATCH_ANSWER

    def post(self, request: HttpRequest) -> HttpResponse:
        system, codes, options = _batch(request)
        found = lookup.resolve_many(system, codes, **options)
        outcomes = [
            Found(code, True, one) if isinstance(one, Resolution) else NotFound(code, False, problems.of(one))
            for code, one in zip(codes, found, strict=True)
        ]
        answer = {"found": sum(map(isinstance, found, repeat(Resolution))), "outcomes": outcomes}
        return HttpResponse(write(answer), content_type=MEDIA_TYPE)


@lru_cache(maxsize=1024)
def asked(query: str) -> dict[str, Any]:
    """The options of an address: whoever looks codes up asks the same of each."""
    return _options(once(QueryDict(query.encode("latin-1"))))


def _batch(request: HttpRequest) -> tuple[str, list[str], dict[str, Any]]:
    if request.content_type != MEDIA_TYPE:
        raise WrongMediaType(request.content_type, MEDIA_TYPE)
    body = loads(request.body)
    if not isinstance(body, dict):
        raise ValidationError("The body is an object with code_system and codes.")
    codes = body.pop("codes", None)
    if not isinstance(codes, list):
        raise ValidationError({"codes": "A list of codes is needed."})
    if len(codes) > MAX_BATCH:
        raise ValidationError({"codes": f"At most {MAX_BATCH:,} codes at once; these are {len(codes):,}."})
    return _text("code_system", body.pop("code_system", None)), codes, _options(body, "code_system", "codes")


def _options(given: Mapping[str, Any], *read: str) -> dict[str, Any]:
    """The keyword arguments of a lookup. Unknown names are refused: a misspelt ``as_of`` would answer for today."""
    if unknown := sorted(set(given) - set(OPTIONS)):
        known = ", ".join((*read, *OPTIONS))
        raise ValidationError(dict.fromkeys(unknown, f"Unknown. Known are: {known}."))
    return {name: OPTIONS[name](name, value) for name, value in given.items() if value is not None}


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValidationError({name: "The slug of a code system is needed, e.g. erp-item."})
    return value


def _unit(name: str, value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= lookup.MAX_UOM:
        raise ValidationError({name: f"A unit is a text of up to {lookup.MAX_UOM} characters, e.g. BX."})
    return value.strip()


def _site(name: str, value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w-]{1,20}", value, re.ASCII):
        raise ValidationError({name: "The public id of a location is needed, e.g. MDM-LO-000001."})
    return value


def _day(name: str, value: object) -> dt.date:
    try:
        return dt.date.fromisoformat(value)  # type: ignore[arg-type]  # what is no text raises TypeError
    except (TypeError, ValueError):
        raise ValidationError({name: "Not a date. Write it as 2026-05-03."}) from None


def _instant(name: str, value: object) -> dt.datetime:
    try:
        instant = dt.datetime.fromisoformat(value)  # type: ignore[arg-type]  # as above
        if instant.tzinfo is None:
            raise ValueError
        return instant.astimezone(dt.UTC)
    except (TypeError, ValueError, OverflowError):
        text = "Not an instant. Write it as 2026-05-03T14:00:00Z, or with an offset whose + is sent as %2B."
        raise ValidationError({name: text}) from None


OPTIONS: dict[str, Callable[[str, object], Any]] = {
    "to": _text, "as_of": _day, "known_at": _instant, "uom": _unit, "site": _site,
}  # fmt: skip


def route(path: str) -> ResolverMatch | None:
    """What Django's resolver would say of a lookup's address, found without it."""
    if not path.startswith(_PREFIX):
        return None
    code_system, _, code = path[len(_PREFIX) :].partition("/")
    if not code_system or not code or "\n" in path:  # the resolver's patterns stop at line ends
        return None
    named = {"code_system": code_system, "code": code}
    return ResolverMatch(_look_up, (), named, "crosswalk-lookup", ["api", "v1"], ["api", "v1"], _ROUTE)


_look_up = CrosswalkLookup.as_view()
_ROUTE = "crosswalk/<str:code_system>/<path:code>"
_PREFIX = "/api/v1/crosswalk/"

ROUTES = [
    path("crosswalk/batch", CrosswalkBatch.as_view(), name="crosswalk-batch"),
    path(_ROUTE, _look_up, name="crosswalk-lookup"),
]
