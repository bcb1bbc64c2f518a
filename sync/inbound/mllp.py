"""The HL7 listener: one port for each source of this way; a message is stored, then acknowledged.

Messages on a connection are dealt with one after the other, as MLLP has it. Whoever sends too slowly, too much or
something that is no frame, or nothing for an hour, loses the connection, and nothing else does.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import TypeVar

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections

from sync.adapters.base import PeerError
from sync.adapters.hl7v2_mllp.mllp import CHUNK, Framer, frame
from sync.inbound.hl7_answers import answer
from sync.inbound.hl7_batches import Message
from sync.inbound.hl7_intake import Kept, Terms, each, keep
from sync.inbound.ways import MllpConfig, config_of
from sync.models.inbound import InboundSource

log = structlog.get_logger(__name__)

THREADS = 4  # that store messages: each has a database connection
GOODBYE = 5.0  # seconds for what is being stored when the listener stops
KEEP_ALIVE = {
    "TCP_KEEPIDLE": 60,
    "TCP_KEEPINTVL": 15,
    "TCP_KEEPCNT": 4,
}  # a peer that is gone is noticed in two minutes
T = TypeVar("T")
Respond = Callable[[bytes], Awaitable[bytes]]


def respond(source: InboundSource, config: MllpConfig, body: bytes) -> bytes:
    """Store a message, or each of a batch, and say what to answer. Never raises for what a sender does or when the
    database is away.
    """
    terms = Terms(config.senders, config.acks)

    def one(message: Message) -> Kept:
        try:
            return keep(source, message, terms)
        except (DatabaseError, InterfaceError):
            log.exception("a message could not be stored; its sender is asked to send it again", source=source.code)
            text = "It could not be stored just now. Send it again."
            return Kept(answer(message.body, "busy", acks=terms.acks, text=text), sound=False)

    return each(body, terms, one, framed=True).reply


class Port:
    """Connections to one port. ``respond`` gets each message and gives the bytes to answer, none for no answer."""

    def __init__(self, config: MllpConfig, respond: Respond) -> None:
        self._config, self._respond = config, respond
        self._networks = [ip_network(network) for network in config.networks]
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._storing: set[asyncio.Task[None]] = set()  # those of the lines whose message is being stored
        self._closing = False
        self._tls: ssl.SSLContext | None = None
        self._shown: list[int] = []  # when the files of the certificates were written that are in use

    async def open(self) -> int:
        """Listen; returns the port. Raises OSError (ssl.SSLError among them)."""
        self._shown, self._tls = _written(self._config), _tls(self._config)
        tls = self._tls
        self._server = await asyncio.start_server(
            self._connected, self._config.host, self._config.port, ssl=tls, ssl_handshake_timeout=10 if tls else None
        )
        return int(self._server.sockets[0].getsockname()[1])

    def renew(self) -> None:
        """Show the certificate that is in its file now to whoever connects next. One that can't be used, as it is only
        half written, waits for the next look.
        """
        try:
            written = _written(self._config)
            if self._tls is None or written == self._shown:
                return
            _tls(self._config)
            _load(self._tls, self._config)
        except OSError as error:
            log.warning("certificate not renewed", port=self._config.port, error=str(error))
            return
        self._shown = written
        log.info("certificate renewed", port=self._config.port)

    async def close(self) -> None:
        """Accept nobody; messages that are being stored are still answered."""
        if self._server:
            self._server.close()
        self._closing = True
        for line in self._lines - self._storing:
            line.cancel()
        if self._lines:
            await asyncio.wait(self._lines, timeout=GOODBYE)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or not self._may_connect(writer) or len(self._lines) >= self._config.connections:
            writer.transport.abort()
            return
        self._lines.add(task)
        _keep_alive(writer.get_extra_info("socket"))
        try:
            await self._serve(reader, writer, task)
        except (OSError, TimeoutError, PeerError, asyncio.CancelledError):
            pass
        finally:
            self._lines.discard(task)
            self._storing.discard(task)
            writer.close()
            with suppress(OSError, TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(writer.wait_closed(), 1)

    def _may_connect(self, writer: asyncio.StreamWriter) -> bool:
        peer = ip_address(writer.get_extra_info("peername")[0].partition("%")[0])
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return not self._networks or any(peer in network for network in self._networks)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> None:
        framer, clock = Framer(self._config.largest), asyncio.get_running_loop().time
        idle = clock() + self._config.idle  # when a message must have come
        until, begun = idle, False  # when the message that has begun must be complete
        while not self._closing:
            async with asyncio.timeout_at(until):
                data = await reader.read(CHUNK)
            if not data:
                return
            try:
                bodies = framer.feed(data)
            except PeerError:
                text = f"It is larger than {self._config.largest} bytes. Send it in several messages."
                await self._send(writer, answer(framer.begun, "refused", acks=self._config.acks, text=text))
                return
            self._storing.add(task)
            for body in bodies:
                await self._send(writer, await self._respond(body))
            self._storing.discard(task)
            if bodies:
                idle, begun = clock() + self._config.idle, False
            if not framer.begun:
                until, begun = idle, False
            elif not begun:
                until, begun = clock() + self._config.timeout, True

    async def _send(self, writer: asyncio.StreamWriter, reply: bytes) -> None:
        if reply:
            writer.write(frame(reply))
            async with asyncio.timeout(self._config.timeout):
                await writer.drain()


def _keep_alive(line: socket.socket) -> None:
    """Have the system notice a peer that is gone without a word; the figures where it knows them."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _tls(config: MllpConfig) -> ssl.SSLContext | None:
    if not config.certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=config.client_ca or None)
    _load(context, config)
    return context


