"""Bodies sent in chunks are read like others, and refused like others where they are too large."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client, RequestFactory

from mdm import chunks, permissions
from tests.mdm.api import world

CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}


def received(body: bytes, **said: str) -> WSGIRequest:
    """The request as the server hands it over: its body is without the chunks."""
    request = WSGIRequest(RequestFactory()._base_environ() | {"wsgi.input": BytesIO(body), **said})
    chunks.gather(request)
    return request


@pytest.mark.parametrize("size", [0, 5, chunks.PIECE * 3 + 1, chunks.IN_MEMORY * 2])
def test_a_body_in_chunks_is_read_to_its_end(size):
    body = b"x" * size
    request = received(body, **CHUNKED)
    assert (request.body, request.META["CONTENT_LENGTH"]) == (body, str(size))


def test_a_body_with_a_length_is_left_alone():
    request = received(b"12345 and what comes next", CONTENT_LENGTH="5")
    assert request.body == b"12345"


def test_more_than_is_taken_is_read_no_further_and_refused(monkeypatch):
    monkeypatch.setattr(chunks, "MOST", 3 * chunks.PIECE)
    rest = BytesIO(b"x" * chunks.PIECE * 10)
    assert chunks.read(rest)[1] == chunks.ENDLESS
    assert rest.tell() == 4 * chunks.PIECE
    with pytest.raises(RequestDataTooBig):
        _ = received(b"x" * chunks.PIECE * 10, **CHUNKED).body


def test_a_batch_may_come_in_chunks(db):
    erp = world.code_system("erp-item", kind="primary")
    world.coded(world.golden("GLOVE"), erp, "4711")
    client = world.machine(world.user("erp-interface", "integration"), permissions.LOOKUP)
    body = b'{"code_system": "erp-item", "codes": ["4711"]}'
    sent = {"wsgi.input": BytesIO(body), "CONTENT_TYPE": "application/json", **CHUNKED}
    answer = client.generic("POST", "/api/v1/crosswalk/batch", **sent)
    assert (answer.status_code, answer.json()["found"]) == (200, 1)


def test_nothing_is_read_of_a_body_whose_sender_nobody_knows(db):
    body = BytesIO(b"x" * 100)
    answer = Client().generic("POST", "/api/v1/crosswalk/batch", **{"wsgi.input": body, **CHUNKED})
    assert (answer.status_code, body.tell()) == (401, 0)
