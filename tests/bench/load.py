"""A load generator on raw sockets, and what processes spend: CPU per request is what two machines can agree on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psutil


@dataclass
class Run:
    requests: int = 0
    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)


class Connection:
    """One keep-alive connection. Reads just enough HTTP/1.1 for answers with a Content-Length."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def send(self, request: bytes) -> tuple[int, bytes]:
        self.socket.sendall(request)
        while (end := self.rest.find(b"\r\n\r\n")) < 0:
            self._more()
        head, self.rest = self.rest[:end].lower(), self.rest[end + 4 :]
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        while len(self.rest) < length:
            self._more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return int(head[9:12]), body

    def _more(self) -> None:
        block = self.socket.recv(1 << 18)
        if not block:
            raise ConnectionError("the server closed the connection")
        self.rest += block


def drive(port: int, make: Callable[[int, int], bytes], *, connections: int, each: int) -> Run:
    """Send ``each`` requests on every connection, one after the other; ``make(connection, number)`` gives the bytes."""
    run, lock = Run(), threading.Lock()

    def work(name: int) -> None:
        connection, statuses, times = Connection(port), {}, []
        for number in range(each):
            begin = time.perf_counter()
            status, _ = connection.send(make(name, number))
            times.append(time.perf_counter() - begin)
            statuses[status] = statuses.get(status, 0) + 1
        with lock:
            run.times += times
            for status, count in statuses.items():
                run.statuses[status] = run.statuses.get(status, 0) + count

    begin = time.perf_counter()
    threads = [threading.Thread(target=work, args=(name,)) for name in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.seconds, run.requests = time.perf_counter() - begin, connections * each
    return run


def spent(processes: Sequence[psutil.Process]) -> float:
    """CPU seconds of these processes, those that they have reaped included."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
        except psutil.NoSuchProcess:
            continue
    return total


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]
