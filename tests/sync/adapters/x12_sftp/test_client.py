"""What only a file exchange can get wrong."""

from __future__ import annotations

import time
from pathlib import Path

import asyncssh
import pytest

from sync.adapters.base import ConfigError, ErrorClass, PeerError, Receipt, State
from sync.adapters.registry import build
from sync.adapters.x12_sftp.client import X12Adapter
from sync.sandbox.launch import Sandbox
from tests.sync.adapters import factory
from tests.sync.adapters.conftest import Make, deliver

ISA = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'SUPPLY':15}*ZZ*{'CONCORD':15}*261127*1200*^*00501*000000001*0*P*>~"


def collected(adapter: X12Adapter, within: float = 5) -> list[Receipt]:
    end = time.monotonic() + within
    while not (receipts := adapter.collect()) and time.monotonic() < end:
        time.sleep(0.02)
    return receipts


@pytest.fixture
def files(sandbox: Sandbox) -> Path:
    return sandbox.directory / "supply" / "files"


def test_a_file_that_was_taken_over_is_only_sent_until_its_acknowledgement_comes(make: Make) -> None:
    adapter = make("supply")
    message = factory.message()

    (outcome,) = adapter.send(factory.rendered(adapter, message))
    (receipt,) = collected(adapter)

    assert outcome.state is State.SENT
    assert outcome.receipt.startswith("ITEM_")
    assert (receipt.key, receipt.outcome.state) == (message.key, State.ACKNOWLEDGED)


def test_receipts_that_were_not_settled_come_again(make: Make) -> None:
    first, second = make("supply"), make("supply")
    first.send(factory.rendered(first, factory.message()))

    lost = collected(first)  # this worker dies before it settles

    assert [r.key for r in collected(second)] == [r.key for r in lost]


def test_acknowledgements_are_removed_once_they_are_settled(make: Make, files: Path) -> None:
    adapter = make("supply")
    adapter.send(factory.rendered(adapter, factory.message(), factory.message("supplier")))
    seen = {r.key for r in collected(adapter)}
    while len(seen) < 2:
        seen |= {r.key for r in adapter.collect()}
    assert {r.key for r in adapter.collect()} == seen
    adapter.confirm()

    assert adapter.collect() == []
    assert list((files / "outbound").iterdir()) == []


def test_a_partner_names_its_acknowledgements_as_it_likes(make: Make, files: Path) -> None:
    adapter = make("supply", answers=["997.", ""])
    (files / "outbound" / "archive").mkdir()
    for name in ("997.0001.csv", "other.csv", "extract_1.csv", "unfinished.csv.part"):
        (files / "outbound" / name).write_text(f"key,status\n{name},accepted\n")
    assert [receipt.key for receipt in adapter.collect()] == ["997.0001.csv", "other.csv"]
    (files / "outbound" / "archive").rmdir()


def test_records_that_share_a_domain_share_a_file(make: Make, files: Path) -> None:
    adapter = make("supply", batch_size=4)
    messages = [factory.message(number=n) for n in range(1, 7)]

    outcomes = deliver(adapter, *factory.rendered(adapter, *messages))

    assert [o.state for o in outcomes] == [State.ACKNOWLEDGED] * 6
    assert len(list((files / "archive").iterdir())) == 2


def test_values_with_delimiters_travel_in_a_file_of_their_own(make: Make, files: Path) -> None:
    adapter = make("supply")
    messages = [factory.message(number=1), factory.message(number=2, description="3*4 ~ 12")]

    deliver(adapter, *factory.rendered(adapter, *messages))

    starts = {path.read_bytes()[3:4] for path in (files / "archive").iterdir()}
    assert starts == {b"*", b"\x1d"}


def test_a_catalogue_that_is_rejected_whole_rejects_each_of_its_records(make: Make, sandbox: Sandbox) -> None:
    sandbox.fault("supply", "nak")
    adapter = make("supply")
    messages = [factory.message(number=n) for n in (1, 2, 3)]

    outcomes = deliver(adapter, *factory.rendered(adapter, *messages))

    assert [o.state for o in outcomes] == [State.REJECTED] * 3
    assert outcomes[0].error_class == ErrorClass.VALIDATION
    assert "997" in outcomes[0].error


