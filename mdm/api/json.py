"""JSON in and out of the API through orjson, which is fast and strict: no NaN, no lone surrogates, bounded depth."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
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
    """Raises ``ParseError`` for what isn't JSON, and for objects that say a name twice: one of two would be lost."""
    body = body.removeprefix(BOM_UTF8)  # which some write, and RFC 8259 lets readers ignore
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ParseError(_why(body, error)) from None
    if body.count(b":") != _names(parsed):  # a name said twice, or a colon in a text
        try:
            json.loads(body, object_pairs_hook=_once)
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None
    return parsed


def _why(body: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as wrong:
        return f"The body is not UTF-8: byte {wrong.start + 1:,} can't be read. Write JSON in UTF-8."
    return f"The body is not JSON: {error}." if body.strip() else "There is no body. Send JSON."


_NESTED = {dict, list}


def _names(value: Any) -> int:
    """How many names the objects in a parsed value have."""
    count, left = 0, [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            count += len(one)
            left += one.values()
        elif isinstance(one, list) and not _NESTED.isdisjoint(map(type, one)):
            left += one
    return count


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(f"An object says the name {twice[:40]!r} twice. Say each once.")


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
