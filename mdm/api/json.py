"""JSON in and out of the API through orjson, which is fast and strict: no NaN, no lone surrogates, bounded depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.http import HttpResponse
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

MEDIA_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"


def dumps(data: Any) -> bytes:
    """Dates and datetimes as ISO 8601, ids as text, amounts as decimal text."""
    return orjson.dumps(data, default=str, option=orjson.OPT_UTC_Z)


def loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ParseError(f"The body is not JSON: {error}.") from None


def response(data: Any, status: int = 200, content_type: str = MEDIA_TYPE) -> HttpResponse:
    """An answer that no renderer needs to look at."""
    return HttpResponse(dumps(data), status=status, content_type=content_type)


class JsonParser(BaseParser):
    media_type = MEDIA_TYPE

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return loads(stream.read())


class JsonRenderer(BaseRenderer):
    media_type = MEDIA_TYPE
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else dumps(data)