def _load(context: ssl.SSLContext, config: MllpConfig) -> None:
    context.load_cert_chain(config.certificate)
    if config.client_ca:
        context.load_verify_locations(config.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED


def _written(config: MllpConfig) -> list[int]:
    """When each file of certificates was written last. Raises OSError."""
    return [os.stat(path).st_mtime_ns for path in (config.certificate, config.client_ca) if path]


class Listener:
    """Every port that there is a source for; looks now and then whether that has changed."""

    def __init__(self, every: float = 5.0) -> None:
        self._every = every
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="inbound")
        self._open: dict[int, tuple[str, Port]] = {}
        self.ports: dict[str, int] = {}  # by code of the source
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Until ``stopping`` is set."""
        try:
            while not self.stopping.is_set():
                await self._follow()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), self._every)
        finally:
            for _, port in self._open.values():
                await port.close()
            self._threads.shutdown()

    async def _follow(self) -> None:
        """Open and close ports, so that they are those of the active sources."""
        try:
            sources = await asyncio.get_running_loop().run_in_executor(self._threads, _fresh, _sources)
        except (DatabaseError, InterfaceError):
            log.warning("the database is away; ports stay as they are")
            return
        wanted = {source.pk: (repr((source.config, source.profile, source.format)), source) for source in sources}
        for pk, (stated, port) in list(self._open.items()):
            if pk not in wanted or wanted[pk][0] != stated:
                await port.close()
                del self._open[pk]
            else:
                port.renew()
        for pk, (stated, source) in wanted.items():
            if pk not in self._open:
                await self._start(pk, stated, source)

    async def _start(self, pk: int, stated: str, source: InboundSource) -> None:
        config = config_of(source, MllpConfig)
        loop = asyncio.get_running_loop()

        async def store(body: bytes) -> bytes:
            return await loop.run_in_executor(self._threads, _fresh, respond, source, config, body)

        port = Port(config, store)
        try:
            self.ports[source.code] = await port.open()
        except (OSError, ValueError) as error:
            log.error("can't listen", source=source.code, host=config.host, port=config.port, error=str(error))
            return
        self._open[pk] = (stated, port)
        log.info("listening", source=source.code, host=config.host, port=self.ports[source.code])


def _sources() -> list[InboundSource]:
    return list(InboundSource.objects.select_related("system").filter(way="mllp", active=True))


def _fresh(work: Callable[..., T], *args: object) -> T:
    """Do it on a connection that is still of use: nobody else looks after those of these threads."""
    close_old_connections()
    try:
        return work(*args)
    finally:
        close_old_connections()
