"""Where a webhook's address may lead, and that the connection goes to the address that was looked at."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sync import calling

NAME = "bus.example.org"


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "224.0.0.1", "255.255.255.255", "100.100.100.200",
        "::", "::1", "fe80::1", "ff02::1", "fd00:ec2::254", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe",
    ],
)  # fmt: skip
def test_this_machine_link_local_addresses_and_metadata_services_are_refused(address):
    assert not calling.allowed(address)


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "172.16.0.9", "192.168.1.1", "93.184.216.34", "fd12::1", "2001:db8::1"]
)
def test_private_and_public_networks_are_allowed(address):
    assert calling.allowed(address)


def test_the_settings_may_allow_more(settings):
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    assert calling.allowed("127.0.0.1")
    assert calling.allowed("::ffff:127.0.0.1")
    assert not calling.allowed("::1")


class Server:
    """A receiver on HTTPS with a certificate for NAME of its own."""

    def __init__(self, folder: Path) -> None:
        self.hosts: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                server.hosts.append(self.headers["Host"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.ca, key = folder / "ca.pem", folder / "key.pem"
        certify(self.ca, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def certify(ca: Path, key: Path) -> None:
    private, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    ca.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


@pytest.fixture
def server(tmp_path, monkeypatch):
    made = Server(tmp_path)
    context = ssl.create_default_context(cafile=made.ca)
    monkeypatch.setattr("sync.calling.httpx.create_ssl_context", lambda: context)
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def names(monkeypatch):
    """What names resolve to, one answer after the other; the last one stays."""
    answers: list[list[str]] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: Any, **options: Any) -> Any:
        if not host.endswith("example.org"):
            return real(host, port, *args, **options)
        given = answers.pop(0) if len(answers) > 1 else answers[0]
        return [row for address in given for row in real(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


def post(server: Server, host: str = NAME) -> tuple[int, str | None]:
    with calling.Caller() as caller:
        return caller.post(f"https://{host}:{server.port}/", body=b"{}", headers={"x": "y"})


def test_the_connection_goes_to_the_address_that_was_looked_at_and_the_certificate_fits_the_name(
    server, names, settings
):
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.1")]
    names[:] = [["::1", "127.0.0.1"], ["127.0.0.9"]]  # asked again it would lead elsewhere
    assert post(server) == (204, None)
    assert server.hosts == [f"{NAME}:{server.port}"]
    names[:] = [["127.0.0.1"]]
    with pytest.raises(httpcore.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        post(server, "other.example.org")


def test_a_name_that_leads_to_this_machine_is_refused(server, names):
    names[:] = [["127.0.0.1", "::1"]]
    with pytest.raises(calling.AddressRefused):
        post(server)
    assert server.hosts == []


def test_the_other_addresses_of_a_name_are_tried(server, names, settings):
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    names[:] = [["127.0.0.77", "127.0.0.1"]]
    assert post(server) == (204, None)


# --------------------------------------------------------------------------------------------------- slow receivers
@pytest.fixture
def trickle(settings):
    """Starts a receiver that says ``first``, then ``again`` for ever, a piece each 20 ms. Gives its address."""
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.1")]
    over, listening = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def start(first: bytes, again: bytes) -> str:
        def serve() -> None:
            line, _ = listening.accept()
            with line, suppress(OSError):
                line.recv(65_536)
                line.sendall(first)
                while not over.wait(0.02):
                    line.sendall(again)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/"

    yield start
    over.set()
    listening.close()


def test_a_receiver_that_answers_by_the_byte_is_given_up_when_its_time_is_over(trickle, monkeypatch):
    monkeypatch.setattr(calling, "SECONDS", 0.5)
    url, begin = trickle(b"HTTP/1.1 200 OK\r\nx: ", b"y"), time.monotonic()
    with calling.Caller() as caller, pytest.raises(httpcore.ReadTimeout):
        caller.post(url, body=b"{}", headers={})
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("again", [b"1\r\nx\r\n", b"4000\r\n" + b"x" * 0x4000 + b"\r\n"])
def test_an_answer_without_end_counts_by_its_status(trickle, monkeypatch, again):
    monkeypatch.setattr(calling, "BODY_SECONDS", 0.5)
    url, begin = trickle(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n", again), time.monotonic()
    with calling.Caller() as caller:
        assert caller.post(url, body=b"{}", headers={}) == (202, None)
    assert time.monotonic() - begin < 5
