"""Minimal lower layer protocol: 0x0B payload 0x1C 0x0D over TCP or TLS (HL7 v2.6 implementation guide, appendix C)."""

from __future__ import annotations

import select
import socket
import ssl
import time

from sync.adapters.base import ErrorClass, PeerError
from sync.network import target_socket

from .config import Hl7Config

START, END = b"\x0b", b"\x1c\x0d"
CHUNK = 65_536
HEAD = 4096  # bytes


class Framer:
    """Cuts a byte stream into payloads, however the bytes arrive. Raises PeerError beyond ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that these bytes complete; anything outside a frame is dropped."""
        searched = max(len(self._buffer) - 1, 0)
        self._buffer += data
        payloads = []
        while (end := self._buffer.find(END, searched)) >= 0:
            start = self._buffer.find(START, 0, end)
            if start >= 0:
                payloads.append(bytes(self._buffer[start + 1 : end]))
            del self._buffer[: end + len(END)]
            searched = 0
        if len(self._buffer) > self._limit:
            raise PeerError(f"The reply is larger than {self._limit} bytes.", ErrorClass.PROTOCOL, maybe_applied=True)
        return payloads

    @property
    def begun(self) -> bytes:
        """The beginning of what is not complete yet; empty between frames."""
        start = self._buffer.find(START)
        return bytes(self._buffer[start + 1 : start + 1 + HEAD]) if start >= 0 else b""


def frame(payload: bytes) -> bytes:
    return START + payload + END


class Connection:
    """One pooled connection; opened when needed, given up at the first failure."""

    def __init__(self, config: Hl7Config) -> None:
        self._config = config
        self._socket: socket.socket | None = None
        self._framer = Framer(config.max_reply)
        self._ready: list[bytes] = []
        self._awaited = 0  # answers that are still to come

    def send(self, *payloads: bytes) -> None:
        """Write them as frames, in one go. Raises PeerError; ``maybe_applied`` once bytes may have gone out."""
        open_socket = self._open()
        try:
            open_socket.sendall(b"".join(map(frame, payloads)))
            self._awaited += len(payloads)
        except OSError as error:
            self.close()
            raise PeerError(f"The connection broke: {error}", ErrorClass.CONNECTION, maybe_applied=True) from error

    def receive(self) -> bytes:
        """The next payload. Raises PeerError (``maybe_applied``) when none comes whole within the timeout."""
        deadline = time.monotonic() + self._config.timeout
        try:
            while not self._ready:
                self._ready += self._framer.feed(self._more(deadline))
        except TimeoutError as error:
            self.close()
            text = f"No complete answer within {self._config.timeout:g} s."
            raise PeerError(text, ErrorClass.TIMEOUT, maybe_applied=True) from error
        except OSError as error:
            self.close()
            raise PeerError(f"The connection broke: {error}", ErrorClass.CONNECTION, maybe_applied=True) from error
        except PeerError:
            self.close()
            raise
        self._awaited -= 1
        return self._ready.pop(0)

    def _more(self, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0 or self._socket is None:
            raise TimeoutError
        self._socket.settimeout(left)
        data = self._socket.recv(CHUNK)
        if not data:
            raise ConnectionResetError("the peer closed it before it answered")
        return data

    def _open(self) -> socket.socket:
        if self._socket is not None and self._stale(self._socket):
            self.close()
        if self._socket is None:
            try:
                self._socket = self._connect()
            except OSError as error:
                raise PeerError(f"No connection: {error}", ErrorClass.CONNECTION) from error
        self._socket.settimeout(self._config.timeout)
        return self._socket

    def _stale(self, open_socket: socket.socket) -> bool:
        """A peer that owes no answer has nothing to say: something to read is its goodbye, or stray bytes."""
        return not self._awaited and bool(self._ready or select.select([open_socket], [], [], 0)[0])

    def _connect(self) -> socket.socket:
        plain = target_socket(self._config.host, self._config.port, self._config.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._config.tls:
            return plain
        context = ssl.create_default_context(cafile=self._config.ca_file or None)
        if self._config.client_certificate:
            context.load_cert_chain(self._config.client_certificate)
        return context.wrap_socket(plain, server_hostname=self._config.host)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._ready, self._awaited = [], 0
        self._framer = Framer(self._config.max_reply)
