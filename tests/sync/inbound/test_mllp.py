"""The listener: stored, then acknowledged, whatever the wire does."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.db import OperationalError
from hl7apy.parser import parse_message

from mdm.exceptions import InvalidValue
from mdm.models import User
from sync.adapters.hl7v2_mllp.mllp import Framer, frame
from sync.inbound import mllp, taking
from sync.inbound.hl7_answers import answer
from sync.inbound.ways import MllpConfig
from sync.models import InboundMessage
from tests.mdm import kit
from tests.sync.inbound.messages import M05, M15, M16, hl7, item, source

HERE = MllpConfig(port=0, timeout=5)


def codes(reply: bytes) -> str:
    return next(line.split("|")[1] for line in reply.decode().split("\r") if line.startswith("MSA"))


# ------------------------------------------------------------------------------------------------------ what is said
@pytest.mark.parametrize("text", [M16, M15, M05])
@pytest.mark.parametrize("outcome", ["kept", "unreadable", "refused"])
def test_hl7apy_accepts_our_answers(text, outcome):
    reply = answer(hl7(text), outcome, text="MFI-1 names the master file | ^ & \\ that nobody knows")
    found = parse_message(reply.decode(), validation_level=1)
    assert found.validate() is None or found.validate() is True
    assert found.msa.msa_2.value == hl7(text).decode("latin-1").split("|")[9]


def test_an_answer_goes_from_the_receiver_to_the_sender_in_the_senders_version():
    cells = answer(hl7(M15), "kept").decode().split("\r")[0].split("|")
    assert cells[2:6] == ["CONCORD", "MDM", "LAWSON", "GENHOSP"]
    assert (cells[8], cells[11]) == ("ACK^M15^ACK", "2.5.1")


def test_a_sender_of_the_enhanced_mode_is_answered_in_it_and_one_that_wants_nothing_is_not():
    assert codes(answer(hl7(M15), "kept")) == "CA"
    assert codes(answer(hl7(M15), "unreadable")) == "CE"
    assert codes(answer(hl7(M16), "kept")) == "AA"
    assert answer(hl7(M15, **{"AL|NE": "NE|NE"}), "kept") == b""
    assert answer(hl7(M15, **{"AL|NE": "ER|NE"}), "kept") == b""
    assert codes(answer(hl7(M15, **{"AL|NE": "ER|NE"}), "refused")) == "CR"


def test_the_codes_are_those_that_the_source_says():
    assert codes(answer(hl7(M16), "unreadable", acks={"unreadable": "AA"})) == "AA"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "config", [{"acks": {"lost": "AA"}}, {"acks": {"kept": "OK"}}, {"networks": ["10.1"]}, {"client_ca": "ca.pem"}, {}]
)
def test_settings_that_can_not_be_are_refused(config):
    with pytest.raises(InvalidValue):
        source(way="mllp", config={"port": 1, **config} if config else {"host": "x"})


@pytest.mark.django_db
def test_what_becomes_of_a_message_is_what_its_sender_hears():
    ehr = source(way="mllp", config={"port": 1, "senders": ["ERP^GENHOSP", "HMDM^GENHOSP"]})
    config = replace(HERE, senders=("ERP^GENHOSP", "HMDM^GENHOSP"))
    said = [codes(mllp.respond(ehr, config, body)) for body in (
        hl7(M16), hl7(M16), item("01J0X1"), hl7(M15), hl7(M16, MFN="ADT"), b"nonsense",
    )]  # fmt: skip
    assert said == ["AA", "AA", "AE", "CR", "AR", "AR"]
    assert list(InboundMessage.objects.order_by("pk").values_list("state", flat=True)) == ["received", "quarantined"]


@pytest.mark.django_db
@pytest.mark.parametrize("body", [b"", b"nonsense", b"PID|1", b"MSH", b"MSHAAAAAAA", b"x" * 100_000])
def test_a_body_of_which_nobody_can_tell_who_sent_it_is_refused_and_not_stored(body):
    assert codes(mllp.respond(source(way="mllp"), HERE, body)) == "AR"
    assert not InboundMessage.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "10.1.2.3", "concord.example.org"])  # noqa: S104
def test_a_port_that_others_reach_says_who_may_send(host):
    for config in ({}, {"client_ca": "ca.pem"}):
        with pytest.raises(InvalidValue, match="State networks"):
            source(way="mllp", config={"port": 1, "host": host, **config})
    source(way="mllp", config={"port": 1, "host": host, "networks": ["10.0.0.0/8"]})
    source(way="mllp", config={"port": 1, "host": host, "certificate": "a.pem", "client_ca": "ca.pem"})


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_port_of_this_machine_only_needs_no_more(host):
    assert source(way="mllp", config={"port": 1, "host": host}).pk


@pytest.mark.django_db
def test_a_sender_is_asked_to_come_back_while_the_database_is_away(monkeypatch):
    def away(**_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("sync.inbound.intake.receive", away)
    assert codes(mllp.respond(source(way="mllp"), HERE, hl7(M16))) == "AR"


# ----------------------------------------------------------------------------------------------------------- the wire
@contextmanager
def port(respond: Callable[[bytes], Awaitable[bytes]], **settings: object) -> Iterator[int]:
    """A port in a thread of its own."""
    loop, opened = asyncio.new_event_loop(), mllp.Port(replace(HERE, **settings), respond)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(opened.open(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(opened.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def echo(body: bytes) -> bytes:
    return answer(body, "kept")


def replies(line: socket.socket, count: int) -> list[bytes]:
    framer, found = Framer(10_000_000), []
    line.settimeout(10)
    while len(found) < count and (data := line.recv(65536)):
        found += framer.feed(data)
    return found


def test_frames_that_come_split_or_joined_are_answered_one_by_one():
    stream = b"".join(frame(item(f"c{n}")) for n in range(3)) + b"\r\n"
    with port(echo) as number, socket.create_connection(("127.0.0.1", number)) as line:
        line.sendall(stream)
        joined = replies(line, 3)
        for n in range(0, len(stream), 7):
            line.sendall(stream[n : n + 7])
        split = replies(line, 3)
    controls = [r.decode().split("MSA|AA|")[1].strip() for r in joined + split]
    assert controls == ["c0", "c1", "c2"] * 2


def test_a_message_that_is_too_large_is_refused_while_memory_stays_flat():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with port(echo, largest=200_000) as number, socket.create_connection(("127.0.0.1", number)) as line:
        line.sendall(b"\x0b" + item("big"))
        assert poured(line, b"x" * 1_000_000, 100) < 50
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KB


def poured(line: socket.socket, chunk: bytes, times: int) -> int:
    """How often it could be sent before the other side had enough."""
    for sent in range(times):
        try:
            line.sendall(chunk)
        except OSError:
            return sent
    return times


def test_the_sender_of_a_message_that_is_too_large_hears_why():
    with port(echo, largest=2000) as number, socket.create_connection(("127.0.0.1", number)) as line:
        line.sendall(b"\x0b" + item("big") + b"x" * 3000)
        (reply,) = replies(line, 1)
        assert b"MSA|AR|big|It is larger than 2000 bytes" in reply
        assert line.recv(1) == b""


def test_a_sender_that_does_not_end_its_message_loses_the_connection_and_others_do_not():
    with port(echo, timeout=0.4) as number:
        slow = socket.create_connection(("127.0.0.1", number))
        idle = socket.create_connection(("127.0.0.1", number))
        slow.sendall(b"\x0bMSH|^~")
        slow.settimeout(5)
        assert slow.recv(1) == b""
        idle.sendall(b"\r\n" + frame(item("late")))
        assert codes(replies(idle, 1)[0]) == "AA"
        slow.close()
        idle.close()


def test_a_connection_without_a_message_is_closed_in_the_end_whatever_else_it_sends():
    with port(echo, idle=2.0) as number, socket.create_connection(("127.0.0.1", number)) as line:
        time.sleep(0.5)
        line.sendall(frame(item("1")))
        assert codes(replies(line, 1)[0]) == "AA"
        answered = time.monotonic()
        time.sleep(1.6)
        line.sendall(b"\r\n")
        assert lost(line)
        assert 1.8 < time.monotonic() - answered < 3.2, "two seconds after the message, whatever line ends come"


def test_the_system_notices_a_sender_that_is_gone():
    with socket.socket() as line:
        mllp._keep_alive(line)
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


def test_only_known_networks_and_so_many_connections_are_served():
    with port(echo, networks=("10.0.0.0/8",)) as number, socket.create_connection(("127.0.0.1", number)) as line:
        assert lost(line)
    with port(echo, connections=1) as number, socket.create_connection(("127.0.0.1", number)) as first:
        first.sendall(frame(item("1")))
        replies(first, 1)
        with socket.create_connection(("127.0.0.1", number)) as second:
            assert lost(second)


def lost(line: socket.socket) -> bool:
    line.settimeout(5)
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def test_whoever_must_show_a_certificate_is_not_served_without_one(tmp_path):
    pem = str(tmp_path / "both.pem")
    with open(pem, "wb") as file:
        file.write(certificate())
    client = ssl.create_default_context(cafile=pem)
    with port(echo, certificate=pem, client_ca=pem) as number:
        assert told(client, number) == []
        client.load_cert_chain(pem)
        assert [codes(reply) for reply in told(client, number)] == ["AA"]


def test_a_certificate_that_is_renewed_in_its_file_is_shown_to_whoever_connects_next(tmp_path):
    pem = tmp_path / "both.pem"
    pem.write_bytes(certificate())
    opened = mllp.Port(replace(HERE, certificate=str(pem)), echo)

    async def talk() -> None:
        number = await opened.open()

        async def shown() -> str:
            """Whose certificate it is; a client that knows only what is in the file now."""
            client = ssl.create_default_context(cafile=str(pem))
            try:
                _, writer = await asyncio.open_connection("localhost", number, ssl=client)
            except ssl.SSLCertVerificationError:
                return "another"
            writer.close()
            return "that in the file"

        assert await shown() == "that in the file"
        pem.write_bytes(certificate())
        os.utime(pem, ns=(1, 1))
        assert await shown() == "another"
        opened.renew()
        assert await shown() == "that in the file"
        whole = pem.read_bytes()
        pem.write_bytes(whole[:100])
        os.utime(pem, ns=(2, 2))
        opened.renew()  # half written: what was there is still shown
        pem.write_bytes(whole)
        assert await shown() == "that in the file"
        await opened.close()

    asyncio.run(talk())


def told(client: ssl.SSLContext, number: int) -> list[bytes]:
    """What a client is answered; a server that doesn't want it says so at the first read."""
    with socket.create_connection(("127.0.0.1", number)) as plain:
        line = client.wrap_socket(plain, server_hostname="localhost")
        try:
            line.sendall(frame(item("1")))
            return replies(line, 1)
        except OSError:
            return []


def certificate() -> bytes:
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)


@pytest.mark.django_db(transaction=True)
def test_a_message_over_the_wire_is_stored_when_it_is_acknowledged_and_becomes_a_golden_record():
    User.objects.system()
    ehr = source(way="mllp", config={"port": 0})
    listener = mllp.Listener(every=0.05)

    async def talk() -> bytes:
        task = asyncio.create_task(listener.run())
        while "ehr" not in listener.ports:
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.ports["ehr"])
        writer.write(frame(hl7(M16)))
        reply = await reader.readuntil(b"\x1c\r")
        listener.stopping.set()
        await task
        writer.close()
        return reply

    reply = asyncio.run(talk())
    message = InboundMessage.objects.get()
    assert (codes(reply), bytes(message.payload)) == ("AA", hl7(M16))
    taking.take(ehr)
    assert kit.golden("ehr", "ITM-1").name.startswith("CATHETER FOLEY")