@pytest.mark.parametrize(
    ("confirms", "verdict", "state"),
    [("997", "A", State.ACKNOWLEDGED), ("824", "A", None), ("997", "R", State.REJECTED), ("824", "R", State.REJECTED)],
)
def test_a_partner_that_answers_for_whole_files_only(
    make: Make, files: Path, confirms: str, verdict: str, state: State | None
) -> None:
    """It keeps no folder of rejected files either."""
    adapter = make("supply", confirms=confirms, rejected="nowhere", answers=["fa_"])
    (outcome,) = adapter.send(factory.rendered(adapter, factory.message()))
    control = int(outcome.receipt.split("_")[1])
    text = f"{ISA}GS*FA*S*R*20261127*1200*1*X*005010~ST*997*0001~AK1*SC*{control}~AK9*{verdict}*1*1*1~SE*4*0001~"
    (files / "outbound" / "fa_1.x12").write_text(text)
    receipts = adapter.collect()
    assert [r.outcome.state for r in receipts] == ([state] if state else [])
    assert all(outcome.receipt.startswith(r.sent_as) and not r.key for r in receipts)


@pytest.mark.parametrize("kind", ["garbage", "huge"])
def test_an_unreadable_acknowledgement_is_set_aside_and_stops_nothing(
    make: Make, sandbox: Sandbox, files: Path, kind: str
) -> None:
    sandbox.fault("supply", kind)
    adapter = make("supply", max_reply=1_000_000)
    adapter.send(factory.rendered(adapter, factory.message(number=1)))
    while not list((files / "archive").iterdir()):
        time.sleep(0.02)

    assert adapter.collect() == []
    (outcome,) = deliver(adapter, *factory.rendered(adapter, factory.message(number=2)))

    assert outcome.state is State.ACKNOWLEDGED
    assert [path.suffix for path in (files / "outbound").iterdir() if "taken" not in path.suffix] == [".bad"]


def test_a_server_that_renames_over_no_file_gets_its_files_all_the_same(
    make: Make, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unsupported(*_: object) -> None:
        raise asyncssh.SFTPOpUnsupported("POSIX rename not supported")

    monkeypatch.setattr(asyncssh.SFTPClient, "posix_rename", unsupported)
    adapter = make("supply")
    for data in (b"first", b"second"):
        adapter._sftp.put("archive/same", data)  # nothing looks there
        assert (files / "archive" / "same").read_bytes() == data
    with pytest.raises(FileNotFoundError):
        adapter._sftp.move("archive/gone", "archive/same")
    assert (files / "archive" / "same").read_bytes() == b"second"
    (outcome,) = deliver(adapter, *factory.rendered(adapter, factory.message()))
    assert outcome.state is State.ACKNOWLEDGED


def test_nobody_sees_half_a_file(make: Make, sandbox: Sandbox, files: Path) -> None:
    (files / "inbound" / "ITEM_000000001_0123456789abcdef.x12.part").write_bytes(b"ISA*half")
    adapter = make("supply")

    deliver(adapter, *factory.rendered(adapter, factory.message()))

    assert len(sandbox.effects("supply")) == 1


def test_a_file_that_was_changed_on_the_way_is_rejected(make: Make, sandbox: Sandbox, files: Path) -> None:
    adapter = make("supply")
    body = adapter._catalogue(factory.rendered(adapter, factory.message()), 5)

    adapter._sftp.put("inbound/ITEM_000000005_0123456789abcdef.x12", body.replace(b"16FR", b"18FR"))
    (receipt,) = collected(adapter)

    assert receipt.outcome.state is State.REJECTED
    assert sandbox.effects("supply") == []


def test_another_host_key_than_the_pinned_one_is_refused(make: Make) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    adapter = make("supply", host_key=stranger)

    (outcome,) = adapter.send(factory.rendered(adapter, factory.message()))

    assert (outcome.state, outcome.error_class) == (State.RETRY, ErrorClass.AUTH)
    assert "host key" in outcome.error


def test_a_key_that_the_server_does_not_know_is_refused(sandbox: Sandbox) -> None:
    found = sandbox.targets["supply"]
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    adapter = build(found["adapter"], found["config"], {"SFTP_PRIVATE_KEY": key})

    with pytest.raises(PeerError, match="does not accept the key"):
        adapter.check()


def test_a_key_that_is_no_key_is_named(sandbox: Sandbox) -> None:
    found = sandbox.targets["supply"]

    with pytest.raises(ConfigError, match="SFTP_PRIVATE_KEY"):
        build(found["adapter"], found["config"], {"SFTP_PRIVATE_KEY": "nonsense"})


def test_a_folder_that_is_missing_is_named(make: Make) -> None:
    with pytest.raises(PeerError, match="nowhere"):
        make("supply", outbound="nowhere").check()
