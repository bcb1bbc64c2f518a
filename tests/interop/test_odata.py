"""Concord keeps SAP's own CAP in step over OData v2; what it holds is read from CAP itself, in OData v4."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mdm.models import User
from sync import reconcile, wakeups
from sync.adapters.base import Adapter, ErrorClass, Kind, Outcome, Rendered, State
from sync.adapters.odata_v2.mapping import number
from sync.adapters.registry import build
from sync.models import Lane
from tests.interop import kit
from tests.sync import kit as core
from tests.sync.adapters import factory

HERE = Path(__file__).parent
PACKAGES = ("@sap/cds@9.9.3", "@cap-js/sqlite@2.4.2", "@cap-js-community/odata-v2-adapter@1.15.10", "express@4.22.1",
            "jose@6.2.3")  # fmt: skip
USER = ("concord", "secret")
SETS = {"supplier": "API_BUSINESS_PARTNER/A_BusinessPartner", "item": "API_PRODUCT_SRV/A_Product"}
NAME = {"supplier": "OrganizationBPName1", "item": "ProductManufacturerNumber"}
INACTIVE = {"supplier": "BusinessPartnerIsBlocked", "item": "IsMarkedForDeletion"}
VERSION = {"supplier": "YY1_MDMVersion_bus", "item": "YY1_MDMVersion_PRD"}
OURS = {"supplier": "name", "item": "catalogue_number"}
each_domain = pytest.mark.parametrize("domain", SETS)


class Cap:
    """The counterpart, seen by its administrator and by somebody at its screens."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._http = httpx.Client(base_url=self.url, auth=USER, trust_env=False)

    def one(self, domain: str, record: str, expand: str = "") -> dict[str, Any]:
        found: dict[str, Any] = self._asked("GET", domain, record, params={"$expand": expand} if expand else {}).json()
        return found

    def has(self, domain: str, record: str) -> bool:
        return self._http.get(self._path(domain, record)).status_code == 200

    def edit(self, domain: str, record: str, **values: Any) -> None:
        etag = self.one(domain, record)["@odata.etag"]
        self._asked("PATCH", domain, record, json=values, headers={"If-Match": etag})

    def gateway(self, **orders: Any) -> None:
        """``trouble``: what befalls the posts to come; ``locked``, ``released``: numbers; ``ended``: every session."""
        self._http.post("/gateway", json=orders).raise_for_status()

    def _asked(self, method: str, domain: str, record: str, **request: Any) -> httpx.Response:
        return self._http.request(method, self._path(domain, record), **request).raise_for_status()

    def _path(self, domain: str, record: str) -> str:
        return f"/{SETS[domain]}('{number(domain, record)}')"


def serve(port: int, issuer: str = "") -> Any:
    """CAP on a port, with its database in memory: a process to be entered. With an issuer it wants its tokens."""
    folder = kit.node_folder("cap", *PACKAGES)
    shutil.copytree(HERE / "cap", folder / "srv", dirs_exist_ok=True)
    basic = {"kind": "basic", "users": {USER[0]: {"password": USER[1]}}}
    database = {"kind": "sqlite", "credentials": {"url": ":memory:"}}
    config = {"requires": {"db": database, "auth": {"kind": "dummy"} if issuer else basic}, "cov2ap": {"plugin": False}}
    env = {"PORT": str(port), "CDS_CONFIG": json.dumps(config), "ISSUER": issuer}
    return kit.serving(["node", "node_modules/.bin/cds-serve", "all"], port=port, cwd=folder, env=env)


@pytest.fixture(scope="module")
def cap() -> Iterator[Cap]:
    port = kit.free_port()
    with serve(port):
        yield Cap(port)


def config_of(url: str) -> dict[str, Any]:
    return {"base_url": f"{url}/odata/v2", "username": USER[0], "password": "PW", "timeout": 20}


@pytest.fixture
def adapter(cap: Cap) -> Iterator[Adapter]:
    made = connect(cap.url)
    yield made
    made.close()


