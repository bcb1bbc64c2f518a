"""HL7 with python-hl7, which keeps connections: many messages on each, and several on their way at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.adapters.base import Adapter, Outcome, State
from sync.adapters.registry import build
from sync.inbound import taking
from sync.models import InboundMessage
from tests.interop import kit
from tests.interop.test_hl7 import heard
from tests.mdm import kit as hospital
from tests.sync.adapters import factory
from tests.sync.inbound.messages import item, source
from tests.sync.inbound.test_mllp import certificate

HERE = Path(__file__).parent
LIBRARY = "hl7==0.4.5"
windows = pytest.mark.parametrize("window", [1, 8])


@pytest.fixture(scope="module")
def python() -> Path:
    return kit.python_of("hl7-lib", LIBRARY)


class Server:
    """The counterpart: it may be stopped and started."""

    def __init__(self, python: Path, folder: Path, *certificates: Path) -> None:
        self.port, self.folder = kit.free_port(), folder
        self._file = folder / "received.jsonl"
        self._command = [python, HERE / "hl7_lib_server.py", str(self.port), self._file, *certificates]

    def running(self) -> Any:
        return kit.serving(self._command, port=self.port, cwd=self.folder)

    def received(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._file.read_text().splitlines()]


@pytest.fixture
def server(python: Path, tmp_path: Path) -> Server:
    return Server(python, tmp_path)


@pytest.fixture
def running(server: Server) -> Iterator[Server]:
    with server.running():
        yield server


def connect(server: Server, window: int, **settings: Any) -> Adapter:
    config = {"host": "127.0.0.1", "port": server.port, "timeout": 10, "window": window}
    return build("hl7v2_mllp", config | settings)


def send(adapter: Adapter, *messages: Any) -> list[Outcome]:
    return adapter.send(factory.rendered(adapter, *messages))


@windows
def test_many_messages_go_over_one_connection_in_order_and_one_refusal_is_its_own(running: Server, window: int) -> None:
    adapter = connect(running, window)
    messages = [factory.message("item", n) for n in range(1, 41)]
    messages[20] = factory.message("item", 21, description="REFUSE this")
    outcomes = send(adapter, *messages)
    adapter.close()
    assert [n for n, o in enumerate(outcomes) if o.state is not State.ACKNOWLEDGED] == [20]
    assert outcomes[20].state is State.REJECTED
    rows = running.received()
    assert [row["record"] for row in rows] == [message.record for message in messages]
    assert ({row["connection"] for row in rows}, len({row["control"] for row in rows})) == ({rows[0]["connection"]}, 40)


@windows
def test_creates_updates_merges_and_retirements_arrive_as_what_they_are(running: Server, window: int) -> None:
    adapter = connect(running, window)
    kinds = ("upsert", "upsert", "merge", "unmerge", "retire")
    sent = [factory.message("item", version=version, kind=kind, description=f"Version {version}")
            for version, kind in enumerate(kinds, 1)]  # fmt: skip
    assert {outcome.state for outcome in send(adapter, *sent)} == {State.ACKNOWLEDGED}
    adapter.close()
    rows = running.received()
    assert [row["name"] for row in rows] == [f"Version {n}" for n in range(1, 6)]
    assert [row["event"] for row in rows[2:]] == ["MDC", "MAC", "MDC"]


def test_texts_full_of_delimiters_are_read_as_they_were_written(running: Server) -> None:
    adapter = connect(running, 8)
    texts = list(factory.AWKWARD.values())
    outcomes = send(adapter, *(factory.message("item", n, description=text) for n, text in enumerate(texts, 1)))
    adapter.close()
    assert {outcome.state for outcome in outcomes} == {State.ACKNOWLEDGED}
    assert [row["name"] for row in running.received()] == texts


@windows
def test_what_a_server_that_died_had_not_answered_is_the_same_message_when_it_is_back(
    server: Server, window: int
) -> None:
    adapter = connect(server, window)
    messages = [factory.message("item", n) for n in range(1, 6)]
    with server.running():
        assert send(adapter, messages[0])[0].state is State.ACKNOWLEDGED
    away = send(adapter, *messages)
    assert {outcome.state for outcome in away} <= {State.RETRY, State.UNKNOWN}
    assert all(outcome.connection for outcome in away)
    with server.running():
        assert [outcome.state for outcome in send(adapter, *messages)] == [State.ACKNOWLEDGED] * 5
    adapter.close()
    assert len({row["control"] for row in server.received()}) == 5


@windows
def test_over_tls_both_sides_show_certificates_and_who_shows_none_is_sent_and_sends_nothing(
    python: Path, tmp_path: Path, window: int
) -> None:
    theirs, ours, strangers = (tmp_path / f"{name}.pem" for name in ("theirs", "ours", "strangers"))
    for path in (theirs, ours, strangers):
        path.write_bytes(certificate())
    server = Server(python, tmp_path, theirs, ours)
    known = {"host": "localhost", "tls": True, "ca_file": str(theirs), "client_certificate": str(ours)}
    messages = [factory.message("item", n) for n in range(1, 11)]
    with server.running():
        for wrong in ({"client_certificate": ""}, {"client_certificate": str(strangers)}, {"ca_file": str(strangers)}):
            adapter = connect(server, window, **{**known, **wrong})
            (refused,) = send(adapter, messages[0])
            assert (refused.state in (State.RETRY, State.UNKNOWN), refused.connection) == (True, True)
            adapter.close()
        assert server.received() == []
        adapter = connect(server, window, **known)
        assert [outcome.state for outcome in send(adapter, *messages)] == [State.ACKNOWLEDGED] * 10
        assert [outcome.state for outcome in send(adapter, *messages)] == [State.ACKNOWLEDGED] * 10
        adapter.close()
    assert len({row["connection"] for row in server.received()}) == 1


@pytest.mark.django_db(transaction=True)
def test_their_client_may_send_ahead_of_the_answers(python: Path, tmp_path: Path) -> None:
    ehr = source(way="mllp", config={"port": 0})
    texts = [item(str(n), f"IT-{n}", f"NEEDLE SPINAL {n}GA").decode().rstrip("\r") for n in range(1, 31)]
    answers = asyncio.run(heard([python, HERE / "hl7_lib_client.py"], [*texts, texts[0]], tmp_path))
    assert answers == [["AA", str(n)] for n in [*range(1, 31), 1]]
    assert InboundMessage.objects.count() == 30
    taking.take(ehr)
    assert hospital.golden("ehr", "IT-30").name == "NEEDLE SPINAL 30GA"


@pytest.mark.django_db(transaction=True)
def test_a_file_of_batches_that_it_writes_is_answered_by_one_that_it_reads(python: Path, tmp_path: Path) -> None:
    ehr = source(way="mllp", config={"port": 0})
    texts = [item(str(n), f"IT-{n}", f"NEEDLE SPINAL {n}GA").decode().rstrip("\r") for n in range(1, 5)]
    texts[1] = texts[1].replace("MFN", "ADT", 1)
    said = asyncio.run(heard([python, HERE / "hl7_lib_batch.py"], [texts[:3], texts[3:]], tmp_path))
    assert said == {
        "file": "F-1",
        "batches": ["B-1", "B-2"],
        "answers": [[["AA", "1"], ["AR", "2"], ["AA", "3"]], [["AA", "4"]]],
        "counts": ["3", "1", "2"],
    }
    taking.take(ehr)
    assert hospital.golden("ehr", "IT-4").name == "NEEDLE SPINAL 4GA"
