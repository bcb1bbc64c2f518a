"""Bodies that come in chunks (Transfer-Encoding), as .NET, Java and Node send what they write as they go.

The web server takes the chunks apart, but Django takes a body whose length nobody stated for none. So it is read first,
once it is known who sends it, within bounds, and then has a length.
"""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.http import HttpRequest

MOST = 64 * 2**20  # bytes; more is a length that everything refuses
IN_MEMORY = 2**20
PIECE = 2**16
ENDLESS = 2**62


def gather(request: HttpRequest) -> None:
    """State the length of a body that came in chunks. Nothing of it may have been read."""
    if "HTTP_TRANSFER_ENCODING" not in request.META or request.META.get("CONTENT_LENGTH"):
        return
    body, length = read(request.META["wsgi.input"])
    request.META["CONTENT_LENGTH"] = str(length)
    request._stream = body  # type: ignore[assignment]  # Django's would end where no length was stated: at once


def read(stream: Any) -> tuple[IO[bytes], int]:
    """The body from its beginning, and its length in bytes."""
    body, length = SpooledTemporaryFile(IN_MEMORY), 0
    while length <= MOST and (piece := stream.read(PIECE)):
        length += body.write(piece)
    body.seek(0)
    return body, length if length <= MOST else ENDLESS
