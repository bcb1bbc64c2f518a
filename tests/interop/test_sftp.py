"""Files to and from OpenSSH's own server; what came about is read from its folders on the disk."""

from __future__ import annotations

import csv
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from mdm.models import User
from sync import outbox, reconcile, targets, wakeups
from sync.adapters.base import Adapter, ErrorClass, Kind, Outcome, PeerError, State
from sync.adapters.registry import build
from sync.inbound import fetching, sftp, taking
from sync.models import InboundMessage, InboundSource, Lane
from sync.sandbox.faults import Faults
from sync.sandbox.store import Store
from sync.sandbox.supply.fields import NUMBERING
from sync.sandbox.supply.server import FOLDERS, Supply
from tests.faults.proxy import Proxy
from tests.interop import sshd
from tests.interop.sshd import Sshd
from tests.mdm import kit as hospital
from tests.sync import kit as core
from tests.sync.adapters import factory
from tests.sync.inbound.messages import catalogue, source

UNSURE = (State.RETRY, State.UNKNOWN)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = sshd.made(tmp_path_factory.mktemp("keys"), tmp_path_factory.mktemp("home"))
    with server.running():
        yield server


@pytest.fixture
def folder(server: Sshd, request: pytest.FixtureRequest) -> Path:
    """A folder of the test's own on the server, with those that a partner has."""
    made = server.home / re.sub(r"\W", "_", request.node.name)
    for name in FOLDERS:
        (made / name).mkdir(parents=True)
    return made


Connect = Callable[..., Adapter]


@pytest.fixture
def connect(server: Sshd, folder: Path) -> Iterator[Connect]:
    made: list[Adapter] = []

    def connect(key: str = "", **settings: Any) -> Adapter:
        made.append(build("x12_sftp", config_of(server, folder, **settings), {"K": key or server.secret}))
        return made[-1]

    yield connect
    for adapter in made:
        adapter.close()


def config_of(server: Sshd, folder: Path, **settings: Any) -> dict[str, Any]:
    folders = {name: f"{folder.name}/{name}" for name in ("inbound", "outbound", "rejected")}
    return server.config(private_key="K", timeout=10, **folders) | settings


def send(adapter: Adapter, *messages: Any) -> list[Outcome]:
    return adapter.send(factory.rendered(adapter, *messages))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


# --------------------------------------------------------------------------------------------------------- our target
def test_what_is_created_updated_merged_and_retired_lies_there_whole(connect: Connect, folder: Path) -> None:
    adapter = connect()
    assert "lets us in" in adapter.check()
    kinds = {
        1: {"name": "First"}, 2: {"name": "Größe ✓"},
        3: {"kind": Kind.MERGE, "merged_into": "MDM-SU-000002"}, 4: {"kind": Kind.UNMERGE}, 5: {"kind": Kind.RETIRE},
    }  # fmt: skip
    for version, change in kinds.items():
        (outcome,) = send(adapter, factory.message("supplier", version=version, **change))
        assert (outcome.state, outcome.receipt in names(folder / "inbound")) == (State.SENT, True)
    there = sorted((row for path in (folder / "inbound").iterdir() for row in rows(path)), key=lambda r: r["version"])
    assert [(row["action"], row["active"], row["replaced_by"]) for row in there] == [
        ("upsert", "Y", ""), ("upsert", "Y", ""), ("merge", "N", "MDM-SU-000002"), ("unmerge", "Y", ""),
        ("retire", "N", ""),
    ]  # fmt: skip
    assert [row["vendor_name"] for row in there[:2]] == ["First", "Größe ✓"]
    for path in (folder / "inbound").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest()[:16] in path.name


