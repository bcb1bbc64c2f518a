"""What can go wrong between an adapter and its counterpart. Each time: what the adapter makes of it, how long that
takes at most, and that the same bytes, sent once more, take effect exactly once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sync.adapters.base import Adapter, ErrorClass, Outcome, Rendered, State
from sync.adapters.registry import build
from sync.sandbox.faults import Faults
from sync.sandbox.launch import Sandbox
from sync.sandbox.odata.schema import NUMBERING
from sync.sandbox.odata.server import ROOT, Sap
from sync.sandbox.store import Store
from tests.faults.proxy import Proxy
from tests.sync.adapters import factory
from tests.sync.adapters.conftest import deliver
from tests.sync.adapters.tryton.peer import SmallTryton, served

PATIENCE, HURRY = 20.0, 1.0  # seconds that an adapter waits: a busy machine is no fault, and a fault need not last
AT_MOST = 5.0  # seconds until it gives up in a hurry, whatever happens
TRIES = 5
UNSURE = {State.RETRY, State.UNKNOWN}


@dataclass
class Line:
    """An adapter that reaches its counterpart through a proxy."""

    make: Callable[[float], Adapter]  # with a timeout
    proxy: Proxy
    effects: Callable[[], list[int]]  # how often each message took effect
    hurried: bool = False

    def __post_init__(self) -> None:
        self.adapter = self.make(PATIENCE)

    def hurry(self) -> None:
        """From now on it waits for a second only."""
        self.adapter.close()
        self.adapter, self.hurried = self.make(HURRY), True

    def send(self, *numbers: int) -> list[Outcome]:
        began = time.monotonic()
        outcomes = self.adapter.send(self.batch(*numbers))
        assert time.monotonic() - began < (AT_MOST if self.hurried else PATIENCE)
        return outcomes

    def batch(self, *numbers: int) -> list[Rendered]:
        return factory.rendered(self.adapter, *(factory.message("supplier", n) for n in numbers or (1,)))

    def is_made_up_for(self, *numbers: int) -> None:
        """The counterpart answers again: the same bytes, and one effect of each."""
        self.proxy.manners.clear()
        for _ in range(TRIES):  # in a hurry on a busy machine one may not be enough
            outcomes = deliver(self.adapter, *self.batch(*numbers))
            if all(outcome.state is State.ACKNOWLEDGED for outcome in outcomes):
                break
        assert [o.state for o in outcomes] == [State.ACKNOWLEDGED] * len(outcomes)
        assert self.effects() == [1] * len(outcomes)


@pytest.fixture(params=["ehr", "fhir", "erp", "sap", "tryton", "supply"])
def line(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Iterator[Line]:
    match request.param:
        case "sap":
            yield from connect_sap(tmp_path)
        case "tryton":
            yield from connect_tryton()
        case name:
            yield from connect(name, sandbox)


@pytest.fixture
def ehr(sandbox: Sandbox) -> Iterator[Line]:
    yield from connect("ehr", sandbox)


@pytest.fixture(params=["erp", "fhir"])
def web(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Line]:
    yield from connect(request.param, sandbox)


def connect(name: str, sandbox: Sandbox, **settings: Any) -> Iterator[Line]:
    """Only what is sent passes through the proxy: tokens are asked for elsewhere."""
    sandbox.reset()
    found, port = sandbox.targets[name], sandbox.info["ports"][name]
    with Proxy("127.0.0.1", port) as proxy:
        base = found["config"].get("base_url", "")
        there = {"base_url": base.replace(f":{port}", f":{proxy.port}")} if base else {"port": proxy.port}
        config = {**found["config"], **there, "max_reply": 1_000_000, **settings}
        line = Line(
            lambda timeout: build(found["adapter"], {**config, "timeout": timeout}, found["secrets"]),
            proxy,
            lambda: [row["times"] for row in sandbox.effects(name)],
        )
        yield line
        line.adapter.close()


def connect_sap(directory: Path) -> Iterator[Line]:
    store = Store(directory / "sap.sqlite3", NUMBERING)
    sap, loop = Sap(store, Faults(), ("concord", "secret")), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(sap.start("127.0.0.1", 0), loop).result(10)
    with Proxy("127.0.0.1", port) as proxy:
        login = {"base_url": f"http://127.0.0.1:{proxy.port}{ROOT}", "username": "concord", "password": "PW"}
        line = Line(
            lambda timeout: build("odata_v2", {**login, "timeout": timeout, "max_reply": 1_000_000}, {"PW": "secret"}),
            proxy,
            lambda: [row["times"] for row in store.effects()],
        )
        yield line
        line.adapter.close()
    asyncio.run_coroutine_threadsafe(sap.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
    store.close()


def connect_tryton() -> Iterator[Line]:
    """Tryton has no keys: a repetition would be a second party."""
    tryton = SmallTryton()
    with served(tryton) as url, Proxy("127.0.0.1", int(url.rpartition(":")[2])) as proxy:
        login = {
            "base_url": f"http://127.0.0.1:{proxy.port}",
            "database": "erp",
            "username": "concord",
            "password": "PW",
        }
        line = Line(
            lambda timeout: build("tryton", {**login, "timeout": timeout, "max_reply": 1_000_000}, {"PW": "secret"}),
            proxy,
            lambda: [1 for _ in tryton.rows["party.party"]],
        )
        yield line
        line.adapter.close()


def test_nobody_listens(line: Line) -> None:
    line.proxy.refuse()
    (outcome,) = line.send()
    assert (outcome.state, outcome.error_class, outcome.connection) == (State.RETRY, ErrorClass.CONNECTION, True)
    line.proxy.listen()
    line.is_made_up_for()


@pytest.mark.parametrize("manner", ["reset before", "reset after", "half-close", "cut 5"])
def test_the_connection_breaks(line: Line, manner: str) -> None:
    line.proxy.manners.append(manner)
    first, second = line.send(1, 2)
    assert first.state in UNSURE
    assert second.state in UNSURE
    assert first.connection
    line.is_made_up_for(1, 2)


@pytest.mark.parametrize("manner", ["black hole", "drip 0.3"])
def test_the_answer_does_not_come_in_time(line: Line, manner: str) -> None:
    line.hurry()
    line.proxy.manners.append(manner)
    (outcome,) = line.send()
    assert outcome.state in UNSURE
    assert (outcome.error_class, outcome.connection) == (ErrorClass.TIMEOUT, True)
    line.is_made_up_for()


def test_bytes_come_one_by_one(line: Line) -> None:
    line.proxy.manners.append("split")
    assert [o.state for o in deliver(line.adapter, *line.batch())] == [State.ACKNOWLEDGED]
    line.is_made_up_for()


def test_a_late_answer_within_the_time_is_an_answer(line: Line) -> None:
    line.proxy.manners.append("late 0.05")
    assert [o.state for o in deliver(line.adapter, *line.batch())] == [State.ACKNOWLEDGED]


def test_a_reply_of_100_mb_is_not_taken_in(line: Line) -> None:
    line.proxy.manners.append("huge")
    (outcome,) = line.send()
    assert outcome.state in UNSURE
    line.is_made_up_for()


def test_the_kept_connection_is_gone(line: Line) -> None:
    line.is_made_up_for(1)
    line.proxy.drop()
    time.sleep(0.15)  # a connection that has just been used is trusted
    outcomes = deliver(line.adapter, *line.batch(2))
    assert [o.state for o in outcomes] == [State.ACKNOWLEDGED]


# ------------------------------------------------------------------------------------------------------------- MLLP


def test_acknowledgements_that_come_together_are_told_apart(sandbox: Sandbox) -> None:
    for line in connect("ehr", sandbox, window=3):
        line.proxy.manners.append("joined 700")
        assert [o.state for o in line.send(1, 2, 3)] == [State.ACKNOWLEDGED] * 3
        line.is_made_up_for(1, 2, 3)


def test_a_late_acknowledgement_is_not_taken_for_the_next_ones(ehr: Line) -> None:
    ehr.hurry()
    ehr.proxy.manners.append("late 1.3")
    (outcome,) = ehr.send(1)
    assert (outcome.state, outcome.error_class) == (State.UNKNOWN, ErrorClass.TIMEOUT)
    time.sleep(0.4)
    ehr.is_made_up_for(1, 2)


SPOILT = {
    "the wrong control id": (lambda data: data.replace(b"MSA|AA|", b"MSA|AA|X"), State.UNKNOWN, ErrorClass.PROTOCOL),
    "no end of frame": (lambda data: data.replace(b"\x1c", b""), State.UNKNOWN, ErrorClass.TIMEOUT),
    "no start of frame": (lambda data: data.replace(b"\x0b", b""), State.UNKNOWN, ErrorClass.TIMEOUT),
    "AE": (lambda data: data.replace(b"MSA|AA", b"MSA|AE"), State.REJECTED, ErrorClass.REFUSED),
    "AR": (lambda data: data.replace(b"MSA|AA", b"MSA|AR"), State.RETRY, ErrorClass.BUSY),
    "an unknown code": (lambda data: data.replace(b"MSA|AA", b"MSA|ZZ"), State.UNKNOWN, ErrorClass.PROTOCOL),
    "no MSA": (lambda data: data.replace(b"MSA|", b"ZSA|"), State.UNKNOWN, ErrorClass.PROTOCOL),
    "another charset": (lambda data: data.replace(b"MSH", b"\xff\xfe"), State.UNKNOWN, ErrorClass.PROTOCOL),
}


@pytest.mark.parametrize("what", SPOILT)
def test_an_acknowledgement_is_spoilt(ehr: Line, what: str) -> None:
    ehr.proxy.changing, state, kind = SPOILT[what]
    if kind is ErrorClass.TIMEOUT:
        ehr.hurry()
    ehr.proxy.manners.append("change")
    (outcome,) = ehr.send()
    assert (outcome.state, outcome.error_class) == (state, kind)
    ehr.adapter.close()
    ehr.is_made_up_for()


# ------------------------------------------------------------------------------------------------------------- HTTP


def reply(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


SAID = {
    "429": (reply("429 Too Many Requests", b"{}", "Retry-After: 7"), State.RETRY, ErrorClass.BUSY, 7.0),
    "429 until a date": (
        reply("429 Too Many Requests", b"{}", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"),
        State.RETRY, ErrorClass.BUSY, 0.0,
    ),
    "503": (reply("503 Service Unavailable"), State.RETRY, ErrorClass.BUSY, None),
    "500": (reply("500 Internal Server Error"), State.UNKNOWN, ErrorClass.SERVER, None),
    "422": (reply("422 Unprocessable", b'{"errors": ["no such unit"]}'), State.REJECTED, ErrorClass.VALIDATION, None),
    "200 with an error body": (reply("200 OK", b'{"error": "not really"}'), State.UNKNOWN, ErrorClass.PROTOCOL, None),
    "200 with a page": (reply("200 OK", b"<html>Maintenance</html>"), State.UNKNOWN, ErrorClass.PROTOCOL, None),
    "200 with a list": (reply("200 OK", b"[1]"), State.UNKNOWN, ErrorClass.PROTOCOL, None),
    "no HTTP": (b"220 mail.example.org ESMTP\r\n\r\n", State.UNKNOWN, ErrorClass.CONNECTION, None),
}  # fmt: skip


@pytest.mark.parametrize("what", SAID)
@pytest.mark.parametrize("batch", [(1,), (1, 2)], ids=["one", "batch"])
def test_a_web_server_says(web: Line, what: str, batch: tuple[int, ...]) -> None:
    web.proxy.saying, state, kind, retry_after = SAID[what]
    web.proxy.manners.extend(["say"] * 3)
    outcome, *_ = web.send(*batch)
    assert (outcome.error_class, outcome.retry_after) == (kind, retry_after)
    # FHIR asks first what the server has: when that is what fails, nothing was sent
    assert outcome.state in ({state, State.RETRY} if state is State.UNKNOWN else {state})
    web.adapter.close()
    web.is_made_up_for(*batch)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_redirect_to_a_metadata_address_is_not_followed(web: Line, status: str) -> None:
    with Proxy("127.0.0.1", 9) as trap:
        web.proxy.saying = reply(status, b"", f"Location: http://127.0.0.1:{trap.port}/latest/meta-data/")
        web.proxy.manners.append("say")
        (outcome,) = web.send()
        assert trap.connections == 0
    assert outcome.state is State.RETRY
    assert "Redirects are not followed" in outcome.error
    web.adapter.close()
    web.is_made_up_for()


def test_an_expired_token_is_renewed_once_among_many_workers(sandbox: Sandbox) -> None:
    sandbox.reset()
    found = sandbox.targets["erp"]
    workers = [build(found["adapter"], found["config"], found["secrets"]) for _ in range(6)]
    deliver(workers[0], *factory.rendered(workers[0], factory.message("supplier", 99)))
    sandbox.fault("erp", "expired_token")
    before = tokens(sandbox)
    outcomes: list[Outcome] = []

    def work(number: int, adapter: Adapter) -> None:
        outcomes.extend(adapter.send(factory.rendered(adapter, factory.message("supplier", number))))
        adapter.close()

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(workers, start=1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [o.state for o in outcomes] == [State.ACKNOWLEDGED] * 6
    assert tokens(sandbox) - before == 1


def tokens(sandbox: Sandbox) -> int:
    return sum(entry["event"] == "token" for entry in sandbox.log("erp", 1000))
