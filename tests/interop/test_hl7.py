"""HL7 with others: node-hl7-client sends to our listener, node-hl7-server takes what our adapter sends."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.adapters.base import Outcome, Rendered, State
from sync.adapters.registry import build
from sync.inbound import mllp, taking
from sync.models import InboundMessage
from tests.interop import kit
from tests.mdm import kit as hospital
from tests.sync.adapters import factory
from tests.sync.inbound.messages import M16, hl7, item, source

HERE = Path(__file__).parent
PACKAGES = ("node-hl7-server@2.5.0", "node-hl7-client@3.2.0")


@pytest.fixture(scope="module")
def folder() -> Path:
    return kit.node_folder("hl7", *PACKAGES)


# ------------------------------------------------------------------------------------------- they send to our listener
@pytest.mark.django_db(transaction=True)
def test_their_client_is_answered_and_what_it_sent_becomes_golden_records(folder):
    ehr = source(way="mllp", config={"port": 0})
    texts = [body.decode().rstrip("\r") for body in (hl7(M16), hl7(M16), item("01J0X1"), item("2", "IT-2"))]
    answers = asyncio.run(heard(["node", HERE / "hl7_client.mjs"], texts, folder))
    assert [(a["kind"], a["code"], a["control"]) for a in answers] == [
        ("ACK", "AA", "01J0X1"), ("ACK", "AA", "01J0X1"), ("ACK", "AE", "01J0X1"), ("ACK", "AA", "2"),
    ]  # fmt: skip
    assert InboundMessage.objects.count() == 3
    taking.take(ehr)
    assert hospital.golden("ehr", "ITM-1").name.startswith("CATHETER FOLEY")
    assert hospital.golden("ehr", "IT-2")


async def heard(program: list[Any], texts: list[Any], cwd: Path) -> Any:
    """What a client hears from a listener of ours: a program that takes the port and, as JSON, the messages."""
    listener = mllp.Listener(every=0.1)
    task = asyncio.create_task(listener.run())
    while "ehr" not in listener.ports:
        await asyncio.sleep(0.01)
    command = [*program, str(listener.ports["ehr"])]

    def send() -> str:
        done = subprocess.run(command, cwd=cwd, input=json.dumps(texts), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        return json.loads(await asyncio.to_thread(send))
    finally:
        listener.stopping.set()
        await task


# ------------------------------------------------------------------------------------------- our adapter sends to them
@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    number = kit.free_port()
    with kit.serving(["node", HERE / "hl7_server.mjs", str(number)], port=number, cwd=folder):
        yield number


def received(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "received.jsonl").read_text().splitlines()]


def send(port: int, *messages: Any) -> list[Outcome]:
    """Each on a connection of its own: this server answers a second message by the first one, which we notice."""
    adapter = build("hl7v2_mllp", {"host": "127.0.0.1", "port": port, "timeout": 10})
    outcomes = []
    for message in messages:
        outcomes += adapter.send([Rendered(message, adapter.render(message))])
        adapter.close()
    return outcomes


def test_their_server_takes_creates_updates_merges_and_retirements(folder, port):
    kinds = ("upsert", "upsert", "retire", "merge", "unmerge")
    sent = [factory.message("item", version=version, kind=kind) for version, kind in enumerate(kinds, 1)]
    assert {outcome.state for outcome in send(port, *sent)} == {State.ACKNOWLEDGED}
    there = received(folder)
    assert [row["event"] for row in there[2:]] == ["MDC", "MDC", "MAC"]
    assert {row["record"] for row in there} == {sent[0].record}
    assert len({row["control"] for row in there}) == len(sent)


def test_what_their_server_refuses_is_rejected_and_the_next_one_is_taken(folder, port):
    refused, fine = factory.message("item", 1, description="REFUSE this"), factory.message("item", 2)
    assert [outcome.state for outcome in send(port, refused, fine)] == [State.REJECTED, State.ACKNOWLEDGED]
    assert [row["refused"] for row in received(folder)] == [True, False]


def test_while_their_server_is_away_nothing_is_lost_and_what_is_sent_again_is_the_same_message(folder):
    message, number = factory.message("item"), kit.free_port()
    assert send(number, message)[0].state is State.RETRY
    with kit.serving(["node", HERE / "hl7_server.mjs", str(number)], port=number, cwd=folder):
        assert [send(number, message)[0].state for _ in range(2)] == [State.ACKNOWLEDGED] * 2
    assert len({row["control"] for row in received(folder)}) == 1
