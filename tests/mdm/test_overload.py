"""The gate before the application: bounded places, bounded waiting, a quick 503 for the rest."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from mdm import overload
from mdm.overload import Gate


class Answer:
    """What Django's handler gives: an answer that must be closed."""

    def __init__(self, body: bytes = b"ok", streaming: bool = False) -> None:
        self.body, self.streaming, self.closed = body, streaming, 0

    def __iter__(self) -> Iterator[bytes]:
        return iter([self.body])

    def close(self) -> None:
        self.closed += 1


class Door:
    """An application that holds every request until it is opened."""

    def __init__(self) -> None:
        self.open, self.inside, self.most, self.seen = threading.Event(), 0, 0, []
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.seen.append(connections["default"])
        assert self.open.wait(20)
        with self.lock:
            self.inside -= 1
        start_response("200 OK", [])
        return Answer()


def ask(application, path: str = "/api/v1/crosswalk/erp-item/1") -> tuple[str, dict[str, str], bytes]:
    told: list = []
    body = b"".join(application({"PATH_INFO": path}, lambda status, headers: told.extend([status, dict(headers)])))
    return told[0], told[1], body


def test_so_many_are_inside_so_many_wait_and_the_rest_is_told_to_come_again():
    door = Door()
    gate = Gate(door, at_once=2, waiting=3)
    with ThreadPoolExecutor(12) as threads:
        asked = [threads.submit(ask, gate) for _ in range(12)]
        while sum(one.done() for one in asked) < 7:  # 12 less 2 inside and 3 that wait
            threading.Event().wait(0.005)
        refused = [one.result() for one in asked if one.done()]
        door.open.set()
        statuses = sorted(one.result()[0] for one in asked)
    assert statuses == ["200 OK"] * 5 + ["503 Service Unavailable"] * 7
    assert door.most == 2
    _, headers, body = refused[0]
    assert 1 <= int(headers["Retry-After"]) <= 3
    assert json.loads(body)["type"] == "urn:concord:problem:busy"
    assert headers["Content-Type"] == "application/problem+json"


def test_who_waits_in_vain_is_told_so(monkeypatch):
    monkeypatch.setattr(overload, "PATIENCE", 0.01)
    door = Door()
    gate = Gate(door, at_once=1, waiting=1)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(ask, gate)
        while not door.inside:
            threading.Event().wait(0.005)
        assert ask(gate)[0].startswith("503")
        door.open.set()
        assert first.result()[0] == "200 OK"
    assert ask(gate)[0] == "200 OK"


def test_a_place_has_one_connection_that_leaves_the_thread_with_it():
    door = Door()
    door.open.set()
    gate = Gate(door, at_once=2)
    with ThreadPoolExecutor(6) as threads:
        for _ in range(30):
            assert threads.submit(ask, gate).result()[0] == "200 OK"
        left = {threads.submit(lambda: connections["default"]).result() for _ in range(6)}
    assert len(set(door.seen)) <= 2
    assert not left & set(door.seen)


def test_a_crash_gives_its_place_back():
    def broken(environ, start_response):
        raise RuntimeError

    gate = Gate(broken, at_once=1, waiting=0)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            ask(gate)


def test_a_stream_keeps_its_place_until_it_is_closed_or_lost():
    answers: list[Answer] = []

    def streaming(environ, start_response):
        start_response("200 OK", [])
        answers.append(Answer(streaming=True))
        return answers[-1]

    gate = Gate(streaming, at_once=1, waiting=0)
    stream = gate({"PATH_INFO": "/"}, lambda *_: None)
    assert ask(gate)[0].startswith("503")
    assert b"".join(stream) == b"ok"
    stream.close()
    stream.close()
    lost = gate({"PATH_INFO": "/"}, lambda *_: None)
    assert ask(gate)[0].startswith("503")
    del lost
    assert ask(gate)[0] == "200 OK"


def test_whether_the_process_lives_is_answered_however_busy_it_is():
    gate = Gate(lambda environ, start: start("200 OK", []) or [b"ok"], at_once=0, waiting=0)
    assert ask(gate, "/healthz")[0] == "200 OK"
    assert ask(gate)[0].startswith("503")


class Parts(Answer):
    """A streamed answer that notes which connection each part is made with."""

    def __init__(self) -> None:
        super().__init__(streaming=True)
        self.seen: list[object] = []

    def __iter__(self) -> Iterator[bytes]:
        for part in (b"one", b"two"):
            self.seen.append(connections["default"])
            yield part


def test_each_part_of_a_stream_is_made_with_the_places_own_connection():
    answer, seen = Parts(), []

    def application(environ, start_response):
        seen.append(connections["default"])
        start_response("200 OK", [])
        return answer

    assert ask(Gate(application, at_once=1))[2] == b"onetwo"
    assert answer.seen == seen * 2
    assert connections["default"] is not seen[0]


def test_a_file_on_a_slow_line_holds_up_nobody():
    class File(Answer):
        file_to_stream = object()

    def application(environ, start_response):
        assert "wsgi.file_wrapper" not in environ
        start_response("200 OK", [])
        return File(b"file", streaming=True)

    gate = Gate(application, at_once=1, waiting=0)
    environ = {"PATH_INFO": "/", "wsgi.file_wrapper": object()}
    slow = gate(environ, lambda *_: None)  # nobody has read it yet
    assert ask(gate)[0] == "200 OK"
    assert b"".join(slow) == b"file"
