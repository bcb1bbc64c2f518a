"""What a web process takes on: so many requests at once, so many more that wait, and a quick 503 for the rest.

Without a bound, requests that come faster than they are answered queue up: each answer is late, memory grows, and it
goes on long after the rush. What is refused at the door costs a fiftieth of a lookup, so the others stay quick.

Each place has a database connection of its own, which goes with whoever has the place: as many connections as places,
however many threads the server has to refuse with.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from mdm.api.json import PROBLEM_TYPE, dumps

AT_ONCE = 8  # places: those that wait for the change feed must leave some to the others
WAITING = 24
THREADS = 48  # more than can be inside: some must be free to refuse
PATIENCE = 2.0  # seconds
LIVE = "/healthz"  # answered even then: a process that is busy is not to be restarted

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Gate:
    """A WSGI application before the application."""

    def __init__(self, application: Application, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._application = application
        self._places = [_place() for _ in range(at_once)]
        self._turns = threading.Semaphore(at_once)
        self._room = threading.Semaphore(waiting)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == LIVE:
            return self._application(environ, start_response)
        if not self._turns.acquire(blocking=False) and not self._wait():
            return _busy(environ, start_response)
        environ.pop("wsgi.file_wrapper", None)  # what it makes of an answer tells no more what it is
        place = self._places.pop()
        leave = _once(lambda: self._leave(place))
        try:
            with _at(place):
                response = self._application(environ, start_response)
        except BaseException:
            leave()
            raise
        if getattr(response, "file_to_stream", None) is not None:
            leave()  # a file needs no database, and a slow line takes it for as long as it likes
            return response
        if getattr(response, "streaming", False):
            return _Stream(response, place, leave)
        try:
            return [b"".join(response)]
        finally:
            _close(response)
            leave()

    def _wait(self) -> bool:
        """Whether a place became free while there was room to wait, and patience."""
        if not self._room.acquire(blocking=False):
            return False
        try:
            return self._turns.acquire(timeout=PATIENCE)
        finally:
            self._room.release()

    def _leave(self, place: BaseDatabaseWrapper) -> None:
        self._places.append(place)
        self._turns.release()


class _Stream:
    """A streamed answer, which keeps its place until it has ended or nobody reads it any more."""

    def __init__(self, response: Iterable[bytes], place: BaseDatabaseWrapper, leave: Callable[[], None]) -> None:
        self._response, self._place, self._leave = response, place, leave

    def __iter__(self) -> Iterator[bytes]:
        """Each part is made with the place's connection, by whichever thread asks for it."""
        parts = iter(self._response)
        while True:
            with _at(self._place):
                part = next(parts, None)
            if part is None:
                return
            yield part

    def close(self) -> None:
        try:
            with _at(self._place):
                _close(self._response)
        finally:
            self._leave()

    def __del__(self) -> None:
        self._leave()


def _place() -> BaseDatabaseWrapper:
    made = connections.create_connection(DEFAULT_DB_ALIAS)
    made.inc_thread_sharing()  # by one thread after the other
    return made


@contextmanager
def _at(place: BaseDatabaseWrapper) -> Iterator[None]:
    """This thread uses the place's connection in this block, and no longer."""
    connections[DEFAULT_DB_ALIAS] = place
    try:
        yield
    finally:
        del connections[DEFAULT_DB_ALIAS]


def _once(act: Callable[[], None]) -> Callable[[], None]:
    first = threading.Lock()

    def done() -> None:
        if first.acquire(blocking=False):
            act()

    return done


def _close(response: Iterable[bytes]) -> None:
    if (close := getattr(response, "close", None)) is not None:
        close()


def _busy(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Problem details (RFC 9457), which people can read, too."""
    wait = random.randint(1, 3)  # noqa: S311 - so that not all come back at once
    problem = {
        "type": "urn:concord:problem:busy",
        "title": "Service Unavailable",
        "status": 503,
        "detail": f"Concord has more to do than it can. Send it again in {wait} seconds.",
        "request_id": environ.get("HTTP_X_REQUEST_ID", "")[:64],
    }
    body = dumps(problem)
    headers = {"Content-Type": PROBLEM_TYPE, "Content-Length": str(len(body)), "Retry-After": str(wait)}
    start_response("503 Service Unavailable", [*headers.items(), ("Cache-Control", "no-store")])
    return [body]
