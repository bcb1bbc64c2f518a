"""Files picked up by SFTP and changes pulled over HTTP, from servers on loopback."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncssh
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DataError
from django.utils import timezone

from mdm.doctor import State
from mdm.models import SourceRecord
from sync.adapters.x12_sftp.sftp import Busy
from sync.doctor import check_sources
from sync.inbound import fetching, pull, services, sftp, taking, tasks, x12
from sync.models import FeedRun, InboundMessage, InboundSource
from tests.mdm import kit
from tests.sync.inbound.kit import MAPPING, csv_bytes
from tests.sync.inbound.messages import catalogue, item, outcomes, source

pytestmark = pytest.mark.django_db


# --------------------------------------------------------------------------------------------------------------- SFTP
@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A server in a thread, that shows one folder to whoever has the key."""
    home = tmp_path_factory.mktemp("sftp")
    client, host = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host],
            authorized_client_keys=asyncssh.import_authorized_keys(client.export_public_key().decode()),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(home).encode()),
        )

    acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    yield {
        "home": home,
        "key": client.export_private_key().decode(),
        "config": {
            "host": "127.0.0.1", "port": acceptor.get_port(), "username": "concord", "quiet": 0,
            "host_key": host.export_public_key().decode().strip(),
        },
    }  # fmt: skip
    loop.call_soon_threadsafe(acceptor.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


@pytest.fixture
def folder(server: dict[str, Any], request: pytest.FixtureRequest) -> Path:
    made = server["home"] / request.node.name
    made.mkdir()
    return made


def vendor(server: dict[str, Any], folder: Path, **config: Any) -> InboundSource:
    stated = server["config"] | {"folder": f"/{folder.name}"} | config
    return source("acme", way="sftp", format="x12", config=stated, secrets={"private_key": server["key"]})


def names(folder: Path) -> list[str]:
    return [path.name.partition("-")[2] for path in folder.iterdir()] if folder.exists() else []


def test_a_catalogue_is_picked_up_acknowledged_and_moved(server, folder):
    (folder / "prices.x12").write_bytes(catalogue())
    acme = vendor(server, folder)
    assert sftp.pick_up(acme).done == ["prices.x12"]
    assert names(folder / "done") == ["prices.x12"]
    (ack,) = (folder / "acks").iterdir()
    found = x12.envelope_of(ack.read_bytes())
    assert found.groups[0].kind == "FA"
    assert "AK9*A*1*1*1" in ack.read_text()
    taking.take(acme)
    assert outcomes(InboundMessage.objects.get()) == ["new", "refused"]


def test_a_batch_of_hl7_messages_is_picked_up_message_by_message_and_answered(server, folder):
    stated = server["config"] | {"folder": f"/{folder.name}"}
    erp = source("erp", way="sftp", config=stated, secrets={"private_key": server["key"]})
    head = b"BHS|^~\\&|ERP|GENHOSP|CONCORD|MDM|20260101||||B-1\r"
    (folder / "good.hl7").write_bytes(head + item("1", "IT-1") + item("2", "IT-2") + b"BTS|2\r")
    assert sftp.pick_up(erp).done == ["good.hl7"]
    (folder / "torn.hl7").write_bytes((head + item("3", "IT-3") + item("4", "IT-4"))[:-9])
    torn = sftp.pick_up(erp)
    assert (torn.failed, torn.problems) == (["torn.hl7"], ["torn.hl7: some of it was put aside, see its messages."])
    taking.take(erp)
    stored = InboundMessage.objects.order_by("pk").values_list("message_id", "state")
    assert list(stored) == [
        ("1", "done"), ("2", "done"), ("3", "done"), ("4", "quarantined"), ("BHS B-1", "quarantined"),
    ]  # fmt: skip
    answers = sorted((path.name, path.read_bytes()) for path in (folder / "acks").iterdir())
    assert [name.rpartition("-")[2] for name, _ in answers] == ["good.hl7", "torn.hl7"]
    assert [text.count(b"MSA|AA|") for _, text in answers] == [2, 1]
    assert b"BTS|2|It has no BTS." in answers[1][1]


@pytest.mark.parametrize(
    ("format", "body", "count"),
    [("hl7v2", item("1"), 1), ("hl7v2", item("1") + item("2"), 2), ("x12", catalogue(), 1)],
    ids=["a message", "a batch", "a catalogue"],
)
def test_a_text_file_is_what_its_content_says(server, folder, format, body, count):
    stated = server["config"] | {"folder": f"/{folder.name}"}
    sender = source("erp", way="sftp", format=format, config=stated, secrets={"private_key": server["key"]})
    (folder / "data.TXT").write_bytes(body)
    (folder / "table.txt").write_bytes(csv_bytes())
    picked = sftp.pick_up(sender)
    assert (picked.done, picked.failed) == (["data.TXT"], ["table.txt"])
    assert "No saved feed's code begins the name table.txt" in picked.problems[0]
    assert InboundMessage.objects.filter(state="received").count() == count


def crash_before_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read, and then the worker dies."""
    move = sftp.Sftp.move

    def moved(self: Any, old: str, new: str) -> None:
        if "/done/" in new:
            raise KeyboardInterrupt
        move(self, old, new)

    monkeypatch.setattr(sftp.Sftp, "move", moved)


def test_a_file_that_could_not_be_moved_is_taken_once_and_answered_again(server, folder, monkeypatch):
    (folder / "prices.x12").write_bytes(catalogue())
    acme = vendor(server, folder)
    with monkeypatch.context() as patch:
        crash_before_done(patch)
        with pytest.raises(KeyboardInterrupt):
            sftp.pick_up(acme)
    first = next((folder / "acks").iterdir()).read_bytes()
    assert sftp.pick_up(acme).done == ["prices.x12"]
    assert InboundMessage.objects.count() == 1
    assert [path.read_bytes() for path in (folder / "acks").iterdir()] == [first]
    assert names(folder / "done") == ["prices.x12"]


def test_what_is_written_under_the_name_while_a_file_is_taken_is_taken_next(server, folder, monkeypatch):
    (folder / "prices.x12").write_bytes(catalogue())
    acme, taken = vendor(server, folder), sftp._PickUp._taken

    def slow(self: Any, *args: Any) -> bool:
        ok = taken(self, *args)
        if not list(folder.glob("*.x12")):
            (folder / "prices.x12").write_bytes(b"the next one")
        return ok

    with monkeypatch.context() as patch:
        patch.setattr(sftp._PickUp, "_taken", slow)
        sftp.pick_up(acme)
    assert (folder / "prices.x12").read_bytes() == b"the next one"
    assert [path.read_bytes() for path in (folder / "done").iterdir()] == [catalogue()]
    assert sftp.pick_up(acme).failed == ["prices.x12"]


def test_a_file_is_left_alone_while_somebody_writes_it(server, folder):
    acme = vendor(server, folder, quiet=30)
    (folder / "prices.x12").write_bytes(catalogue()[:200])
    assert sftp.pick_up(acme).waiting == ["prices.x12"]
    size, modified, since = acme.progress["files"]["prices.x12"]
    acme.progress = {"files": {"prices.x12": [size, modified, since - 60]}}
    (folder / "prices.x12").write_bytes(catalogue())
    assert sftp.pick_up(acme).waiting == ["prices.x12"], "it has grown meanwhile"
    size, modified, since = acme.progress["files"]["prices.x12"]
    acme.progress = {"files": {"prices.x12": [size, modified, since - 60]}}
    assert sftp.pick_up(acme).done == ["prices.x12"]


def test_unfinished_hidden_and_nested_files_are_not_looked_at(server, folder):
    for name in ("a.x12.part", ".b.x12", "c.tmp"):
        (folder / name).write_bytes(catalogue())
    (folder / "nested").mkdir()
    picked = sftp.pick_up(vendor(server, folder))
    assert (picked.done, picked.failed, picked.waiting) == ([], [], [])


def test_what_can_not_be_taken_goes_to_failed_and_is_kept_with_the_reason(server, folder):
    (folder / "letter.pdf").write_bytes(b"%PDF-1.7")
    (folder / "broken.x12").write_bytes(catalogue().replace(b"ISA*", b"ISA", 1))
    (folder / "nobody.csv").write_bytes(csv_bytes())
    (folder / "large.x12").write_bytes(catalogue() * 40)
    picked = sftp.pick_up(vendor(server, folder, largest=20_000))
    assert sorted(picked.failed) == sorted(names(folder / "failed")) == [
        "broken.x12", "large.x12", "letter.pdf", "nobody.csv",
    ]  # fmt: skip
    assert InboundMessage.objects.filter(state="quarantined").count() == 2


@pytest.fixture
def centers(server, folder, woken) -> InboundSource:
    """A folder whose tables go to a feed."""
    owner = kit.code_system("erp", "cost_center").system
    how = {"system": owner, "domain": "cost_center", "mapping": MAPPING}
    services.save_feed(code="erp-centers", name="Centers", actor=kit.steward(), **how)
    return vendor(server, folder)


def test_a_table_goes_to_the_feed_that_its_name_begins_with_once(centers, folder, monkeypatch):
    (folder / "erp-centers_1126.csv").write_bytes(csv_bytes())
    with monkeypatch.context() as patch:
        crash_before_done(patch)
        with pytest.raises(KeyboardInterrupt):
            sftp.pick_up(centers)
    assert sftp.pick_up(centers).done == ["erp-centers_1126.csv"]
    services.run(FeedRun.objects.get().pk)
    assert SourceRecord.objects.filter(domain="cost_center").count() == 3


def test_a_table_that_says_again_what_it_said_before_the_last_one_is_imported(centers, folder):
    other = csv_bytes([("100", "Surgery West", "A", "2026-01-01")])
    for content in (csv_bytes(), other, csv_bytes()):
        (folder / "erp-centers.csv").write_bytes(content)
        assert sftp.pick_up(centers).done == ["erp-centers.csv"]
    assert FeedRun.objects.count() == 3


def test_a_file_that_can_not_be_read_or_moved_is_told_and_the_others_are_taken(server, folder, monkeypatch):
    for name in ("a-stuck", "b-unreadable", "c-odd", "d-broken", "e"):
        (folder / f"{name}.x12").write_bytes(catalogue())
    acme, get, move, taken = vendor(server, folder), sftp.Sftp.get, sftp.Sftp.move, sftp._PickUp._taken

    def refused(call: Any, word: str) -> Any:
        def wrapped(self: Any, *args: str) -> Any:
            if word in args[0]:
                raise Busy(f"The server refused {word}")
            return call(self, *args)

        return wrapped

    def odd(self: Any, name: str, *args: Any) -> bool:
        if name == "c-odd.x12":
            raise DataError("a NUL")
        if name == "d-broken.x12":
            raise IndexError
        return taken(self, name, *args)

    with monkeypatch.context() as patch:
        patch.setattr(sftp.Sftp, "move", refused(move, "stuck"))
        patch.setattr(sftp.Sftp, "get", refused(get, "unreadable"))
        patch.setattr(sftp._PickUp, "_taken", odd)
        fetching.fetch(acme.pk)
    acme.refresh_from_db()
    for told in ("a-stuck.x12: The server refused", "b-unreadable.x12: The", "c-odd.x12: a NUL", "x12: IndexError"):
        assert told in acme.error
    assert names(folder / "done") == ["e.x12"]
    assert sorted(names(folder / "failed")) == ["c-odd.x12", "d-broken.x12"]
    assert names(folder / "working") == ["b-unreadable.x12"]
    acme.refresh_from_db()
    assert sorted(sftp.pick_up(acme).done) == ["a-stuck.x12", "b-unreadable.x12"]


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (IndexError("list index"), "IndexError: list index"),
        (SoftTimeLimitExceeded(), "The next one goes on"),
        (Busy("no permission"), "no permission"),
        (DataError("a \0"), "DataError"),
    ],
)
def test_whatever_happens_is_shown_and_the_next_visit_comes(server, folder, monkeypatch, failure, told):
    acme = vendor(server, folder, every=60)

    def fails(_: Any) -> None:
        raise failure

    monkeypatch.setattr(sftp, "pick_up", fails)
    fetching.fetch(acme.pk)
    acme.refresh_from_db()
    assert told in acme.error
    assert acme.due_at < timezone.now() + dt.timedelta(seconds=61)


def test_a_source_whose_settings_can_not_be_read_is_visited_again(server, folder):
    acme = vendor(server, folder)
    InboundSource.objects.filter(pk=acme.pk).update(config={"nonsense": 1})
    fetching.fetch(acme.pk)
    acme.refresh_from_db()
    assert "can't be used" in acme.error
    assert acme.due_at < timezone.now() + dt.timedelta(seconds=61)


def test_another_host_key_than_the_pinned_one_is_refused_and_shown(server, folder):
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    acme = vendor(server, folder, host_key=stranger)
    assert "another host key" in fetching.fetch(acme.pk)
    acme.refresh_from_db()
    assert "another host key" in acme.error
    assert acme.fetched_at is None
    assert fetching.due() == []


# --------------------------------------------------------------------------------------------------------------- pull
class Erp(BaseHTTPRequestHandler):
    """Gives a token, then items that changed since an instant, two a page."""

    rows: list[dict[str, Any]] = []
    asked: list[dict[str, list[str]]] = []
    broken_page = 0

    def do_POST(self) -> None:
        self._answer({"access_token": "t", "expires_in": 3600})

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        Erp.asked.append(query)
        if "gone" in self.path:
            self.send_error(404)
            return
        page = int(query.get("page", ["1"])[0])
        if page == Erp.broken_page or self.headers["Authorization"] != "Bearer t":
            self.send_error(503)
            return
        since = query.get("changed_since", query.get("since", [""]))[0]
        rows = [row for row in Erp.rows if row["changed"] >= since]
        some = rows[2 * page - 2 : 2 * page]
        more = f"/api/items?page={page + 1}&since={since}" if rows[2 * page :] else None
        self._answer({"value": some, "next": more})

    def _answer(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def place() -> Iterator[str]:
    Erp.rows, Erp.asked, Erp.broken_page = [row(n) for n in range(1, 6)], [], 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Erp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def row(number: int, title: str = "") -> dict[str, Any]:
    return {"sku": f"A-{number}", "title": title or f"Needle {number}", "changed": f"2025-11-2{number}T10:00:00Z"}


def erp(place: str, **config: Any) -> InboundSource:
    profile = {
        "domain": "item", "records": "value",
        "fields": {"$code": "sku", "description": "title", "$updated_at": "changed"},
    }  # fmt: skip
    stated = {
        "base_url": f"{place}/api", "path": "/items", "token_url": f"{place}/token", "client_id": "concord",
        "records": "value", "changed_at": "changed", **config,
    }  # fmt: skip
    return source("erp", "pull", "json", profile=profile, config=stated, secrets={"client_secret": "s"})


def test_what_has_changed_is_pulled_page_by_page_and_the_watermark_follows(place):
    system = erp(place)
    assert pull.pull(system) == pull.Pulled(pages=3, records=5, fresh=3)
    taking.take(system)
    assert kit.source("erp", "A-5").values["description"] == "Needle 5"
    assert system.progress["watermark"].startswith("2025-11-25T10:00:00")
    Erp.rows[4] = row(5, "Needle 5 longer")
    assert pull.pull(system) == pull.Pulled(pages=1, records=1, fresh=1)
    assert Erp.asked[-1]["changed_since"] == ["2025-11-25T09:58:00Z"]
    taking.take(system)
    assert kit.source("erp", "A-5").values["description"] == "Needle 5 longer"
    assert pull.pull(system).fresh == 0, "what the overlap tells again is known"


def test_a_pull_that_breaks_off_keeps_the_watermark_and_goes_on_where_it_was(place):
    system = erp(place)
    Erp.broken_page = 3
    assert "HTTP 503" in fetching.fetch(system.pk)
    system.refresh_from_db()
    assert "watermark" not in system.progress
    assert InboundMessage.objects.count() == 2
    Erp.broken_page = 0
    assert pull.pull(system) == pull.Pulled(pages=1, records=1, fresh=1)
    assert system.progress["watermark"].startswith("2025-11-25T10:00:00")
    assert "next" not in system.progress
    taking.take(system)
    assert SourceRecord.objects.count() == 5


def test_a_pull_of_more_pages_than_one_may_ask_for_comes_to_its_end(place):
    system = erp(place, most_pages=1)
    for _ in range(2):
        with pytest.raises(pull.PeerError, match="the next pull goes on"):
            pull.pull(system)
    Erp.rows[0] = {**row(1), "changed": "2025-11-20T10:00:00Z"}  # the newest time of the pull as a whole counts
    assert pull.pull(system).records == 1
    assert InboundMessage.objects.count() == 3
    assert system.progress["watermark"].startswith("2025-11-25T10:00:00")


def test_a_page_that_is_gone_when_the_pull_goes_on_makes_it_begin_anew(place):
    system = erp(place, most_pages=1)
    with pytest.raises(pull.PeerError):
        pull.pull(system)
    system.progress["next"] = "/gone"
    with pytest.raises(pull.PeerError, match="HTTP 404"):
        pull.pull(system)
    assert system.progress == {}


def test_other_settings_make_a_pull_begin_anew(place):
    system = erp(place, most_pages=1)
    with pytest.raises(pull.PeerError):
        pull.pull(system)
    assert "next" in system.progress
    assert "next" not in erp(place, params={"kind": "item"}).progress


def test_pages_that_the_overlap_tells_again_are_known(place):
    system = erp(place, overlap=10 * 86400)
    for _ in range(2):
        pull.pull(system)
    assert pull.pull(system) == pull.Pulled(pages=3, records=5, fresh=0)


def test_a_time_in_the_future_does_not_hide_what_changes_until_then(place):
    Erp.rows = [{**row(1), "changed": "2199-01-01T00:00:00Z"}]
    system = erp(place)
    pull.pull(system)
    assert dt.datetime.fromisoformat(system.progress["watermark"]) <= timezone.now()


def test_odata_is_asked_by_its_filter(place):
    pull.pull(erp(place, since="", params={"$filter": "changed ge {since}"}))
    assert Erp.asked[0]["$filter"] == ["changed ge 1970-01-01T00:00:00Z"]


@pytest.mark.parametrize("config", [{"records": "items"}, {"path": "/items?page=9", "most_pages": 0}])
def test_an_answer_that_is_not_what_was_asked_for_is_shown(place, config):
    system = erp(place, **config)
    assert fetching.fetch(system.pk)
    system.refresh_from_db()
    assert system.error
    assert system.progress == {}


def test_the_token_is_not_sent_to_another_server():
    config = pull.PullConfig("https://erp.example.org/api", "/items", "https://erp.example.org/token", "c")
    for there in ("https://evil.example.org/items?page=2", "//evil.example.org/x", "http://erp.example.org/api/items"):
        with pytest.raises(pull.PeerError, match="another server"):
            pull._following(config, {"next": there})
    assert pull._following(config, {"next": "https://erp.example.org/api/items?page=2"}) == "/items?page=2"
    assert pull._following(config, {"next": None}) is None


def test_sources_are_fetched_from_when_it_is_time(place, monkeypatch):
    system, asked = erp(place), []
    monkeypatch.setattr(tasks.fetch_from, "delay", asked.append)
    tasks.fetch_due()
    assert asked == [system.pk]
    tasks.fetch_from(system.pk)
    system.refresh_from_db()
    assert (system.error, system.fetched_at is not None, system.due_at > timezone.now()) == ("", True, True)
    tasks.fetch_due()
    assert asked == [system.pk]


def test_the_doctor_goes_where_records_are_pulled_from_and_moves_nothing(place):
    system = erp(place)
    (found,) = check_sources()
    assert (found.state, found.name) == (State.OK, "source erp")
    system.refresh_from_db()
    assert system.progress == {}
    assert not system.messages.exists()


def test_the_doctor_says_what_is_wrong_with_a_source(place):
    erp("http://127.0.0.1:9")
    source("lab", "api", "hl7v2")
    found = {finding.name: finding for finding in check_sources()}
    assert found["source erp"].state is State.ERROR
    assert "set_source" in found["source erp"].remedy
    assert found["source lab"].state is State.OK
