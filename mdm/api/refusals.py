"""What no address of Concord takes: another method than its own, a body in another form. Each says what is taken."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse

from mdm.exceptions import ConcordError


class WrongMethod(ConcordError):
    """This address doesn't take that method. The header Allow names those that it takes."""

    status = 405
    code = "method-not-allowed"

    def __init__(self, method: str | None, allowed: Iterable[str]) -> None:
        names = ", ".join(allowed)
        super().__init__(f"{method} is not possible here. Possible are {names}.")
        self.headers = {"Allow": names}


class WrongMediaType(ConcordError):
    """The body is in a form that isn't read here. Send it as JSON."""

    status = 415
    code = "unsupported-media-type"

    def __init__(self, media: str | None, wanted: str) -> None:
        found = f"is {media}" if media else "has no Content-Type"
        super().__init__(f"The body {found}. Send {wanted}, and say so in Content-Type.")


class Encoded(ConcordError):
    """The body is compressed, which isn't undone here. Send it as it is, without Content-Encoding."""

    status = 415
    code = "unsupported-content-encoding"
    headers = {"Accept-Encoding": "identity"}


def check_encoding(request: HttpRequest) -> None:
    """Raise ``Encoded`` if the body is compressed: read as it came it would be called broken."""
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("", "identity"):
        raise Encoded


def options(allowed: Iterable[str]) -> HttpResponse:
    """The answer to OPTIONS."""
    answer = HttpResponse(status=204, headers={"Allow": ", ".join(allowed)})
    del answer["Content-Type"]
    return answer
