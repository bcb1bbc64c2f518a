"""Answers of all kinds from a scripted peer, and from the sandbox."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from sync.adapters.base import Adapter, ConfigError, ErrorClass, State
from sync.adapters.hl7v2_mllp.mllp import Framer
from sync.adapters.registry import build
from sync.sandbox.launch import Sandbox
from tests.sync.adapters import factory
from tests.sync.adapters.conftest import Make, deliver

Answer = Callable[[str], list[bytes]]  # control id -> pieces to write, a pause after each


class Peer:
    """Takes one connection at a time and answers each frame with the pieces it was told."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        framer = Framer(10_000_000)
        with connection:
            while data := connection.recv(65_536):
                for payload in framer.feed(data):
                    for piece in self._answer(payload.decode().split("|")[9]):
                        connection.sendall(piece)
                        time.sleep(0.01)

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def adapter_to() -> Iterator[Callable[..., Adapter]]:
    opened: list[Peer | Adapter] = []

    def connect(answer: Answer, **settings: object) -> Adapter:
        peer = Peer(answer)
        adapter = build("hl7v2_mllp", {"host": "127.0.0.1", "port": peer.port, "timeout": 1, **settings})
        opened.extend((adapter, peer))
        return adapter

    yield connect
    for one in opened:
        one.close()


def ack(code: str, control: str, *more: str) -> bytes:
    lines = ("MSH|^~\\&|E|H|C|M|20260101||ACK|9|P|2.6", f"MSA|{code}|{control}", *more, "")
    return b"\x0b" + "\r".join(lines).encode() + b"\x1c\r"


def states(adapter: Adapter, count: int = 1) -> list[State]:
    return [o.state for o in adapter.send(factory.rendered(adapter, *map_messages(count)))]


def map_messages(count: int) -> list[factory.Message]:
    return [factory.message(number=n) for n in range(1, count + 1)]


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("AA", State.ACKNOWLEDGED),
        ("CA", State.ACKNOWLEDGED),
        ("AE", State.REJECTED),
        ("CE", State.REJECTED),
        ("AR", State.RETRY),
        ("CR", State.RETRY),
        ("XX", State.UNKNOWN),
    ],
)
def test_each_acknowledgement_code_has_its_meaning(adapter_to: Callable[..., Adapter], code: str, state: State) -> None:
    assert states(adapter_to(lambda control: [ack(code, control)])) == [state]


def test_an_endpoint_may_mean_something_else_by_a_code(adapter_to: Callable[..., Adapter]) -> None:
    adapter = adapter_to(lambda control: [ack("AE", control)], acks={"AE": "retry"})

    assert states(adapter) == [State.RETRY]


def test_a_wrong_meaning_of_a_code_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="acks: unknown state maybe"):
        build("hl7v2_mllp", {"host": "h", "port": 1, "acks": {"AE": "maybe"}})


def test_an_mfa_that_says_unsuccessful_outweighs_aa(adapter_to: Callable[..., Adapter]) -> None:
    adapter = adapter_to(lambda control: [ack("AA", control, "MFI|INV", f"MFA|MAD|{control}||U^no such unit|X|EI")])

    (outcome,) = adapter.send(factory.rendered(adapter, factory.message()))

    assert (outcome.state, outcome.error) == (State.REJECTED, "AA: no such unit")


def test_the_receivers_own_code_is_read_from_the_mfa(adapter_to: Callable[..., Adapter]) -> None:
    adapter = adapter_to(lambda c: [ack("AA", c, "MFI|INV", f"MFA|MAD|{c}||S|MDM-IT-000001~EAP\\T\\7|EI~EI")])

    (outcome,) = adapter.send(factory.rendered(adapter, factory.message()))

    assert outcome.target_code == "EAP&7"


def test_an_answer_that_comes_in_pieces_is_one_answer(adapter_to: Callable[..., Adapter]) -> None:
    adapter = adapter_to(lambda control: [bytes([byte]) for byte in ack("AA", control)], timeout=10)

    assert states(adapter) == [State.ACKNOWLEDGED]


