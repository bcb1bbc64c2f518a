"""What the current piece of work is called: one id that logs, audit rows and error answers share."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog

_request_id: ContextVar[str] = ContextVar("concord_request_id", default="")
_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{8,64}").fullmatch


def request_id() -> str:
    """The id of the request, task or command that is running; empty outside of one."""
    return _request_id.get()


@contextmanager
def working_as(proposed: str = "") -> Iterator[str]:
    """Run a block under one request id: the one proposed if it is well formed (see ``_ACCEPTED``), else a new one."""
    name = proposed if _ACCEPTED(proposed) else uuid.uuid4().hex
    token = _request_id.set(name)
    bound = structlog.contextvars.bind_contextvars(request_id=name)
    try:
        yield name
    finally:
        structlog.contextvars.reset_contextvars(**bound)
        _request_id.reset(token)
