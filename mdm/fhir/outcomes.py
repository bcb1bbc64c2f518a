"""Every error below ``/fhir/`` as an OperationOutcome, with the status that the REST API's problem would have."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from mdm import context
from mdm.api import problems
from mdm.api.json import dumps

MEDIA_TYPE = "application/fhir+json"
PROBLEM = "urn:concord:problem"

# http://hl7.org/fhir/issue-type
_ISSUES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "conflict",
    412: "conflict",
    413: "too-long",
    415: "not-supported",
    422: "processing",
    429: "throttled",
    503: "transient",
}
_SPECIAL = {"not-json": "structure", "ambiguous-code": "multiple-matches"}


def respond(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer to a request that ended in this error."""
    problem = problems.answered(request, error)
    answer = HttpResponse(dumps(outcome(problem)), status=problem.status, content_type=MEDIA_TYPE)
    for name, value in problem.headers.items():
        answer[name] = value
    return answer


def outcome(problem: problems.Problem) -> dict[str, Any]:
    """One issue, or one for each value that doesn't fit."""
    errors = problem.more.get("errors") or [{"detail": _detail(problem)}]
    return {"resourceType": "OperationOutcome", "issue": [_issue(problem, one) for one in errors]}


def _issue(problem: problems.Problem, error: dict[str, Any]) -> dict[str, Any]:
    issue: dict[str, Any] = {
        "severity": "fatal" if problem.status >= 500 else "error",
        "code": _SPECIAL.get(problem.code) or _ISSUES.get(problem.status, "exception"),
        "details": {"coding": [{"system": PROBLEM, "code": problem.code}], "text": error["detail"]},
        "diagnostics": f"Request {context.request_id()}",
    }
    if where := error.get("pointer", "").removeprefix("#/"):
        issue["expression"] = [where.replace("/", ".")]
    return issue


def _detail(problem: problems.Problem) -> str:
    """The sentence, with the candidates of a shared code or the names that there are."""
    for name in ("candidates", "known"):
        if named := problem.more.get(name):
            return f"{problem.detail} {name.capitalize()}: {', '.join(map(str, named))}."
    return problem.detail
