"""Business partners and products at a counterpart that checks tokens, ETags, lengths and changesets as SAP does."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from sync.adapters.base import Adapter, ConfigError, ErrorClass, InvalidForTarget, Kind, Outcome, PeerError, State
from sync.adapters.http import Reply
from sync.adapters.odata_v2 import client
from sync.adapters.odata_v2.mapping import number
from sync.adapters.registry import build
from sync.sandbox.odata.server import Sap
from tests.sync.adapters import factory

from .conftest import Connect

DOMAINS = ("supplier", "item")
each_domain = pytest.mark.parametrize("domain", DOMAINS)
NAME = {"supplier": "name", "item": "description"}


def deliver(adapter: Adapter, *messages: Any) -> list[Outcome]:
    return adapter.send(factory.rendered(adapter, *messages))


def held(adapter: Adapter, domain: str, *records: str) -> dict[str, Any]:
    return {record.id: record for record in adapter.read(domain, list(records) or None)}


def effects(sap: Sap) -> dict[str, int]:
    return {row["id"]: row["times"] for row in sap.store.effects()}


@each_domain
def test_a_record_reads_back_as_expected_and_an_empty_one_too(adapter: Adapter, domain: str) -> None:
    full, bare = factory.message(domain, 7, version=3, generation=2), factory.empty(domain, 8, **{NAME[domain]: "x"})
    outcomes = deliver(adapter, full, bare)
    found = held(adapter, domain)
    assert [(o.state, o.error, o.target_code) for o in outcomes] == [
        (State.ACKNOWLEDGED, "", number(domain, full.record)),
        (State.ACKNOWLEDGED, "", number(domain, bare.record)),
    ]
    assert (found[full.record].version, found[full.record].generation, found[full.record].active) == (3, 2, True)
    assert found[full.record].values == adapter.expected(full)
    assert found[bare.record].values == adapter.expected(bare)


@each_domain
def test_what_changes_and_what_is_withdrawn_arrives_in_one_changeset(adapter: Adapter, sap: Sap, domain: str) -> None:
    deliver(adapter, factory.message(domain, 7))
    bare = factory.empty(domain, 7, version=2, **{NAME[domain]: "Bare"})
    (outcome,) = deliver(adapter, bare)
    assert (outcome.state, outcome.receipt) == (State.ACKNOWLEDGED, "updated")
    assert held(adapter, domain)[bare.record].values == adapter.expected(bare)
    assert set(effects(sap).values()) == {1}


def test_rows_are_changed_in_place_and_those_of_others_are_left_alone(adapter: Adapter, sap: Sap) -> None:
    message = factory.message("supplier", 7)
    deliver(adapter, message)
    stored = root(sap, "supplier")
    first = {row["AddressID"] for row in stored["to_BusinessPartnerAddress"]}
    stored["to_BuPaIdentification"].append(
        {"BusinessPartner": "SU00000007", "BPIdentificationType": "BUP002", "BPIdentificationNumber": "HRB 1"}
    )
    put(sap, stored)
    ordering, remit = factory.ATTRIBUTES["supplier"]["addresses"]
    moved = [{**ordering, "line1": "2 Main St"}, remit]
    deliver(adapter, factory.message("supplier", 7, version=2, duns="081466849", addresses=moved))
    after = root(sap, "supplier")
    assert {row["AddressID"] for row in after["to_BusinessPartnerAddress"]} == first
    assert {row["StreetName"] for row in after["to_BusinessPartnerAddress"]} == {"2 Main St", "PO Box 7"}
    numbers = {row["BPIdentificationNumber"] for row in after["to_BuPaIdentification"]}
    assert {"HRB 1", "081466849"} <= numbers
    assert "150483782" not in numbers


def root(sap: Sap, domain: str) -> dict[str, Any]:
    (row,) = sap.store.page(domain)
    found: dict[str, Any] = row["fields"]
    return found


def put(sap: Sap, entity: dict[str, Any]) -> None:
    """Somebody changes it at the target."""
    entities = sap._services["API_BUSINESS_PARTNER"]
    entities._keep(entity)
    entities.commit()


@each_domain
@pytest.mark.parametrize("text", factory.AWKWARD.values(), ids=factory.AWKWARD)
def test_awkward_texts_read_back_equal(connect: Connect, domain: str, text: str) -> None:
    adapter = connect()
    message = factory.message(domain, **{NAME[domain]: text[:40]})
    (outcome,) = deliver(adapter, message)
    assert outcome.error == ""
    assert held(adapter, domain)[message.record].values == adapter.expected(message)


def test_the_same_bytes_again_have_no_second_effect_and_an_older_version_none(adapter: Adapter, sap: Sap) -> None:
    newer, older = (factory.message("item", version=version) for version in (3, 2))
    outcomes = [*deliver(adapter, newer), *deliver(adapter, newer), *deliver(adapter, older)]
    assert [o.receipt for o in outcomes] == ["created", "held", "held"]
    assert [(row["version"], row["times"]) for row in sap.store.effects()] == [(3, 1)]


@pytest.mark.parametrize("fault", ["disconnect", "disconnect_after"])
def test_a_creation_whose_answer_is_lost_takes_effect_once(adapter: Adapter, sap: Sap, fault: str) -> None:
    sap.faults.add(kind=fault, match="ProductType")
    outcomes = [deliver(adapter, factory.message("item"))[0] for _ in range(2)]
    assert [o.state for o in outcomes] == [State.UNKNOWN, State.ACKNOWLEDGED]
    assert set(effects(sap).values()) == {1}


def test_a_record_changed_between_reading_and_writing_is_tried_again(
    adapter: Any, sap: Sap, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(adapter, factory.message("supplier"))
    change = adapter._change

    def meanwhile(*args: Any) -> None:
        put(sap, {**root(sap, "supplier"), "SearchTerm1": "BY HAND"})
        change(*args)

    monkeypatch.setattr(adapter, "_change", meanwhile)
    (conflict,) = deliver(adapter, factory.message("supplier", version=2))
    monkeypatch.undo()
    (again,) = deliver(adapter, factory.message("supplier", version=2))
    assert (conflict.state, conflict.error_class, conflict.connection) == (State.RETRY, ErrorClass.CONFLICT, False)
    assert again.state is State.ACKNOWLEDGED


@pytest.mark.parametrize("answered", [None, 500])
def test_a_record_that_somebody_else_makes_meanwhile_is_tried_again(
    adapter: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch, answered: int | None
) -> None:
    change, other = adapter._change, connect()

    def meanwhile(domain: str, jobs: Any) -> None:
        deliver(other, factory.message("supplier"))
        change(domain, jobs)
        if answered:  # as servers do that let their database find out
            jobs[0].outcome = client._outcome(Reply(answered, {}, b""), jobs[0])

    monkeypatch.setattr(adapter, "_change", meanwhile)
    (outcome,) = deliver(adapter, factory.message("supplier", version=2))
    assert (outcome.state, outcome.error_class) == (State.RETRY, ErrorClass.CONFLICT)


def test_a_token_that_has_expired_is_fetched_again_once(adapter: Adapter, sap: Sap) -> None:
    deliver(adapter, factory.message("item"))
    sap.faults.add(kind="expired_token")
    (outcome,) = deliver(adapter, factory.message("item", version=2))
    assert outcome.state is State.ACKNOWLEDGED


def test_one_refusal_leaves_its_neighbours_alone_and_passes_later(adapter: Adapter, sap: Sap) -> None:
    sap.faults.add(kind="reject", match="MDM-IT-000002")
    messages = [factory.message("item", n) for n in (1, 2, 3)]
    first, second = deliver(adapter, *messages), deliver(adapter, *messages)
    assert [o.state for o in first] == [State.ACKNOWLEDGED, State.REJECTED, State.ACKNOWLEDGED]
    assert "rejected on demand" in first[1].error
    assert [o.state for o in second] == [State.ACKNOWLEDGED] * 3
    assert set(effects(sap).values()) == {1}


def test_what_sap_says_of_a_field_reaches_the_steward(connect: Connect) -> None:
    adapter = connect(product_type="TOO LONG")
    (outcome,) = deliver(adapter, factory.message("item"))
    assert (outcome.state, outcome.error_class) == (State.REJECTED, ErrorClass.VALIDATION)
    assert "ProductType has 8 characters, allowed are 4" in outcome.error


def test_lengths_are_checked_before_anything_is_sent(adapter: Adapter) -> None:
    with pytest.raises(InvalidForTarget, match="description has 41 characters and this target holds 40"):
        adapter.render(factory.message("item", description="d" * 41))


def test_a_set_that_can_not_be_made_alone_is_made_by_deep_insert(adapter: Adapter, sap: Sap) -> None:
    deliver(adapter, factory.message("supplier"))
    assert len(root(sap, "supplier")["to_Supplier"]) == 1
    assert [row["BusinessPartnerRole"] for row in root(sap, "supplier")["to_BusinessPartnerRole"]] == ["FLVN01"]


@each_domain
def test_a_merged_record_is_blocked_says_what_replaces_it_and_comes_back(
    adapter: Adapter, sap: Sap, domain: str
) -> None:
    deliver(adapter, factory.message(domain))
    survivor = factory.message(domain, 2).record
    deliver(adapter, factory.message(domain, version=2, kind=Kind.MERGE, merged_into=survivor))
    gone = held(adapter, domain)[factory.message(domain).record]
    written = [value for name, value in root(sap, domain).items() if name.startswith("YY1_")]
    deliver(adapter, factory.message(domain, version=3, kind=Kind.UNMERGE))
    back = held(adapter, domain)[factory.message(domain).record]
    assert (gone.active, gone.version, back.active, back.version) == (False, 2, True, 3)
    assert written == [f"2.0 replaced by {survivor}"]


def test_a_record_with_a_number_of_its_own_keeps_it(adapter: Adapter, sap: Sap) -> None:
    put(sap, {"BusinessPartner": "4711", "BusinessPartnerCategory": "2", "OrganizationBPName1": "before",
              "to_BusinessPartnerTax": [], "to_BuPaIdentification": [], "to_BusinessPartnerAddress": []})  # fmt: skip
    message = factory.message("supplier", codes=("4711",))
    (outcome,) = deliver(adapter, message)
    assert (outcome.state, outcome.target_code) == (State.ACKNOWLEDGED, "4711")
    assert held(adapter, "supplier", message.record)[message.record].values == adapter.expected(message)
    assert len(sap.store.page("supplier")) == 1


def test_a_number_that_is_another_golden_records_is_not_overwritten(adapter: Adapter) -> None:
    deliver(adapter, factory.message("supplier", 1))
    (outcome,) = deliver(adapter, factory.message("supplier", 2, codes=("SU00000001",)))
    assert (outcome.state, outcome.error_class) == (State.REJECTED, ErrorClass.REFUSED)
    assert "SU00000001 is MDM-SU-000001 at this target" in outcome.error


def test_reading_goes_on_over_pages_that_are_shorter_than_asked_for(connect: Connect) -> None:
    adapter = connect(page_size=1000)
    messages = [factory.message("item", n) for n in range(1, 106)]
    deliver(adapter, *messages)
    assert len(held(adapter, "item")) == 105
    wanted = [messages[5].record, messages[1].record, "MDM-IT-999999"]
    assert set(held(adapter, "item", *wanted)) == set(wanted[:2])
    assert list(adapter.read("item", [])) == []


def test_reading_passes_over_nothing_when_records_leave_the_set_meanwhile(connect: Connect, sap: Sap) -> None:
    adapter = connect(page_size=2)
    deliver(adapter, *(factory.message("supplier", n) for n in range(1, 6)))
    rows = adapter.read("supplier")
    first = next(rows).id
    gone = next(row["fields"] for row in sap.store.page("supplier") if row["fields"]["SearchTerm2"] == first)
    put(sap, {**gone, "SearchTerm2": ""})
    assert {record.id for record in rows} == {f"MDM-SU-{n:06d}" for n in range(2, 6)}


def test_a_server_that_gives_the_same_page_for_ever_is_not_read_for_ever(
    adapter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(adapter, factory.message("supplier"))
    service = adapter._services["supplier"]
    page = service.get("A_BusinessPartner", **{"$expand": adapter._layouts["supplier"].expand})
    monkeypatch.setattr(service, "get", lambda *_, **__: page)
    with pytest.raises(PeerError, match="the same page again"):
        list(adapter.read("supplier"))


@pytest.mark.parametrize(
    ("status", "text"),
    [(423, "Locked"), (409, "Conflict"), (400, "Product 4711 is currently locked by user MILLER")],
)
def test_a_record_that_somebody_has_locked_is_tried_again(status: int, text: str) -> None:
    body = orjson.dumps({"error": {"message": {"lang": "en", "value": text}}})
    outcome = client._outcome(Reply(status, {}, body), client.Job({"number": "4711"}))
    assert (outcome.state, outcome.error_class, outcome.connection) == (State.RETRY, ErrorClass.CONFLICT, False)
    assert text in outcome.error


@pytest.mark.parametrize(
    ("fault", "state", "error_class"),
    [
        ("429", State.RETRY, ErrorClass.BUSY),
        ("503", State.RETRY, ErrorClass.BUSY),
        ("redirect", State.RETRY, ErrorClass.PROTOCOL),
        ("garbage", State.UNKNOWN, ErrorClass.PROTOCOL),
        ("huge", State.UNKNOWN, ErrorClass.PROTOCOL),
        ("disconnect", State.UNKNOWN, ErrorClass.CONNECTION),
    ],
)
def test_each_fault_of_the_wire_is_tried_again(
    connect: Connect, sap: Sap, fault: str, state: State, error_class: ErrorClass
) -> None:
    adapter = connect(max_reply=1_000_000)
    sap.faults.add(kind=fault, match="$batch", delay=7)
    first, later = deliver(adapter, factory.message("supplier"), factory.message("item"))
    again = deliver(adapter, factory.message("supplier"), factory.message("item"))
    assert (first.state, first.error_class) == (state, error_class)
    assert later.state is State.RETRY
    assert [o.state for o in again] == [State.ACKNOWLEDGED] * 2
    assert set(effects(sap).values()) == {1}
    assert first.retry_after == (7 if fault in ("429", "503") else None)


def test_a_wrong_password_says_so(connect: Connect) -> None:
    adapter = connect(password="WRONG")
    (outcome,) = deliver(adapter, factory.message("item"))
    assert (outcome.state, outcome.error_class, outcome.connection) == (State.RETRY, ErrorClass.AUTH, True)
    assert "wrong" not in outcome.error
    with pytest.raises(PeerError, match="HTTP 401"):
        adapter.check()


def test_a_token_of_oauth2_does_as_well(connect: Connect, running: tuple[Sap, str]) -> None:
    url = running[1].split("/sap/")[0]
    adapter = connect(
        username="", password="", token_url=f"{url}/oauth2/token", client_id="concord", client_secret="PW"
    )
    (outcome,) = deliver(adapter, factory.message("item"))
    assert outcome.state is State.ACKNOWLEDGED
    assert "API_PRODUCT_SRV" in adapter.check()


def test_what_sap_lets_nobody_write_is_no_domain_of_it() -> None:
    with pytest.raises(ConfigError, match="no OData v2 service that writes cost_center"):
        build("odata_v2", {"base_url": "b", "username": "u", "password": "PW", "domains": ["cost_center"]}, {"PW": "x"})


@pytest.mark.parametrize("detail", [b'"Too long"', b'{"lang": "en", "value": "Too long"}'], ids=["SAP", "others"])
def test_the_details_of_an_error_are_told_in_words(detail: bytes) -> None:
    details = b'"innererror": {"errordetails": [{"message": %b}]}' % detail
    body = b'{"error": {"message": {"lang": "en", "value": "Refused"}, %b}}' % details
    assert client._detail(Reply(400, {}, body)) == "Refused; Too long"


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (b'"target": "BaseUnit"', "BaseUnit: Missing"),
        (b'"target": "/#TRANSIENT#/to_Description/Language"', "Language: Missing"),
        (b'"propertyref": "A_Product/BaseUnit"', "BaseUnit: Missing"),
        (b'"target": "/#TRANSIENT#"', "Missing"),
    ],
)
def test_the_field_that_an_error_is_about_is_named(where: bytes, said: str) -> None:
    body = b'{"error": {"message": {"lang": "en", "value": "Missing"}, %b}}' % where
    assert client._detail(Reply(400, {}, body)) == said
