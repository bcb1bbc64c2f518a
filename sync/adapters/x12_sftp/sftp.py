"""Files on the partner's server: asyncssh behind plain calls, one connection kept, the host key pinned."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import asyncssh

from sync.adapters.base import ConfigError, ErrorClass, PeerError
from sync.adapters.options import Secrets

from .config import X12Config

T = TypeVar("T")
logging.getLogger("asyncssh").setLevel(logging.WARNING)  # it logs every channel at INFO


class Busy(Exception):
    """The server is up but would not do it: no room, no permission."""


class Sftp:
    """Every call raises PeerError when the server is away, Busy when it refuses."""

    def __init__(self, config: X12Config, secrets: Secrets) -> None:
        self._config = config
        self._secrets = secrets
        self._runner: asyncio.Runner | None = None
        self._ssh: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

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
        self._run(lambda sftp: sftp.posix_rename(old, new))

    async def _put(self, sftp: asyncssh.SFTPClient, path: str, data: bytes) -> None:
        async with sftp.open(f"{path}.part", "wb") as file:
            await file.write(data)
        await sftp.posix_rename(f"{path}.part", path)

    async def _get(self, sftp: asyncssh.SFTPClient, path: str) -> bytes:
        async with sftp.open(path, "rb") as file:
            data: bytes = await file.read(self._config.max_reply + 1)
        if len(data) > self._config.max_reply:
            raise PeerError(f"{path} is larger than {self._config.max_reply} bytes.", ErrorClass.PROTOCOL)
        return data

    def _run(self, work: Callable[[asyncssh.SFTPClient], Coroutine[Any, Any, T]], *, applies: bool = False) -> T:
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(self._guarded(work, applies))

    async def _guarded(self, work: Callable[[asyncssh.SFTPClient], Coroutine[Any, Any, T]], applies: bool) -> T:
        sftp = await self._open()
        try:
            async with asyncio.timeout(self._config.timeout):
                return await work(sftp)
        except asyncssh.SFTPNoSuchFile as error:
            raise FileNotFoundError(str(error)) from error
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError, OSError) as error:
            self._forget()
            raise PeerError(f"The connection broke: {error}", *_kind(error), maybe_applied=applies) from error
        except asyncssh.SFTPError as error:
            raise Busy(f"The server refused: {error.reason}") from error

    async def _open(self) -> asyncssh.SFTPClient:
        if self._client is not None and self._ssh is not None and not self._ssh.is_closed():
            return self._client
        self._forget()
        try:
            async with asyncio.timeout(self._config.timeout):
                self._ssh = await asyncssh.connect(**self._options())
                self._client = await self._ssh.start_sftp_client()
        except asyncssh.HostKeyNotVerifiable as error:
            text = "The server shows another host key than the pinned one; ask its owner before you change host_key."
            raise PeerError(text, ErrorClass.AUTH) from error
        except asyncssh.PermissionDenied as error:
            raise PeerError(f"The server does not accept the key: {error.reason}", ErrorClass.AUTH) from error
        except (asyncssh.Error, OSError) as error:
            raise PeerError(f"No connection: {error or 'no answer'}", *_kind(error)) from error
        return self._client

    def _options(self) -> dict[str, Any]:
        try:
            pinned = asyncssh.import_public_key(self._config.host_key)
            key = asyncssh.import_private_key(self._secrets.get(self._config.private_key))
        except asyncssh.KeyImportError as error:
            raise ConfigError(f"host_key or the secret {self._config.private_key} is not a key: {error}") from error
        return {
            "host": self._config.host,
            "port": self._config.port,
            "username": self._config.username,
            "client_keys": [key],
            "known_hosts": ([pinned], [], []),
            "config": None,
            "agent_path": None,
            "login_timeout": self._config.timeout,
        }

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
            await self._ssh.wait_closed()
        self._ssh = self._client = None


def _kind(error: BaseException) -> tuple[ErrorClass]:
    return (ErrorClass.TIMEOUT if isinstance(error, TimeoutError) else ErrorClass.CONNECTION,)
