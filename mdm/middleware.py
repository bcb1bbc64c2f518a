"""What surrounds every request: its id, the access check, and errors that an API client can read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.urls import ResolverMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from rest_framework.exceptions import APIException

from mdm import access, auth, chunks, context, health, rates
from mdm.api import crosswalk, idempotency, problems, refusals
from mdm.exceptions import ConcordError
from mdm.fhir import outcomes
from mdm.ui.refusals import said

GetResponse = Callable[[HttpRequest], HttpResponseBase]

UNUSED_FEATURES = ("accelerometer", "camera", "geolocation", "gyroscope", "microphone", "payment", "usb")
HEADERS = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",  # unless the view or WhiteNoise says otherwise
}


def is_api(request: HttpRequest) -> bool:
    """Machines get problem details; people get pages and redirects. The API's documentation is a page."""
    return request.path.startswith(("/api/", "/fhir/")) and not request.path.startswith("/api/docs")


class RequestContext:
    """Names the request, for logs, audit and the client (``X-Request-ID``), and adds the headers every answer has.

    Requests of the API that carry a key go a short way of their own from here.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.keyed = KeyedRequests()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        respond = self.keyed if is_api(request) and auth.has_key(request) else self.get_response
        with context.working_as(request.META.get("HTTP_X_REQUEST_ID", "")) as name:
            response = respond(request)
        response["X-Request-ID"] = name
        for header, value in HEADERS.items():
            response.setdefault(header, value)
        return response


class Probes:
    """Answers probes, which come by address, before anything asks whether ALLOWED_HOSTS has the name they call us."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return health.PROBES.get(request.path_info, self.get_response)(request)


class KeyedRequests(BaseHandler):
    """The way of requests with an API key: without session, cookies, CSRF and what else only pages need, but with a
    limit to how many a key may send. A third of what the whole chain costs.
    """

    def __init__(self) -> None:
        respond: GetResponse = self._get_response  # type: ignore[attr-defined]  # missing in the stubs
        control = AccessControl(respond)
        self._view_middleware = [control.process_view]
        self._template_response_middleware: list[Any] = []
        self._exception_middleware = [control.process_exception]
        self._secured = SecurityMiddleware(convert_exception_to_response(respond))

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """A lookup's address is known by its beginning; among all routes it would be searched as long as a code is."""
        match = crosswalk.route(request.path_info)
        if match is None:
            return super().resolve_request(request)
        request.resolver_match = match
        return match

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = self._secured(request)  # type: ignore[assignment]  # never awaitable here
        if (allowance := getattr(request, "allowance", None)) is not None:
            response["RateLimit-Policy"], response["RateLimit"] = allowance.policy, allowance.left
        if isinstance(response, HttpResponse) and "Content-Length" not in response:
            response["Content-Length"] = str(len(response.content))
        return response


class AccessControl:
    """Finds out who asks (an API key, else the session) and holds the view to the permission it declares."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        permission = access.declared(view) or access.DEFAULT
        if permission == access.PUBLIC:
            chunks.gather(request)
            return None
        try:
            if user := auth.bearer(request):
                request.user = user
                request.allowance = rates.take(user.api_key)  # type: ignore[attr-defined]
                rates.check(request.allowance)  # type: ignore[attr-defined]
            access.check(request.user, permission)
            chunks.gather(request)
            if is_api(request):
                refusals.check_encoding(request)
            if "HTTP_IDEMPOTENCY_KEY" in request.META and _may_change(request):
                return idempotency.once(request, lambda: view(request, *args, **kwargs))
        except (ConcordError, DatabaseError, APIException, SuspiciousOperation) as error:
            return _problem(request, error) if is_api(request) else _turned_away(request, error)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Errors of API views as problem details; REST framework's own handler sends what it doesn't know here, too."""
        return _problem(request, error) if is_api(request) else None


def _problem(request: HttpRequest, error: Exception) -> HttpResponse:
    """In the words of the interface that was asked."""
    respond = outcomes.respond if request.path.startswith("/fhir/") else problems.respond
    return respond(request, error)


def _may_change(request: HttpRequest) -> bool:
    return request.path.startswith("/api/") and request.method not in idempotency.SAFE


def _turned_away(request: HttpRequest, error: Exception) -> HttpResponseBase:
    if not isinstance(error, ConcordError):
        raise error
    if not isinstance(error, access.NotSignedIn):
        raise PermissionDenied(said(error)) from error
    if request.method not in ("GET", "HEAD"):
        messages.warning(request, "You had been signed out: what you sent was not done. Send it again.")
    if htmx := getattr(request, "htmx", None):  # a fragment can't show the login page: send the whole page there
        page = htmx.current_url_abs_path or request.get_full_path()
        return HttpResponseClientRedirect(redirect_to_login(page).url)
    return redirect_to_login(_page_of(request))


def _page_of(request: HttpRequest) -> str:
    """Where to go on after signing in: a form's address can't be opened, so for one the page that it stood on."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    referer = request.META.get("HTTP_REFERER", "")
    if not url_has_allowed_host_and_scheme(referer, {request.get_host()}):
        return reverse("home")
    parts = urlsplit(referer)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
