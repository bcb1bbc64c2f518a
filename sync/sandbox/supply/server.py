"""The supply-chain counterpart: an SFTP server that works through what is put into its inbound folder."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path

import asyncssh

from sync.sandbox.faults import Faults
from sync.sandbox.store import Change, Store

from . import edi
from .fields import CONTROL, TABLES

USER = "concord"
FOLDERS = ("inbound", "outbound", "rejected", "archive")
Advice = tuple[str, str, str]  # key, own code, reason for rejecting or ""


class Supply:
    def __init__(self, store: Store, faults: Faults, directory: Path) -> None:
        self.store, self.faults = store, faults
        self._keys = directory / "keys"
        self.home = directory / "files"
        for folder in (self._keys, *(self.home / name for name in FOLDERS)):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._key("client")
        self.client_key = (self._keys / "client").read_text()
        self.host_key = self._key("host").export_public_key().decode().strip()
        self._arrived: asyncio.Queue[Path] = asyncio.Queue()
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._server: asyncssh.SSHAcceptor | None = None
        self._worker: asyncio.Task[None] | None = None

    def _key(self, name: str) -> asyncssh.SSHKey:
        path = self._keys / name
        if not path.exists():
            asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(path))
            path.chmod(0o600)
        return asyncssh.read_private_key(str(path))

    async def start(self, host: str, port: int) -> int:
        """Listen, and take up what an earlier run left in the inbound folder; returns the port."""
        allowed = asyncssh.import_authorized_keys(self._key("client").export_public_key().decode())
        self._server = await asyncssh.listen(
            host,
            port,
            server_host_keys=[self._key("host")],
            authorized_client_keys=allowed,
            server_factory=lambda: Login(self),
            sftp_factory=lambda channel: Files(channel, self),
        )
        for path in sorted((self.home / "inbound").iterdir()):
            self.arrived(path)
        self._worker = asyncio.create_task(self._work())
        return self._server.get_port()

    async def stop(self) -> None:
        if self._worker:
            self._worker.cancel()
        if self._server:
            self._server.close()
        self.drop()

    def drop(self) -> None:
        """Break every open connection."""
        for connection in list(self._connections):
            connection.abort()

    def reset(self) -> None:
        self.faults.clear()
        self.store.reset()
        for folder in FOLDERS:
            for path in (self.home / folder).iterdir():
                path.unlink(missing_ok=True)

    def joined(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connections.add(connection)

    def left(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connections.discard(connection)

    def arrived(self, path: Path) -> None:
        if path.parent.name == "inbound" and path.suffix != ".part":
            self._arrived.put_nowait(path)

    async def _work(self) -> None:
        while True:
            path = await self._arrived.get()
            if fault := self.faults.take("late", text=path.__str__):
                await asyncio.sleep(fault.delay or 2)
            try:
                self._process(path)
            except FileNotFoundError:  # the same name twice: the first one took it
                continue
            except Exception as error:  # noqa: BLE001 - one bad file must not stop the others
                self.store.log("failed", path.name, repr(error))
                path.rename(self.home / "rejected" / path.name)

    def _process(self, path: Path) -> None:
        data = path.read_bytes()
        if path.name.startswith("extract_"):
            self._extract(path, data)
            path.unlink()
        elif path.suffix == ".x12":
            self._catalogue(path, data)
        else:
            self._table(path, data)

    def _catalogue(self, path: Path, data: bytes) -> None:
        """Acknowledge before the file is moved: a crash between the two processes it again, to the same effect."""
        control = path.name.split("_")[-2]
        try:
            _check_digest(path, data)
            if self.faults.take("nak", text=lambda: path.name + data.decode(errors="replace")):
                raise ValueError("refused on demand")
            lines = edi.lines(edi.segments(data.decode()))
        except (ValueError, LookupError, StopIteration) as error:
            self.store.log("rejected", path.name, str(error))
            path.rename(self.home / "rejected" / path.name)
            self._answer(f"ack_{control}.x12", edi.acknowledgement(control, None, str(error)))
            return
        changes = (
            Change(x.key, "item", x.id, x.version, x.generation, x.active, x.replaced_by, x.codes, x.row) for x in lines
        )
        advice = self._apply(changes)
        self._answer(f"ack_{control}.x12", edi.acknowledgement(control, advice))
        path.rename(self.home / "archive" / path.name)

    def _table(self, path: Path, data: bytes) -> None:
        domain = path.name.rsplit("_", 2)[0].lower()
        _check_digest(path, data)
        rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        if self.faults.take("nak", text=lambda: path.name + data.decode()):
            advice = [(row["key"], "", "refused on demand") for row in rows]
        else:
            advice = self._apply(_change(domain, row) for row in rows)
        out = io.StringIO(newline="")
        csv.writer(out).writerows([("key", "status", "code", "message"), *_receipts(advice)])
        self._answer(f"receipt_{path.name}", out.getvalue())
        path.rename(self.home / "archive" / path.name)

    def _apply(self, changes: Iterable[Change]) -> list[Advice]:
        advice = []
        with self.store.together():
            for change in changes:
                if self.faults.take("reject", text=change.__repr__):
                    self.store.log("rejected", change.id, "rejected on demand")
                    advice.append((change.key, "", "rejected on demand"))
                    continue
                done = self.store.apply(change, forgetful=self.faults.take("forget") is not None)
                advice.append((change.key, done.code, ""))
        return advice

    def _extract(self, path: Path, data: bytes) -> None:
        wanted = list(csv.DictReader(io.StringIO(data.decode())))
        domain, ids = wanted[0]["domain"], [row["id"] for row in wanted]
        records = self.store.page(domain, limit=-1) if ids == ["*"] else self.store.named(domain, ids)
        if domain == "item":
            body = [["BCT", "RC", path.stem], *(s for r in records for s in edi.loop(r)), ["CTT", str(len(records))]]
            self._answer(f"{path.stem}.x12", edi.interchange([("SC", "832", body)], 1))
            return
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        writer.writerow([*CONTROL, *TABLES[domain]])
        for r in records:
            about = (
                "",
                r["id"],
                r["version"],
                r["generation"],
                "",
                "Y" if r["active"] else "N",
                r["replaced_by"],
                r["code"],
            )
            writer.writerow([*about, *(r["fields"].get(name, "") for name in TABLES[domain])])
        self._answer(f"{path.stem}.csv", out.getvalue())

    def _answer(self, name: str, text: str) -> None:
        if self.faults.take("garbage"):
            text = "<html>Service error</html>"
        if self.faults.take("huge"):
            text = "x" * 100_000_000
        part = self.home / "outbound" / f"{name}.part"
        part.write_bytes(text.encode())
        part.rename(part.with_suffix(""))


def _check_digest(path: Path, data: bytes) -> None:
    if hashlib.sha256(data).hexdigest()[:16] != path.stem.split("_")[-1]:
        raise ValueError("the content is not what the file's name says: SHA-256 differs")


def _change(domain: str, row: dict[str, str]) -> Change:
    version, generation, active = int(row["version"]), int(row["generation"]), row["active"] == "Y"
    fields = {name: row[name] for name in TABLES[domain]}
    replaced_by, codes = row["replaced_by"] or None, json.loads(row["codes"])
    return Change(row["key"], domain, row["id"], version, generation, active, replaced_by, codes, fields)


def _receipts(advice: list[Advice]) -> list[tuple[str, str, str, str]]:
    return [(key, "rejected" if wrong else "accepted", code, wrong) for key, code, wrong in advice]


class Login(asyncssh.SSHServer):
    """Key login of the one user; ``refuse`` breaks the connection before it."""

    def __init__(self, supply: Supply) -> None:
        self._supply = supply
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        if self._supply.faults.take("refuse"):
            conn.abort()
            return
        self._supply.joined(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection:
            self._supply.left(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return False

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return False  # only the keys in authorized_client_keys


class Files(asyncssh.SFTPServer):
    """The partner's folders, and nothing above them."""

    def __init__(self, channel: asyncssh.SSHServerChannel, supply: Supply) -> None:
        super().__init__(channel, chroot=str(supply.home).encode())
        self._supply = supply
        self._connection = channel.get_connection()

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if pflags & asyncssh.FXF_WRITE:
            await self._misbehave("hang", "429", "503", "slow", "disconnect", path=path)
        return super().open(path, pflags, attrs)

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().posix_rename(oldpath, newpath)
        await self._renamed(newpath)

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().rename(oldpath, newpath)
        await self._renamed(newpath)

    async def _renamed(self, newpath: bytes) -> None:
        arrived = Path(self._supply.home, newpath.decode().lstrip("/"))
        self._supply.arrived(arrived)
        await self._misbehave("disconnect_after", path=newpath)

    async def _misbehave(self, *kinds: str, path: bytes) -> None:
        fault = self._supply.faults.take(*kinds, text=path.decode)
        if fault is None:
            return
        self._supply.store.log("fault", path.decode(), fault.kind)
        match fault.kind:
            case "429" | "503":
                raise asyncssh.SFTPFailure("no room")
            case "hang":
                await asyncio.sleep(fault.delay or 3600)
            case "slow":
                await asyncio.sleep(fault.delay or 1)
                return
        self._connection.abort()