def test_answers_that_come_together_are_told_apart(adapter_to: Callable[..., Adapter]) -> None:
    held: list[bytes] = []

    def together(control: str) -> list[bytes]:
        held.append(ack("AE" if len(held) == 1 else "AA", control))
        return [b"".join(held)] if len(held) == 3 else []

    assert states(adapter_to(together, window=3), 3) == [State.ACKNOWLEDGED, State.REJECTED, State.ACKNOWLEDGED]


@pytest.mark.parametrize(
    "answer",
    [
        lambda control: [ack("AA", "SOMEBODYELSES")],
        lambda control: [b"\x0bMSH|^~\\&|E\rMSA|AA\r\x1c\r"],
        lambda control: [b"\x0bHTTP/1.1 400 Bad Request\x1c\r"],
        lambda control: [b"\x0b\xff\xfe\x1c\r"],
    ],
    ids=["another control id", "no control id", "no HL7", "no UTF-8"],
)
def test_what_answers_something_else_leaves_the_message_unknown(
    adapter_to: Callable[..., Adapter], answer: Answer
) -> None:
    adapter = adapter_to(answer)

    outcomes = adapter.send(factory.rendered(adapter, *map_messages(3)))

    assert (outcomes[0].state, outcomes[0].error_class) == (State.UNKNOWN, ErrorClass.PROTOCOL)
    assert [(o.state, o.error_class) for o in outcomes[1:]] == [(State.RETRY, ErrorClass.NOT_SENT)] * 2


def test_an_answer_that_comes_after_the_timeout_is_not_taken_for_the_next_one(
    adapter_to: Callable[..., Adapter],
) -> None:
    seen: list[str] = []

    def late_once(control: str) -> list[bytes]:
        seen.append(control)
        if len(seen) == 1:
            time.sleep(1.3)
        return [ack("AA", control)]

    adapter = adapter_to(late_once)
    batch = factory.rendered(adapter, *map_messages(2))

    first, second = adapter.send(batch[:1]), adapter.send(batch[1:])

    assert first[0].state is State.UNKNOWN
    assert second[0].state is State.ACKNOWLEDGED


def test_a_frame_without_an_end_is_given_up(make: Make, sandbox: Sandbox) -> None:
    sandbox.fault("ehr", "garbage")
    adapter = make("ehr", timeout=1)

    (outcome,) = deliver(adapter, *factory.rendered(adapter, factory.message()))

    assert (outcome.state, outcome.error_class) == (State.UNKNOWN, ErrorClass.TIMEOUT)


def test_an_acknowledgement_of_another_message_is_not_believed(make: Make, sandbox: Sandbox) -> None:
    sandbox.fault("ehr", "wrong_ack")
    adapter = make("ehr", window=1)
    batch = factory.rendered(adapter, factory.message())

    outcomes = [deliver(adapter, *batch)[0] for _ in range(2)]

    assert [o.state for o in outcomes] == [State.UNKNOWN, State.ACKNOWLEDGED]
    assert [e["times"] for e in sandbox.effects("ehr")] == [1]


def test_one_connection_serves_many_messages(adapter_to: Callable[..., Adapter]) -> None:
    peer = Peer(lambda control: [ack("AA", control)])
    adapter = build("hl7v2_mllp", {"host": "127.0.0.1", "port": peer.port})

    for _ in range(3):
        assert states(adapter, 4) == [State.ACKNOWLEDGED] * 4
    adapter.close()
    peer.close()

    assert peer.connections == 1


@pytest.mark.parametrize("window", [1, 4, 50])
def test_a_break_in_the_middle_of_a_window_leaves_the_answered_ones_answered(
    make: Make, sandbox: Sandbox, window: int
) -> None:
    sandbox.fault("ehr", "disconnect_after", match="MDM-IT-000003")
    adapter = make("ehr", window=window)
    batch = factory.rendered(adapter, *map_messages(6))

    first, second = adapter.send(batch), adapter.send(batch)

    assert len(first) == 6
    assert first[2].state in (State.UNKNOWN, State.ACKNOWLEDGED)
    assert State.UNKNOWN in {o.state for o in first}
    assert [o.state for o in second] == [State.ACKNOWLEDGED] * 6
    assert {e["times"] for e in sandbox.effects("ehr")} == {1}
