"""The product's routes and an empty view behind the same middleware, for the same API key."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from mdm import permissions
from mdm.access import requires


@requires(permissions.LOOKUP)
def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [path("api/v1/empty", empty, name="empty"), path("", include("mdm.urls"))]
