"""ETags (RFC 9110): an answer that the client has already isn't sent again, a change of something else isn't made."""

from __future__ import annotations

from hashlib import blake2b
from typing import BinaryIO, TypeVar

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import parse_etags

from mdm.api.json import MEDIA_TYPE
from mdm.exceptions import ConcordError

Answer = TypeVar("Answer", bound=HttpResponse)


class PreconditionFailed(ConcordError):
    """If-Match names a state that has passed. Read the whole record again, decide, and send its new ETag."""

    status = 412
    code = "precondition-failed"


def etag(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def matches(header: str, tag: str) -> bool:
    """Whether an If-Match or If-None-Match header names this tag. Proxies that compress make tags weak."""
    named = [one.removeprefix("W/") for one in parse_etags(header)]
    return "*" in named or tag.removeprefix("W/") in named


def answer(request: HttpRequest, body: bytes, tag: str, media: str = MEDIA_TYPE) -> HttpResponse:
    """A body that is ready with its tag, or 304."""
    if (known := request.META.get("HTTP_IF_NONE_MATCH")) and matches(known, tag):
        response = HttpResponse(status=304)
        del response["Content-Type"]
    else:
        response = HttpResponse(body, content_type=media)
    response["ETag"] = tag
    return response


def file(request: HttpRequest, content: BinaryIO, sha256: str, *, name: str, media: str) -> HttpResponseBase:
    """A file whose digest is its tag, or 304."""
    tag = f'"{sha256}"'
    response: HttpResponseBase
    if (known := request.META.get("HTTP_IF_NONE_MATCH")) and matches(known, tag):
        content.close()
        response = HttpResponse(status=304)
        del response["Content-Type"]
    else:
        response = FileResponse(content, as_attachment=True, filename=name, content_type=media)
    response["ETag"] = tag
    return response


def unless_known(request: HttpRequest, response: Answer) -> Answer:
    """The answer with its ETag; 304 without a body if the request says that it has it."""
    tag = response["ETag"] = etag(response.content)
    if (known := request.META.get("HTTP_IF_NONE_MATCH")) and matches(known, tag):
        response.status_code = 304
        response.content = b""
        del response["Content-Type"]
    return response
