"""A TCP proxy that breaks what passes through it: for one connection after another, as a list of manners says.

A manner is one word, with a number where it takes one (``drip 0.05``). It is used up by a connection over which
something is asked; ``fine`` is what comes after the last one. The proxy runs an event loop in a thread of its own.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

CHUNK = 65_536
HUGE = 100_000_000
MANNERS = {
    "fine": "pass everything on",
    "refuse": "nobody listens",
    "reset before": "break when the question comes, before anybody saw it",
    "reset after": "break when the answer comes, instead of passing it on",
    "black hole": "take everything, pass nothing on, say nothing",
    "drip": "pass the answer on byte by byte, so many seconds apart",
    "split": "pass everything on byte by byte",
    "joined": "hold answers back until so many bytes are together",
    "cut": "pass so many bytes of the answer on, then close (FIN)",
    "half-close": "end our side of the connection (FIN) when the question comes, and pass nothing back",
    "late": "pass the answer on so many seconds later",
    "huge": "answer without end",
    "say": "answer the bytes of ``saying`` in place of the counterpart, which hears nothing",
    "change": "pass answers on as ``changing`` makes them",
}


class Proxy:
    """``with Proxy("127.0.0.1", port) as proxy: … proxy.port … proxy.manners.extend(["reset before"])``"""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self.port = 0
        self.connections = 0
        self.manners: deque[str] = deque()
        self.saying = b""
        self.changing: Callable[[bytes], bytes] = bytes
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Proxy:
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def refuse(self) -> None:
        """Break every connection and stop listening."""
        self._do(self._stop())

    def listen(self) -> None:
        self._do(self._start())

    def drop(self) -> None:
        """Break every connection."""
        self._do(self._drop())

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        """Nobody listens any more, and every connection breaks."""
        if self._server:
            self._server.close()
        self._server = None
        await self._drop()

    async def _end(self) -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    async def _drop(self) -> None:
        for writer in list(self._open):
            _reset(writer)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        behind: list[asyncio.StreamWriter] = []
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._connection(reader, writer, behind)
        finally:
            self._open.discard(writer)
            for one in (writer, *behind):
                one.close()

    async def _connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behind: list[asyncio.StreamWriter]
    ) -> None:
        theirs, there = await asyncio.open_connection(*self._to)
        behind.append(there)
        manner = Manner(self, writer)
        await asyncio.gather(manner.questions(reader, there), manner.answers(theirs))


class Manner:
    """How one connection is treated. It is chosen when the client's first bytes come."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter) -> None:
        self._proxy, self._client = proxy, client
        self._word, self._number = "", 0.0

    def _choose(self) -> None:
        if not self._word:
            manners = self._proxy.manners
            name, _, number = (manners.popleft() if manners else "fine").rpartition(" ")
            self._word, self._number = (name, float(number)) if _number(number) else (f"{name} {number}".strip(), 0.0)
            if self._word not in MANNERS:
                raise ValueError(f"Unknown manner {self._word}; known are {', '.join(MANNERS)}.")

    async def questions(self, reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            self._choose()
            match self._word:
                case "reset before":
                    _reset(self._client)
                    raise ConnectionResetError
                case "black hole":
                    continue
                case "say" | "huge":
                    await self._speak()
                    continue
                case "half-close":
                    self._client.write_eof()
            for piece in _pieces(data, 1 if self._word == "split" else CHUNK):
                there.write(piece)
                await there.drain()
        there.close()

    async def _speak(self) -> None:
        if self._word == "say":
            self._client.write(self._proxy.saying)
            return
        for _ in range(HUGE // CHUNK):
            self._client.write(b"x" * CHUNK)
            await self._client.drain()

    async def answers(self, theirs: asyncio.StreamReader) -> None:
        held = b""
        while data := await theirs.read(CHUNK):
            match self._word:
                case "half-close" | "black hole" | "say" | "huge":
                    continue
                case "reset after":
                    _reset(self._client)
                    raise ConnectionResetError
                case "cut":
                    self._client.write(data[: int(self._number)])
                    self._client.close()
                    return
                case "joined":
                    held += data
                    if len(held) < self._number:
                        continue
                    data, held = held, b""
                case "late":
                    await asyncio.sleep(self._number)
                case "change":
                    data = self._proxy.changing(data)
            await self._pass_on(data)
        self._client.close()

    async def _pass_on(self, data: bytes) -> None:
        for piece in _pieces(data, 1 if self._word in ("drip", "split") else CHUNK):
            self._client.write(piece)
            await self._client.drain()
            if self._word == "drip":
                await asyncio.sleep(self._number)


def _number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN."""
    with suppress(OSError):  # it is closed already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