def connect(url: str, password: str = USER[1]) -> Adapter:
    return build("odata_v2", config_of(url), {"PW": password})


def send(adapter: Adapter, *messages: Any) -> list[Outcome]:
    return adapter.send(factory.rendered(adapter, *messages))


def states(outcomes: list[Outcome]) -> list[State]:
    return [outcome.state for outcome in outcomes]


@each_domain
def test_records_are_created_updated_and_read_back(cap: Cap, adapter: Adapter, domain: str) -> None:
    first = [factory.message(domain, n) for n in (1, 2)]
    bare = factory.empty(domain, 2, version=2, **{OURS[domain]: "Bare"})
    created, again, updated = send(adapter, *first), send(adapter, *first), send(adapter, bare)

    assert [(o.state, o.receipt) for o in created + again + updated] == [
        (State.ACKNOWLEDGED, said) for said in ("created", "created", "held", "held", "updated")
    ]
    held = {record.id: record for record in adapter.read(domain, [message.record for message in first])}
    assert {name: (one.version, one.values) for name, one in held.items()} == {
        message.record: (message.version, adapter.expected(message)) for message in (first[0], bare)
    }
    there = cap.one(domain, bare.record)
    assert (there[NAME[domain]], there[VERSION[domain]]) == ("Bare", "2.0")


def test_a_supplier_has_its_children_in_place_and_those_of_others_are_left_alone(cap: Cap, adapter: Adapter) -> None:
    message = factory.message("supplier", 10)
    children = "to_BuPaIdentification,to_BusinessPartnerTax,to_BusinessPartnerRole,to_BusinessPartnerAddress"
    send(adapter, message)
    before = cap.one("supplier", message.record, children)
    theirs = {"BPIdentificationType": "BUP002", "BPIdentificationNumber": "HRB 1"}
    cap.edit("supplier", message.record, to_BuPaIdentification=[*before["to_BuPaIdentification"], theirs])
    ordering, remit = factory.ATTRIBUTES["supplier"]["addresses"]
    send(adapter, factory.message("supplier", 10, version=2, duns=None, addresses=[{**ordering, "line1": "2 Main St"},
                                                                                   remit]))  # fmt: skip
    after = cap.one("supplier", message.record, children)

    def addresses(partner: dict[str, Any]) -> dict[str, str]:
        return {row["AddressID"]: row["StreetName"] for row in partner["to_BusinessPartnerAddress"]}

    assert addresses(after).keys() == addresses(before).keys()
    assert set(addresses(after).values()) == {"2 Main St", "PO Box 7"}
    numbers = {row["BPIdentificationNumber"] for row in after["to_BuPaIdentification"]}
    assert ("HRB 1" in numbers, "150483782" in numbers) == (True, False)
    assert [row["BPTaxNumber"] for row in after["to_BusinessPartnerTax"]] == ["12-3456789"]
    assert [row["BusinessPartnerRole"] for row in after["to_BusinessPartnerRole"]] == ["FLVN01"]


@each_domain
def test_what_is_merged_or_retired_is_inactive_until_it_comes_back(cap: Cap, adapter: Adapter, domain: str) -> None:
    survivor, loser = factory.message(domain, 20), factory.message(domain, 21)
    send(adapter, survivor, loser)
    send(adapter, factory.message(domain, 21, version=2, kind=Kind.MERGE, merged_into=survivor.record))
    gone = cap.one(domain, loser.record)
    assert (gone[INACTIVE[domain]], gone[VERSION[domain]]) == (True, f"2.0 replaced by {survivor.record}")

    send(adapter, factory.message(domain, 21, version=3, kind=Kind.UNMERGE))
    back = cap.one(domain, loser.record)
    assert (back[INACTIVE[domain]], back[VERSION[domain]]) == (False, "3.0")

    send(adapter, factory.message(domain, 21, version=4, kind=Kind.RETIRE))
    (record,) = adapter.read(domain, [loser.record])
    assert (cap.one(domain, loser.record)[INACTIVE[domain]], record.active, record.version) == (True, False, 4)


