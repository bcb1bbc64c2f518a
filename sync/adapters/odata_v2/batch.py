"""The multipart format of ``$batch`` (OData 2.0, Batch Processing): requests out, replies in.

A changeset is one transaction. When one of its requests fails, the server answers the whole changeset with one reply.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from typing import Any

import orjson

from sync.adapters.base import ErrorClass, PeerError
from sync.adapters.http import Reply


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str  # relative to the service: "A_Product('4711')"
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def encode(parts: Sequence[Request | Sequence[Request]]) -> tuple[str, bytes]:
    """(content type, body). A part is one read, or a changeset of writes."""
    boundary = f"batch_{uuid.uuid4().hex}"
    out = b"".join(_delimited(boundary, _part(part)) for part in parts)
    return f"multipart/mixed; boundary={boundary}", out + f"--{boundary}--\r\n".encode()


def _part(part: Request | Sequence[Request]) -> bytes:
    if isinstance(part, Request):
        return _http(part)
    boundary = f"changeset_{uuid.uuid4().hex}"
    inside = b"".join(
        _delimited(boundary, _http(request, f"Content-ID: {number}\r\n")) for number, request in enumerate(part, 1)
    )
    return (
        f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode()
        + inside
        + (f"--{boundary}--\r\n".encode())
    )


def _delimited(boundary: str, part: bytes) -> bytes:
    return f"--{boundary}\r\n".encode() + part + b"\r\n"


def _http(request: Request, more: str = "") -> bytes:
    body = b"" if request.body is None else orjson.dumps(request.body)
    headers = {"Accept": "application/json", **request.headers}
    if body:
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{more}Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return f"{head}{request.method} {request.path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def decode(reply: Reply) -> list[list[Reply]]:
    """The replies to each part, in order. Raises PeerError when it is no batch."""
    content = f"Content-Type: {reply.headers.get('content-type', '')}\r\n\r\n".encode()
    message = BytesParser().parsebytes(content + reply.body)
    if not message.is_multipart():
        text = "The answer to a $batch is no multipart message."
        raise PeerError(text, ErrorClass.PROTOCOL, maybe_applied=True)
    return [_replies(part) for part in _inside(message)]


def _replies(part: Message) -> list[Reply]:
    return [_reply(inner) for inner in _inside(part)] if part.is_multipart() else [_reply(part)]


def _inside(message: Message) -> list[Message]:
    return [part for part in message.get_payload() if isinstance(part, Message)]


def _reply(part: Message) -> Reply:
    payload = part.get_payload(decode=True)
    head, _, body = (payload if isinstance(payload, bytes) else b"").partition(b"\r\n\r\n")
    status, _, lines = head.lstrip().partition(b"\r\n")
    words = status.split()
    if len(words) < 2 or not words[1].isdigit():
        raise PeerError("A part of the $batch answer has no status.", ErrorClass.PROTOCOL, maybe_applied=True)
    headers = BytesParser().parsebytes(lines + b"\r\n\r\n", headersonly=True)
    return Reply(int(words[1]), {name.lower(): str(value) for name, value in headers.items()}, body)
