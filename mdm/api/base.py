"""What the API's views share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponseBase
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed, ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from mdm.models import User

Input = TypeVar("Input", bound="Strict")


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


class Strict(serializers.Serializer[Any]):
    """Input that refuses names it doesn't know: a misspelt option must not be taken for one left out."""

    def to_internal_value(self, data: Any) -> Any:
        if unknown := sorted(set(data) - set(self.fields)) if hasattr(data, "keys") else []:
            known = ", ".join(self.fields)
            raise ValidationError(dict.fromkeys(unknown, f"Unknown. Known are: {known}."))
        return super().to_internal_value(data)

    @classmethod
    def of_query(cls: type[Input], request: Request) -> dict[str, Any]:
        return cls.checked(request.query_params.dict())

    @classmethod
    def checked(cls: type[Input], data: Any) -> dict[str, Any]:
        """The validated values. Raises ``ValidationError``."""
        serializer = cls(data=data)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        return values


def actor(request: Request) -> User:
    """Who acts; ``AccessControl`` has seen to it that somebody does."""
    user: User = request.user  # type: ignore[assignment]  # never anonymous here
    return user
