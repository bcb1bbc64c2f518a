"""Files on the partner's server: asyncssh behind plain calls, one connection kept, the host key pinned."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncssh

from sync.adapters.base import ConfigError, ErrorClass, PeerError
from sync.adapters.options import Secrets
from sync.network import target_socket

from .config import X12Config

T = TypeVar("T")
RESTED = 0.1  # seconds
GOODBYE = 2.0  # seconds that a peer has to close the connection from its side
logging.getLogger("asyncssh").setLevel(logging.WARNING)  # it logs every channel at INFO


class Busy(Exception):
    """The server is up but would not do it: no room, no permission."""


class TooLarge(PeerError):
    """A file is larger than any answer should be."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder; ``modified`` in seconds since 1970."""

    name: str
    size: int
    modified: int
    is_file: bool


class Sftp:
    """Every call raises PeerError when the server is away, Busy when it refuses."""

    def __init__(self, config: X12Config, secrets: Secrets) -> None:
        self._config = config
        self._options = _options(config, secrets)
        self._runner: asyncio.Runner | None = None
        self._ssh: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None
        self._used = 0.0  # when, on the monotonic clock

    def put(self, path: str, data: bytes) -> None:
        """Write ``path.part``, then rename, so that nobody picks up half a file."""
        self._run(lambda sftp: self._put(sftp, path, data), applies=True)

    def get(self, path: str) -> bytes:
        """The file. Raises FileNotFoundError; PeerError when it is larger than ``max_reply``."""
        return self._run(lambda sftp: self._get(sftp, path))

    def names(self, folder: str) -> list[str]:
        async def names(sftp: asyncssh.SFTPClient) -> list[str]:
            return [str(name) for name in await sftp.listdir(folder)]

        return sorted(self._run(names))

    def entries(self, folder: str) -> list[Entry]:
        """What a folder holds. Raises FileNotFoundError."""

        async def entries(sftp: asyncssh.SFTPClient) -> list[Entry]:
            found = [name async for name in sftp.scandir(folder)]
            return [_entry(name) for name in found]

        return self._run(entries)

    def make_folder(self, path: str) -> None:
        """Make it unless it is there."""
        self._run(lambda sftp: sftp.makedirs(path, exist_ok=True))

    def remove(self, paths: Iterable[str]) -> None:
        """Those that are still there."""

        async def remove(sftp: asyncssh.SFTPClient) -> None:
            for path in paths:
                try:
                    await sftp.remove(path)
                except asyncssh.SFTPNoSuchFile:
                    continue

        self._run(remove)

    def move(self, old: str, new: str) -> None:
        self._run(lambda sftp: _rename(sftp, old, new))

    async def _put(self, sftp: asyncssh.SFTPClient, path: str, data: bytes) -> None:
        async with sftp.open(f"{path}.part", "wb") as file:
            await file.write(data)
        await _rename(sftp, f"{path}.part", path)

    async def _get(self, sftp: asyncssh.SFTPClient, path: str) -> bytes:
        async with sftp.open(path, "rb") as file:
            data: bytes = await file.read(self._config.max_reply + 1)
        if len(data) > self._config.max_reply:
            raise TooLarge(f"{path} is larger than {self._config.max_reply} bytes.", ErrorClass.PROTOCOL)
        return data

    def _run(self, work: Callable[[asyncssh.SFTPClient], Coroutine[Any, Any, T]], *, applies: bool = False) -> T:
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(self._guarded(work, applies))

    async def _guarded(self, work: Callable[[asyncssh.SFTPClient], Coroutine[Any, Any, T]], applies: bool) -> T:
        sftp = await self._open()
        try:
            async with asyncio.timeout(self._config.timeout):
                result = await work(sftp)
                self._used = time.monotonic()
                return result
        except asyncssh.SFTPNoSuchFile as error:
            raise FileNotFoundError(str(error)) from error
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError, OSError) as error:
            self._forget()
            raise PeerError(f"The connection broke: {error}", *_kind(error), maybe_applied=applies) from error
        except asyncssh.SFTPError as error:
            raise Busy(f"The server refused: {error.reason}") from error

    async def _open(self) -> asyncssh.SFTPClient:
        if self._client is not None and await self._alive(self._client):
            return self._client
        self._forget()
        try:
            async with asyncio.timeout(self._config.timeout):
                self._ssh = await asyncssh.connect(sock=self._socket(), **self._options)
                self._client = await self._ssh.start_sftp_client()
        except asyncssh.HostKeyNotVerifiable as error:
            text = "The server shows another host key than the pinned one; ask its owner before you change host_key."
            raise PeerError(text, ErrorClass.AUTH) from error
        except asyncssh.PermissionDenied as error:
            raise PeerError(f"The server does not accept the key: {error.reason}", ErrorClass.AUTH) from error
        except (asyncssh.Error, OSError) as error:
            raise PeerError(f"No connection: {error or 'no answer'}", *_kind(error)) from error
        return self._client

    def _socket(self) -> socket.socket:
        opened = target_socket(self._config.host, self._config.port, self._config.timeout)
        opened.setblocking(False)
        return opened

    async def _alive(self, sftp: asyncssh.SFTPClient) -> bool:
        """Nobody listens to the connection between calls, so one that rested is asked before it is trusted."""
        if time.monotonic() - self._used < RESTED:
            return True
        try:
            async with asyncio.timeout(self._config.timeout):
                await sftp.realpath(".")
        except (asyncssh.Error, OSError):
            return False
        return True

    def _forget(self) -> None:
        if self._ssh is not None:
            self._ssh.abort()
        self._ssh = self._client = None

    def close(self) -> None:
        if self._runner is not None:
            self._runner.run(self._goodbye())
            self._runner.close()
            self._runner = None

    async def _goodbye(self) -> None:
        if self._ssh is not None:
            self._ssh.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE):
                    await self._ssh.wait_closed()
        self._forget()


async def _rename(sftp: asyncssh.SFTPClient, old: str, new: str) -> None:
    """Over a file that is there, in one step; servers without OpenSSH's extension for that need two."""
    try:
        await sftp.posix_rename(old, new)
    except asyncssh.SFTPOpUnsupported:
        await sftp.stat(old)  # before anything is removed for a file that is not there
        with contextlib.suppress(asyncssh.SFTPNoSuchFile):
            await sftp.remove(new)
        await sftp.rename(old, new)


def _entry(name: asyncssh.SFTPName) -> Entry:
    is_file = name.attrs.type in (asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN)
    return Entry(str(name.filename), name.attrs.size or 0, int(name.attrs.mtime or 0), is_file)


def _options(config: X12Config, secrets: Secrets) -> dict[str, Any]:
    try:
        pinned = asyncssh.import_public_key(config.host_key)
        key = asyncssh.import_private_key(secrets.get(config.private_key))
    except asyncssh.KeyImportError as error:
        raise ConfigError(f"host_key or the secret {config.private_key} is not a key: {error}") from error
    return {
        "host": config.host,
        "username": config.username,
        "client_keys": [key],
        "known_hosts": ([pinned], [], []),
        "config": None,
        "agent_path": None,
        "login_timeout": config.timeout,
    }


def _kind(error: BaseException) -> tuple[ErrorClass]:
    return (ErrorClass.TIMEOUT if isinstance(error, TimeoutError) else ErrorClass.CONNECTION,)
