"""docs/adapters.md does what it says: its adapter is taken from the page and run against a small label printer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from django.conf import settings

from sync.adapters import registry
from sync.adapters.base import Adapter, ErrorClass, InvalidForTarget, Kind, PeerError, State
from sync.models import Target
from sync.ui.target_form import _settings

from . import factory

PAGE = 2  # articles


class Printer(ThreadingHTTPServer):
    """Keeps articles, compares stamps, wants a key, refuses what has no text."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.articles: dict[str, dict[str, Any]] = {}
        self.status = 0  # that it answers everything with, if any
        self.puts = 0


class Answering(BaseHTTPRequestHandler):
    server: Printer

    def do_PUT(self) -> None:
        article = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.puts += 1
        held = self.server.articles.get(article["id"])
        if self.server.status or self.headers["X-Api-Key"] != "sesame":
            self._answer(self.server.status or 401, {})
        elif not article["text"]:
            self._answer(422, {"error": "a label needs a text"})
        elif held and held["stamp"] > article["stamp"]:
            self._answer(409, {})
        else:
            self.server.articles[article["id"]] = article
            self._answer(200, {})

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        held = self.server.articles
        if "id" in query:
            self._answer(self.server.status or 200, {"articles": [held[i] for i in query["id"] if i in held]})
            return
        ids = sorted(i for i in held if i > query["after"][0])
        following = ids[PAGE - 1] if len(ids) > PAGE else None
        self._answer(self.server.status or 200, {"articles": [held[i] for i in ids[:PAGE]], "next": following})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = orjson.dumps(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Quietly."""


@contextmanager
def running(printer: Printer) -> Iterator[None]:
    thread = Thread(target=printer.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        printer.shutdown()
        thread.join()
        printer.server_close()


@pytest.fixture
def printer() -> Iterator[Printer]:
    printer = Printer()
    with running(printer):
        yield printer


@pytest.fixture
def adapter(printer: Printer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adapter]:
    page = (Path(settings.BASE_DIR) / "docs" / "adapters.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        path = tmp_path / block.split("\n", 1)[0].removeprefix("# ")
        path.parent.mkdir(exist_ok=True)
        path.write_text(block, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry.ADAPTERS, "label_printer", ("Label printer", "label_printer.client:LabelAdapter"))
    config = {"base_url": f"http://127.0.0.1:{printer.server_port}", "api_key": "KEY"}
    adapter = registry.build("label_printer", config, {"KEY": "sesame"})
    yield adapter
    adapter.close()


def test_its_settings_have_fields_of_their_own_in_the_form(adapter: Adapter) -> None:
    found = {one.name: type(one.field).__name__ for one in _settings(Target(adapter="label_printer"))}
    assert (found["base_url"], found["timeout"], found["limits"]) == ("CharField", "FloatField", "_Json")


def test_a_message_holds_what_the_page_shows() -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "adapters.md").read_text(encoding="utf-8")
    shown = json.loads(re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0])
    payload = factory.message("item").payload
    assert shown.keys() == payload.keys()
    assert shown["attributes"].items() <= payload["attributes"].items()


def put(adapter: Adapter, *messages: Any) -> list[State]:
    return [outcome.state for outcome in adapter.send(factory.rendered(adapter, *messages))]


@pytest.mark.parametrize("text", factory.AWKWARD.values(), ids=factory.AWKWARD)
def test_what_is_sent_reads_back_as_expected(adapter: Adapter, text: str) -> None:
    message = factory.message("item", version=3, generation=2, description=text)

    assert put(adapter, message) == [State.ACKNOWLEDGED]
    (record,) = adapter.read("item")
    assert (record.id, record.version, record.generation, record.active) == (message.record, 3, 2, True)
    assert record.values == adapter.expected(message)


def test_an_old_message_cannot_undo_a_new_one(adapter: Adapter) -> None:
    new, old = (factory.message("item", version=v, description=f"Version {v}") for v in (2, 1))

    assert put(adapter, new, old, new) == [State.ACKNOWLEDGED] * 3
    assert [record.values["description"] for record in adapter.read("item")] == ["Version 2"]


@pytest.mark.parametrize(("kind", "active"), [(Kind.RETIRE, False), (Kind.MERGE, False), (Kind.UNMERGE, True)])
def test_a_record_is_switched_off_and_on(adapter: Adapter, kind: Kind, active: bool) -> None:
    assert put(adapter, factory.message("item", version=1), factory.message("item", version=2, kind=kind))
    assert [record.active for record in adapter.read("item")] == [active]


def test_a_refused_record_does_not_hold_up_the_others(adapter: Adapter) -> None:
    messages = [factory.message("item", 1), factory.empty("item"), factory.message("item", 3)]

    assert put(adapter, *messages) == [State.ACKNOWLEDGED, State.REJECTED, State.ACKNOWLEDGED]


def test_a_text_that_is_too_long_is_refused_before_it_is_sent(adapter: Adapter) -> None:
    with pytest.raises(InvalidForTarget, match="this target holds 60"):
        adapter.render(factory.message("item", description="x" * 61))


@pytest.mark.parametrize(
    ("status", "state", "error_class"),
    [
        (503, State.RETRY, ErrorClass.BUSY),
        (401, State.RETRY, ErrorClass.AUTH),
        (500, State.UNKNOWN, ErrorClass.SERVER),
        (302, State.UNKNOWN, ErrorClass.SERVER),
    ],
)
def test_what_went_wrong_decides_what_comes_next(
    adapter: Adapter, printer: Printer, status: int, state: State, error_class: ErrorClass
) -> None:
    printer.status = status
    (outcome,) = adapter.send(factory.rendered(adapter, factory.message("item")))

    assert (outcome.state, outcome.error_class) == (state, error_class)
    assert (outcome.retry_after == 7) is (status == 503)


def test_what_waits_behind_a_broken_connection_is_not_sent(adapter: Adapter, printer: Printer) -> None:
    printer.shutdown()
    printer.server_close()
    first, second = adapter.send(factory.rendered(adapter, factory.message("item", 1), factory.message("item", 2)))

    assert (first.state, first.connection, second.error_class) == (State.RETRY, True, ErrorClass.NOT_SENT)
    assert printer.puts == 0
    with pytest.raises(PeerError):
        adapter.check()


def test_reading_goes_on_over_pages_or_asks_for_ids(adapter: Adapter) -> None:
    messages = [factory.message("item", n) for n in range(1, 6)]
    put(adapter, *messages)
    ids = [message.record for message in messages]

    assert [record.id for record in adapter.read("item")] == sorted(ids)
    assert {record.id for record in adapter.read("item", [*ids[:2], "unknown"])} == set(ids[:2])
    assert list(adapter.read("item", [])) == []
    assert "answers" in adapter.check()
