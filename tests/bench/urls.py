"""The product's routes and an empty view behind the same middleware, for the same API key.

Its address is known by its beginning, as a lookup's is: else Django's resolver would make the empty view dearer than
it need be, and lookups look good beside it.
"""

from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, include, path

from mdm import permissions
from mdm.access import requires
from mdm.api import crosswalk

EMPTY = "/api/v1/empty"


@requires(permissions.LOOKUP)
def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"{}", content_type="application/json")


def route(address: str) -> ResolverMatch | None:
    return ResolverMatch(empty, (), {}, "empty") if address == EMPTY else lookups(address)


lookups, crosswalk.route = crosswalk.route, route
urlpatterns = [path(EMPTY[1:], empty, name="empty"), path("", include("mdm.urls"))]
