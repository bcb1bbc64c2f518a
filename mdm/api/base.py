"""What the API's views share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.views import APIView

from mdm.models import User


class DirectView(APIView):
    """Documented like the others, but dispatched without REST framework, which would cost five times the lookup itself.

    ``AccessControl`` has checked who asks; errors go to the problem handler through ``process_exception``.
    """

    http_method_names = ["get", "head", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in self.allowed_methods:
            raise MethodNotAllowed(request.method or "")
        handler: Callable[..., HttpResponseBase] = getattr(self, request.method.lower())
        return handler(request, *args, **kwargs)


def actor(request: Any) -> User:
    """Who acts; ``AccessControl`` has seen to it that somebody does."""
    user: User = request.user
    return user
