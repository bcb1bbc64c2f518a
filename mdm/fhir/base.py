"""What the views below ``/fhir/`` share: JSON alone, bodies with their ETag, and answers that are remembered."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import NotAcceptable

from mdm import access
from mdm.api import conditional, refusals
from mdm.api.json import dumps
from mdm.fhir.outcomes import MEDIA_TYPE
from mdm.freshness import Remembered, fresh
from mdm.lookup import today

JSON = ("json", "*/*", "application/*", "text/html")  # a browser is answered, too
LENIENT = re.compile(r'\bhandling\s*=\s*"?lenient\b', re.IGNORECASE)

answers: Remembered[tuple[bytes, str]] = Remembered()  # bodies with their ETags


@method_decorator(csrf_exempt, name="dispatch")  # nothing here changes anything
class FhirView(View):
    """``AccessControl`` has checked who asks; errors become OperationOutcomes through ``process_exception``."""

    permission: ClassVar[str] = access.DEFAULT

    @property
    def methods(self) -> list[str]:
        return [name for name in ("GET", "HEAD", "POST") if hasattr(self, name.lower())]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        negotiate(request)
        if request.method == "OPTIONS":
            return refusals.options(self.methods)
        if request.method not in self.methods:
            raise refusals.WrongMethod(request.method, self.methods)
        handler = getattr(self, request.method.lower())
        response: HttpResponseBase = handler(request, *args, **kwargs)
        return response


def negotiate(request: HttpRequest) -> None:
    """Refuse who can't read JSON: ``_format`` goes before Accept (FHIR R4, http.html#parameters)."""
    wanted = request.GET.get("_format") or request.META.get("HTTP_ACCEPT") or "json"
    if not any(kind in wanted for kind in JSON):
        raise NotAcceptable(f"Concord answers in {MEDIA_TYPE} alone.")


def lenient(request: HttpRequest) -> bool:
    """Whether the client would have what isn't known here ignored (FHIR R4, search.html#errors; RFC 7240)."""
    return LENIENT.search(request.META.get("HTTP_PREFER", "")) is not None


def answer(request: HttpRequest, resource: dict[str, Any], tag: str = "") -> HttpResponse:
    body = dumps(resource)
    return conditional.answer(request, body, tag or conditional.etag(body), MEDIA_TYPE)


def remembered(request: HttpRequest, make: Callable[[], dict[str, Any]]) -> HttpResponse:
    """The answer to a GET, from memory while nothing that lookups answer from has changed."""
    if request.method == "POST":
        return answer(request, make())
    key = request.path, request.META["QUERY_STRING"], today()
    version = fresh.now()
    known = None if version is None else answers.get(key, version)
    if known is None:
        body = dumps(make())
        known = body, conditional.etag(body)
        if version is not None:
            answers.put(key, known, version)
    return conditional.answer(request, *known, MEDIA_TYPE)
