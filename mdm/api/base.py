"""What the API's views share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn, TypeVar

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.http import http_date
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mdm import access
from mdm.api import conditional, refusals
from mdm.api.json import dumps
from mdm.models import User

Input = TypeVar("Input", bound="Strict")


class DirectView(APIView):
    """Documented like the others, but dispatched without REST framework, which would cost five times the lookup itself.

    ``AccessControl`` has checked who asks; errors go to the problem handler through ``process_exception``.
    """

    http_method_names = ["get", "head", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "OPTIONS":
            return refusals.options(self.allowed_methods)
        if request.method not in self.allowed_methods:
            raise refusals.WrongMethod(request.method, self.allowed_methods)
        handler: Callable[..., HttpResponseBase] = getattr(self, request.method.lower())
        return handler(request, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class Deprecated:
    """An operation that will go: since when it is discouraged, when it goes, and where to read what to use instead."""

    since: dt.datetime
    sunset: dt.datetime
    link: str = "https://github.com/concord-mdm/concord/blob/main/docs/api.md#versions"


class View(APIView):
    """Base of the API's views. Answers to GET carry an ETag, and 304 to whoever has that answer already."""

    permission: ClassVar[str] = access.DEFAULT
    deprecated: ClassVar[Deprecated | None] = None
    # the view that each method comes from, where an address reads and writes: it has that method's own declarations
    parts: ClassVar[dict[str, type[View]]] = {}

    @classmethod
    def with_writes(cls, **parts: type[View]) -> type[View]:
        """This view with more methods: ``post=…``, ``patch=…``. Each needs its own permission as well as this one's."""
        made = type(cls.__name__, (*parts.values(), cls), {"permission": cls.permission})
        made.parts = {name.upper(): part for name, part in parts.items()} | {"GET": cls}  # type: ignore[attr-defined]
        return made

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        return Response(status=204)  # REST framework adds Allow

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        raise refusals.WrongMethod(request.method, self.allowed_methods)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if (part := self.parts.get(request.method or "")) is not None:
            access.check(request.user, part.permission)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        made = super().finalize_response(request, response, *args, **kwargs)
        if self.deprecated:
            made["Deprecation"] = f"@{int(self.deprecated.since.timestamp())}"
            made["Sunset"] = http_date(self.deprecated.sunset.timestamp())
            made["Link"] = f'<{self.deprecated.link}>; rel="deprecation"'
        if request.method in ("GET", "HEAD") and made.status_code == 200 and not made.streaming:
            made.render()
            return conditional.unless_known(request._request, made)
        return made


def once(query: QueryDict) -> dict[str, str]:
    """The values of a query. Raises ``ValidationError`` for a name that is said twice: one of two would be lost."""
    if twice := [name for name, values in query.lists() if len(values) > 1]:
        raise ValidationError(dict.fromkeys(twice, "It is said more than once. Say it once."))
    return query.dict()  # type: ignore[return-value]  # one text each


class Strict(serializers.Serializer[Any]):
    """Input that refuses names it doesn't know: a misspelt option must not be taken for one left out."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        for field in fields.values():
            if isinstance(field, serializers.ChoiceField):
                known = ", ".join(map(str, field.choices))
                field.error_messages["invalid_choice"] = f"There is no {{input}}. Choose one of: {known}."
        return fields

    def to_internal_value(self, data: Any) -> Any:
        if unknown := sorted(set(data) - set(self.fields)) if hasattr(data, "keys") else []:
            known = ", ".join(self.fields)
            raise ValidationError(dict.fromkeys(unknown, f"Unknown. Known are: {known}."))
        return super().to_internal_value(data)

    @classmethod
    def of_query(cls: type[Input], request: Request) -> dict[str, Any]:
        return cls.checked(once(request.query_params))

    @classmethod
    def checked(cls: type[Input], data: Any) -> dict[str, Any]:
        """The validated values. Raises ``ValidationError``."""
        serializer = cls(data=data)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        return values


class Nothing(Strict):
    """The body of an action that needs no more words: an empty object, or none."""


def actor(request: Request) -> User:
    """Who acts; ``AccessControl`` has seen to it that somebody does."""
    user: User = request.user  # type: ignore[assignment]  # never anonymous here
    return user


def reason_field() -> serializers.CharField:
    return serializers.CharField(max_length=500, help_text="Why. It is kept with the change.")


def expected_etag(request: Request, current: Any) -> None:
    """Refuse the write if its If-Match names another state of the resource than ``current``, its representation."""
    wanted = request.META.get("HTTP_IF_MATCH")
    if wanted and not conditional.matches(wanted, conditional.etag(dumps(current))):
        raise conditional.PreconditionFailed
