"""How a screen answers: whole, as an htmx fragment, or with an error that says what to do."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as django_render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.http import require_http_methods

from mdm import permissions
from mdm.access import requires
from mdm.exceptions import ConcordError, NotFound
from mdm.ui.refusals import said

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django_htmx.middleware import HtmxDetails

    from mdm.models import User

GET = ("GET", "HEAD")
POST = ("POST",)
BOTH = (*GET, *POST)


class Request(HttpRequest):
    """A request of somebody who is signed in, with what the middleware adds. For annotations only."""

    user: User
    htmx: HtmxDetails


class May:
    """What the user may do, for templates: ``{% if may.decide_reviews %}``. Names are those of the permissions."""

    def __init__(self, user: User) -> None:
        self.user = user

    def __getattr__(self, name: str) -> bool:
        if f"mdm.{name}" not in permissions.DESCRIPTIONS:
            raise AttributeError(name)
        allowed = self.user.has_permission(f"mdm.{name}")
        setattr(self, name, allowed)  # lists ask for every line
        return allowed


def page(permission: str, methods: Sequence[str] = GET) -> Callable[[Any], Any]:
    """Declare what a screen needs (checked by ``AccessControl``) and show Concord's own errors as pages."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def answered(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                response = view(request, *args, **kwargs)
            except ConcordError as error:
                response = show_error(request, error)
            patch_vary_headers(response, ["HX-Request"])
            patch_cache_control(response, private=True, no_cache=True)
            return response

        shown = requires(permission)(require_http_methods(list(methods))(answered))
        shown.page_methods = tuple(methods)  # type: ignore[attr-defined]  # a test finds all pages by it
        return shown

    return decorate


def render(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, fragment: str = "", status: int = 200
) -> HttpResponse:
    """The page, or only its fragment when htmx asks for one."""
    wanted = fragment if fragment and is_fragment(request) else template
    return django_render(request, wanted, {"may": May(request.user), **(context or {})}, status=status)  # type: ignore[arg-type]


def is_fragment(request: Any) -> bool:
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def show_error(request: HttpRequest, error: ConcordError) -> HttpResponse:
    context = {"error": error, "said": said(error)}
    return render(request, "error.html", context, fragment="parts/error.html", status=error.status)


def not_found(what: str) -> NotFound:
    return NotFound(f"There is no {what}. It may have another address now; search for it.")