def test_of_an_upload_that_is_cut_nothing_is_visible_and_the_next_one_is_whole(
    server: Sshd, connect: Connect, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = asyncssh.SFTPClientFile.write

    async def half(self: Any, data: bytes) -> int:
        await write(self, data[: len(data) // 2])
        proxy.drop()
        return await write(self, data)

    message = factory.message("item", long_description="x" * 3000)
    with Proxy("127.0.0.1", server.port) as proxy:
        adapter = connect(port=proxy.port)
        with monkeypatch.context() as patch:
            patch.setattr(asyncssh.SFTPClientFile, "write", half)
            (cut,) = send(adapter, message)
        assert (cut.state, cut.connection) == (State.UNKNOWN, True)
        (left,) = (folder / "inbound").iterdir()
        assert (left.suffix, left.stat().st_size > 0) == (".part", True)
        (sent,) = send(adapter, message)
    assert (sent.state, names(folder / "inbound")) == (State.SENT, [sent.receipt])
    text = (folder / "inbound" / sent.receipt).read_text()
    assert (text[:3], re.findall(r"(IEA\*1\*\d{9}~)\n$", text) != []) == ("ISA", True)


def test_the_same_records_again_are_the_same_file_whatever_lies_there_under_its_name(
    connect: Connect, folder: Path
) -> None:
    adapter = connect()
    (first,) = send(adapter, factory.message("supplier"))
    path = folder / "inbound" / first.receipt
    whole = path.read_bytes()
    path.write_bytes(b"somebody else's")
    (again,) = send(adapter, factory.message("supplier"))
    assert (again.receipt, names(folder / "inbound"), path.read_bytes()) == (first.receipt, [first.receipt], whole)


def test_a_server_with_another_host_key_is_sent_nothing(tmp_path: Path) -> None:
    server = sshd.made(tmp_path, tmp_path / "home")
    folder = server.home / "partner"
    (folder / "inbound").mkdir(parents=True)
    adapter = build("x12_sftp", config_of(server, folder), {"K": server.secret})
    with server.running():
        assert send(adapter, factory.message("supplier"))[0].state is State.SENT
        adapter.close()
    with server.running("other"):
        (refused,) = send(adapter, factory.message("supplier", 2))
        assert (refused.state, refused.error_class, refused.connection) == (State.RETRY, ErrorClass.AUTH, True)
        assert "another host key than the pinned one" in refused.error
        assert len(names(folder / "inbound")) == 1
    with server.running():
        assert send(adapter, factory.message("supplier", 2))[0].state is State.SENT
    adapter.close()


def test_a_key_that_is_not_accepted_is_told(server: Sshd, connect: Connect, folder: Path) -> None:
    (refused,) = send(connect((server.keys / "other").read_text()), factory.message("supplier"))
    assert (refused.state, refused.error_class, names(folder / "inbound")) == (State.RETRY, ErrorClass.AUTH, [])


def test_what_the_server_refuses_waits_until_it_can_be_written(connect: Connect, folder: Path) -> None:
    (folder / "inbound").rmdir()
    adapter = connect()
    (refused,) = send(adapter, factory.message("supplier"))
    assert (refused.state, refused.error_class, refused.connection) == (State.RETRY, ErrorClass.BUSY, False)
    with pytest.raises(PeerError, match="inbound"):
        adapter.check()
    (folder / "inbound").mkdir()
    assert send(adapter, factory.message("supplier"))[0].state is State.SENT


def test_a_connection_that_broke_meanwhile_and_a_server_that_was_away_are_made_up_for(
    server: Sshd, connect: Connect, folder: Path
) -> None:
    with Proxy("127.0.0.1", server.port) as proxy:
        adapter = connect(port=proxy.port)
        send(adapter, factory.message("supplier", 1))
        proxy.refuse()
        (away,) = send(adapter, factory.message("supplier", 2))
        proxy.listen()
        (back,) = send(adapter, factory.message("supplier", 2))
    assert (away.state in UNSURE, away.connection, back.state) == (True, True, State.SENT)
    assert len(names(folder / "inbound")) == 2


def test_acknowledgements_come_again_until_they_are_settled_and_are_then_removed(
    connect: Connect, folder: Path
) -> None:
    left = folder / "outbound"
    (left / "receipt_1.csv").write_text("key,status,code,message\nK1,accepted,V-1,\nK2,rejected,,No such parent\n")
    (left / "ack_000000001.x12").write_bytes(b"not X12 at all")
    (left / "receipt_2.csv.part").write_text("key,sta")
    dying, other = connect(), connect()
    told = [{r.key: (r.outcome.state, r.outcome.target_code) for r in one.collect()} for one in (dying, other)]
    assert told == [{"K1": (State.ACKNOWLEDGED, "V-1"), "K2": (State.REJECTED, "")}] * 2
    other.confirm()
    assert other.collect() == []
    assert [Path(name).suffix for name in names(left)] == [".bad", ".part"]


class Partner:
    """The sandbox's back office, at work on the folders of OpenSSH's server."""

    def __init__(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "files").symlink_to(folder)
        self.store = Store(tmp_path / "supply.sqlite3", NUMBERING)
        self._supply = Supply(self.store, Faults(), tmp_path)

    def works(self) -> None:
        for path in sorted((self._supply.home / "inbound").iterdir()):
            if path.suffix != ".part":
                self._supply._process(path)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Meanwhile it looks for files again and again."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.02):
                self.works()

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()


def test_the_outbox_settles_what_the_partner_acknowledges_and_reconciling_finds_what_it_changed(
    server: Sshd, folder: Path, tmp_path: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "wake", lambda target_id: True)
    partner = Partner(folder, tmp_path)
    target = core.make_target("acme", adapter="x12_sftp", config=config_of(server, folder), pace=0.001)
    target.secrets = {"K": server.secret}
    target.save()
    supplier, twin, item = core.create(name="Acme"), core.create(name="Twin"), core.create("item", "CATHETER")
    adapter = targets.adapter_of(target)

    def settled() -> list[tuple[int | None, str]]:
        for _ in range(2):  # who is merged waits until its survivor is acknowledged
            core.deliver(target)
            partner.works()
            outbox.collect(target, adapter)
            core.make_due(target)
        return list(Lane.objects.filter(target=target).order_by("pk").values_list("acked", "error"))

    assert settled() == [(1, "")] * 3
    core.update(supplier, name="Acme Inc")
    core.merge(twin, supplier)
    assert settled() == [(3, ""), (2, ""), (1, "")]
    held = {row["id"]: (row["fields"]["vendor_name"], bool(row["active"])) for row in partner.store.page("supplier")}
    assert held == {supplier.public_id: ("Acme Inc", True), twin.public_id: ("Twin", False)}
    assert item.public_id in {row["id"] for row in partner.store.page("item")}
    with partner.at_work():
        assert not reconcile.compare(target, actor=User.objects.system()).drifts.exists()
        partner.store.edit("supplier", supplier.public_id, {"vendor_name": "Typed by hand"})
        drift = reconcile.compare(target, actor=User.objects.system()).drifts.get()
    assert (drift.public_id, drift.fields) == (supplier.public_id, {"name": ["Acme Inc", "Typed by hand"]})
    assert names(folder / "outbound") == []


# --------------------------------------------------------------------------------------------------- what we pick up
@pytest.fixture
def vendor(server: Sshd, folder: Path, db: None) -> Callable[..., InboundSource]:
    def vendor(**config: Any) -> InboundSource:
        stated = server.config(folder=folder.name, quiet=0, timeout=10) | config
        return source("acme", way="sftp", format="x12", config=stated, secrets={"private_key": server.secret})

    return vendor


def taken(folder: Path) -> list[str]:
    """The names under which what was taken had come."""
    return [name.partition("-")[2] for name in names(folder / "done")] if (folder / "done").exists() else []


def test_a_catalogue_is_picked_up_once_it_is_whole_answered_and_becomes_golden_records(vendor, folder):
    acme = vendor(quiet=30)
    (folder / "prices.x12").write_bytes(catalogue()[:300])
    (folder / "unfinished.x12.part").write_bytes(catalogue())
    assert sftp.pick_up(acme).waiting == ["prices.x12"]
    (folder / "prices.x12").write_bytes(catalogue())
    assert sftp.pick_up(acme).waiting == ["prices.x12"], "it has grown meanwhile"
    size, modified, since = acme.progress["files"]["prices.x12"]
    acme.progress = {"files": {"prices.x12": [size, modified, since - 60]}}  # a minute later
    assert sftp.pick_up(acme).done == ["prices.x12"]
    (ack,) = (folder / "acks").iterdir()
    assert ("AK9*A*1*1*1" in ack.read_text(), ack.suffix, taken(folder)) == (True, ".x12", ["prices.x12"])
    taking.take(acme)
    assert hospital.golden("acme", "ACM-0165").name.startswith("CATHETER FOLEY 16FR")


def test_a_second_file_of_the_same_name_is_another_one_and_the_same_content_is_taken_once(vendor, folder):
    acme, later = vendor(), catalogue().replace(b"000000905", b"000000906").replace(b"120.00", b"125.00")
    for body in (catalogue(), later, later):
        (folder / "prices.x12").write_bytes(body)
        assert sftp.pick_up(acme).done == ["prices.x12"]
    assert InboundMessage.objects.count() == 2
    assert taken(folder) == ["prices.x12"] * 3
    assert {path.read_bytes() for path in (folder / "done").iterdir()} == {catalogue(), later}


def test_a_connection_that_breaks_while_a_file_is_read_loses_and_repeats_nothing(server, vendor, folder, monkeypatch):
    read = asyncssh.SFTPClientFile.read

    async def cut(self: Any, *args: Any) -> bytes:
        proxy.drop()
        return await read(self, *args)

    (folder / "prices.x12").write_bytes(catalogue())
    with Proxy("127.0.0.1", server.port) as proxy:
        acme = vendor(port=proxy.port)
        with monkeypatch.context() as patch:
            patch.setattr(asyncssh.SFTPClientFile, "read", cut)
            assert "The connection broke" in fetching.fetch(acme.pk)
        assert (InboundMessage.objects.count(), len(names(folder / "working"))) == (0, 1)
        assert sftp.pick_up(acme).done == ["prices.x12"]
    assert (InboundMessage.objects.count(), taken(folder)) == (1, ["prices.x12"])


def test_from_a_server_with_another_host_key_nothing_is_taken(server, vendor, folder):
    (folder / "prices.x12").write_bytes(catalogue())
    acme = vendor(host_key=(server.keys / "other.pub").read_text().strip())
    assert "another host key than the pinned one" in fetching.fetch(acme.pk)
    acme.refresh_from_db()
    assert "another host key" in acme.error
    assert (folder / "prices.x12").exists()
    assert sftp.pick_up(vendor()).done == ["prices.x12"]
