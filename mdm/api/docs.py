"""The API's description and its documentation for people, and the answer where there is no API."""

from __future__ import annotations

from typing import NoReturn

from django.http import Http404, HttpRequest
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from mdm import access


class Description(SpectacularAPIView):
    """OpenAPI 3.1, as YAML or (``?format=json``) JSON."""

    permission = access.SIGNED_IN


class Documentation(SpectacularSwaggerSplitView):
    """Swagger UI from our own host; its script is a second request, as the content security policy demands."""

    permission = access.SIGNED_IN
    url_name = "api:schema"
    template_name = "api/docs.html"


@csrf_exempt
@access.signed_in
def nothing_here(request: HttpRequest) -> NoReturn:
    raise Http404
