"""What surrounds every request: its id, the access check, and errors that an API client can read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django_htmx.http import HttpResponseClientRedirect

from mdm import access, auth, context
from mdm.api import problems
from mdm.exceptions import ConcordError

GetResponse = Callable[[HttpRequest], HttpResponseBase]

UNUSED_FEATURES = ("accelerometer", "camera", "geolocation", "gyroscope", "microphone", "payment", "usb")
HEADERS = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",  # unless the view or WhiteNoise says otherwise
}


def is_api(request: HttpRequest) -> bool:
    """Machines get problem details; people get pages and redirects. The API's documentation is a page."""
    return request.path.startswith("/api/") and not request.path.startswith("/api/docs")


class RequestContext:
    """Names the request, for logs, audit and the client (``X-Request-ID``), and adds the headers every answer has."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with context.working_as(request.META.get("HTTP_X_REQUEST_ID", "")) as name:
            response = self.get_response(request)
        response["X-Request-ID"] = name
        for header, value in HEADERS.items():
            response.setdefault(header, value)
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
            return None
        try:
            request.user = auth.bearer(request) or request.user
            access.check(request.user, permission)
        except (ConcordError, DatabaseError) as error:
            return problems.respond(request, error) if is_api(request) else _turned_away(request, error)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Errors of API views as problem details; REST framework's own handler sends what it doesn't know here, too."""
        return problems.respond(request, error) if is_api(request) else None


def _turned_away(request: HttpRequest, error: ConcordError | DatabaseError) -> HttpResponseBase:
    if isinstance(error, DatabaseError):
        raise error
    if not isinstance(error, access.NotSignedIn):
        raise PermissionDenied(error.message) from error
    if htmx := getattr(request, "htmx", None):  # a fragment can't show the login page: send the whole page there
        page = htmx.current_url_abs_path or request.get_full_path()
        return HttpResponseClientRedirect(redirect_to_login(page).url)
    return redirect_to_login(request.get_full_path())