def test_what_cap_refuses_is_refused_alone_and_passes_once_it_is_mended(cap: Cap, adapter: Adapter) -> None:
    messages = [factory.message("item", n) for n in (30, 31, 32)]
    batch = factory.rendered(adapter, *messages)
    broken = json.loads(batch[1].body)
    broken["entity"]["BaseUnit"] = None  # mandatory there
    batch[1] = Rendered(messages[1], json.dumps(broken).encode())

    outcomes = adapter.send(batch)

    assert states(outcomes) == [State.ACKNOWLEDGED, State.REJECTED, State.ACKNOWLEDGED]
    assert (outcomes[1].error_class, "BaseUnit" in outcomes[1].error) == (ErrorClass.VALIDATION, True)
    assert [cap.has("item", message.record) for message in messages] == [True, False, True]
    assert states(send(adapter, messages[1])) == [State.ACKNOWLEDGED]


def test_a_changeset_of_which_one_part_is_refused_changes_nothing(cap: Cap, adapter: Adapter) -> None:
    send(adapter, factory.message("item", 35))
    message = factory.message("item", 35, version=2, catalogue_number="NEW", description="x")
    body = json.loads(adapter.render(message))
    body["entity"]["to_Description"][0]["ProductDescription"] = "x" * 41
    (outcome,) = adapter.send([Rendered(message, json.dumps(body).encode())])
    there = cap.one("item", message.record)
    assert (outcome.state, there[VERSION["item"]], there[NAME["item"]]) == (State.REJECTED, "1.0", "0165SI16")


@each_domain
def test_a_record_changed_by_hand_between_reading_and_writing_is_read_again(
    cap: Cap, adapter: Any, monkeypatch: pytest.MonkeyPatch, domain: str
) -> None:
    send(adapter, factory.message(domain, 40))
    newer, change = factory.message(domain, 40, version=2), adapter._change

    def meanwhile(*args: Any) -> None:
        cap.edit(domain, newer.record, **{NAME[domain]: "By hand"})
        change(*args)

    monkeypatch.setattr(adapter, "_change", meanwhile)
    (conflict,) = send(adapter, newer)
    monkeypatch.undo()
    assert (conflict.state, conflict.error_class, conflict.connection) == (State.RETRY, ErrorClass.CONFLICT, False)
    assert cap.one(domain, newer.record)[NAME[domain]] == "By hand"
    assert states(send(adapter, newer)) == [State.ACKNOWLEDGED]
    assert cap.one(domain, newer.record)[NAME[domain]] == factory.ATTRIBUTES[domain][OURS[domain]]


