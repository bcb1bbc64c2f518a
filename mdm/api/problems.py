"""Every error of the API as problem details (RFC 9457), from one place.

Views raise; REST framework's handler (``handle``) and ``mdm.middleware.AccessControl`` call ``respond``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework.exceptions import APIException, NotAcceptable, UnsupportedMediaType, ValidationError

from mdm import context
from mdm.api.json import MEDIA_TYPE, PROBLEM_TYPE, response
from mdm.api.refusals import WrongMediaType
from mdm.exceptions import ConcordError

log = structlog.get_logger(__name__)

_CODES = {  # REST framework's names, where ours differ
    "invalid": "invalid-input",
    "permission_denied": "forbidden",
    "not_authenticated": "not-signed-in",
    "authentication_failed": "invalid-token",
    "parse_error": "not-json",
}


class Problem(NamedTuple):
    status: int
    code: str
    detail: str
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}


def respond(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer to a request that ended in this error."""
    status, code, detail, more, headers = answered(request, error)
    answer = response(body(status, code, detail, **more), status, PROBLEM_TYPE)
    for name, value in headers.items():
        answer[name] = value
    return answer


def answered(request: HttpRequest, error: Exception) -> Problem:
    """The problem that the request is answered with; what nobody expected is logged and reported."""
    problem = describe(error)
    if problem.status == 500:
        log.error("request failed", path=request.path, exc_info=error)
        got_request_exception.send(sender=None, request=request)
    return problem


def of(error: Exception) -> dict[str, Any]:
    """An error as the body of a problem, e.g. for one row of a batch."""
    status, code, detail, more, _ = describe(error)
    return body(status, code, detail, **more)


def handle(error: Exception, drf_context: dict[str, Any]) -> HttpResponse:
    """REST framework's EXCEPTION_HANDLER. What it says itself of forms and methods doesn't say what to do."""
    request = drf_context["request"]._request
    if isinstance(error, UnsupportedMediaType):
        error = WrongMediaType(request.content_type, MEDIA_TYPE)
    elif isinstance(error, NotAcceptable):
        error = NotAcceptable(f"The API answers in {MEDIA_TYPE}: ask for that in Accept, or leave Accept out.")
    return respond(request, error)


def body(status: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """The members that RFC 9457 names, the request's id to quote, and whatever helps to mend this kind of error."""
    return {
        "type": f"urn:concord:problem:{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "request_id": context.request_id(),
        **more,
    }


def describe(error: Exception) -> Problem:
    match error:
        case ConcordError():
            return Problem(error.status, error.code, error.message, error.details, dict(error.headers))
        case ValidationError():
            errors = [{"pointer": pointer, "detail": text} for pointer, text in leaves(error.detail)]
            return Problem(400, "invalid-input", "Some values don't fit; see errors.", {"errors": errors})
        case APIException():
            return _of_rest_framework(error)
        case Http404():
            return Problem(404, "not-found", "There is nothing at this address. Check it against /api/docs/.")
        case PermissionDenied():
            return Problem(403, "forbidden", "You lack the permission for this.")
        case RequestDataTooBig():
            return Problem(413, "too-large", "The body is too large. Send it in smaller parts.")
        case SuspiciousOperation():
            return Problem(400, "bad-request", "The request is malformed.")
        case OperationalError() | InterfaceError():
            log.error("database unavailable", exc_info=error)
            text = "Concord's database can't be reached just now. Try again."
            return Problem(503, "unavailable", text, {}, {"Retry-After": "5"})
    return Problem(500, "internal-error", "Something went wrong in Concord. Report it with the request id.")


def _of_rest_framework(error: APIException) -> Problem:
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else "invalid"
    headers = {"WWW-Authenticate": "Bearer"} if error.status_code == 401 else {}
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    return Problem(error.status_code, _CODES.get(code, code.replace("_", "-")), str(error.detail), {}, headers)


def leaves(detail: Any, pointer: str = "#") -> Iterator[tuple[str, str]]:
    """REST framework's nested errors as (JSON pointer, message)."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from leaves(inner, pointer if name == "non_field_errors" else f"{pointer}/{name}")
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from leaves(inner, f"{pointer}/{index}" if isinstance(inner, dict | list) else pointer)
    else:
        yield pointer, str(detail)