def test_a_record_that_somebody_else_makes_meanwhile_is_tried_again(
    cap: Cap, adapter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, change = factory.message("item", 45, version=2), adapter._change

    def meanwhile(*args: Any) -> None:
        send(connect(cap.url), factory.message("item", 45))
        change(*args)

    monkeypatch.setattr(adapter, "_change", meanwhile)
    (conflict,) = send(adapter, message)
    monkeypatch.undo()
    assert (conflict.state, conflict.error_class) == (State.RETRY, ErrorClass.CONFLICT)
    assert [outcome.receipt for outcome in send(adapter, message)] == ["updated"]


def test_a_record_that_somebody_has_open_waits_until_it_is_closed(cap: Cap, adapter: Adapter) -> None:
    open_one, other = factory.message("item", 50), factory.message("item", 51)
    send(adapter, open_one, other)
    newer = [factory.message("item", n, version=2) for n in (50, 51)]
    cap.gateway(locked=[number("item", open_one.record)])
    waiting, written = send(adapter, *newer)
    assert (waiting.state, waiting.error_class, written.state) == (
        State.RETRY, ErrorClass.CONFLICT, State.ACKNOWLEDGED,
    )  # fmt: skip
    assert "MILLER" in waiting.error
    cap.gateway(released=[number("item", open_one.record)])
    assert [outcome.receipt for outcome in send(adapter, *newer)] == ["updated", "held"]


def test_a_session_that_ended_costs_nothing(cap: Cap, adapter: Adapter) -> None:
    send(adapter, factory.message("item", 60))
    cap.gateway(ended=True)
    assert states(send(adapter, factory.message("item", 60, version=2))) == [State.ACKNOWLEDGED]
    assert cap.one("item", "MDM-IT-000060")[VERSION["item"]] == "2.0"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("before", [0, 1], ids=["reading", "writing"])
def test_a_gateway_out_of_breath_is_left_alone_for_as_long_as_it_asks(
    cap: Cap, adapter: Adapter, status: int, before: int
) -> None:
    message = factory.message("item", 70 + 2 * (status == 429) + before)
    cap.gateway(trouble=[None] * before + [{"status": status, "after": "7"}])
    (outcome,) = send(adapter, message)
    assert (outcome.state, outcome.error_class, outcome.retry_after) == (State.RETRY, ErrorClass.BUSY, 7.0)
    assert not cap.has("item", message.record)
    assert states(send(adapter, message)) == [State.ACKNOWLEDGED]


def test_a_change_whose_answer_is_lost_takes_effect_once(cap: Cap, adapter: Adapter) -> None:
    message = factory.message("item", 80)
    cap.gateway(trouble=[None, {"lost": True}])
    (unknown,) = send(adapter, message)
    made = cap.one("item", message.record)
    (again,) = send(adapter, message)
    assert (unknown.state, again.state, again.receipt) == (State.UNKNOWN, State.ACKNOWLEDGED, "held")
    assert cap.one("item", message.record) == made


def test_the_connection_is_checked_and_a_wrong_password_is_told(cap: Cap, adapter: Adapter) -> None:
    assert "answers" in adapter.check()
    (outcome,) = send(connect(cap.url, "wrong"), factory.message("item", 85))
    assert (outcome.state, outcome.error_class, outcome.connection) == (State.RETRY, ErrorClass.AUTH, True)


def test_a_server_that_was_away_is_used_again() -> None:
    port = kit.free_port()
    adapter = connect(f"http://127.0.0.1:{port}")
    (away,) = send(adapter, factory.message("item"))
    with serve(port):
        back = send(adapter, factory.message("item"))
        assert (away.state, away.connection, states(back)) == (State.RETRY, True, [State.ACKNOWLEDGED])
        assert Cap(port).has("item", "MDM-IT-000001")


def test_the_outbox_delivers_and_reconciling_finds_what_was_changed_by_hand(
    cap: Cap, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "wake", lambda target_id: True)
    target = core.make_target("sap", adapter="odata_v2", config=config_of(cap.url), subscriptions={"supplier": {}})
    target.secrets = {"PW": USER[1]}
    target.save()
    golden = core.create(name="Drifting Medical")
    core.GoldenRecord.objects.filter(pk=golden.pk).update(public_id="MDM-SU-000777")
    core.deliver(target)
    lane = Lane.objects.get(target=target, record=golden)
    assert (lane.acked, lane.error) == (1, "")
    assert not reconcile.compare(target, actor=User.objects.system()).drifts.filter(record=golden).exists()
    cap.edit("supplier", "MDM-SU-000777", OrganizationBPName1="Changed in SAP")
    drift = reconcile.compare(target, actor=User.objects.system()).drifts.get(public_id="MDM-SU-000777")
    assert (drift.kind, drift.fields) == ("values", {"name": ["Drifting Medical", "Changed in SAP"]})
    core.update(golden)
    core.deliver(target)
    assert cap.one("supplier", "MDM-SU-000777")[NAME["supplier"]] == "Drifting Medical"
    assert not reconcile.compare(target, actor=User.objects.system()).drifts.filter(record=golden).exists()
