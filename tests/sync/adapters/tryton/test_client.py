"""How records get to Tryton once, whatever happens on the way; against a small Tryton of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sync.adapters.base import Adapter, ErrorClass, InvalidForTarget, Kind, Outcome, PeerError, State
from sync.adapters.registry import build
from sync.adapters.tryton import directory
from tests.sync.adapters import factory

from .peer import SmallTryton, served


@pytest.fixture
def tryton() -> SmallTryton:
    return SmallTryton()


@pytest.fixture
def adapter(tryton: SmallTryton) -> Iterator[Adapter]:
    with served(tryton) as url:
        made = connect(url)
        yield made
        made.close()


def connect(url: str, **settings: Any) -> Adapter:
    login = {"base_url": url, "database": "erp", "username": "concord", "password": "PW"}
    return build("tryton", {**login, **settings}, {"PW": "secret"})


def deliver(adapter: Adapter, *messages: Any) -> list[Outcome]:
    return adapter.send(factory.rendered(adapter, *messages))


def held(adapter: Adapter, domain: str, *records: str) -> dict[str, Any]:
    return {record.id: record for record in adapter.read(domain, list(records) or None)}


PARENTS = {
    "supplier": [],
    "item": [factory.message("supplier", n, addresses=[]) for n in (1, 2)],
    "location": [factory.message("location", 2, parent=None)],
    "cost_center": [factory.message("cost_center", 1, code="6010", parent=None)],
}


@pytest.mark.parametrize("domain", factory.DOMAIN_NAMES)
def test_a_record_reads_back_as_expected_and_an_empty_one_too(adapter: Adapter, domain: str) -> None:
    for message in PARENTS[domain]:
        deliver(adapter, message)
    full, bare = factory.message(domain, 7, version=3, generation=2), factory.empty(domain, 8)
    outcomes = deliver(adapter, full, bare)
    found = held(adapter, domain)
    assert [(o.state, o.error) for o in outcomes] == [(State.ACKNOWLEDGED, "")] * 2
    assert (found[full.record].version, found[full.record].generation, found[full.record].active) == (3, 2, True)
    assert found[full.record].values == adapter.expected(full)
    assert found[bare.record].values == adapter.expected(bare)


@pytest.mark.parametrize("domain", factory.DOMAIN_NAMES)
def test_what_is_withdrawn_is_gone_there_too(adapter: Adapter, domain: str) -> None:
    for message in PARENTS[domain]:
        deliver(adapter, message)
    deliver(adapter, factory.message(domain, 7), *PARENTS[domain])
    bare = factory.empty(domain, 7, version=2)
    (outcome,) = deliver(adapter, bare)
    assert outcome.error == ""
    assert held(adapter, domain, bare.record)[bare.record].values == adapter.expected(bare)


@pytest.mark.parametrize("text", factory.AWKWARD.values(), ids=factory.AWKWARD)
def test_awkward_texts_read_back_equal(adapter: Adapter, text: str) -> None:
    message = factory.message("supplier", name=text, website=text, phone=None)
    deliver(adapter, message)
    assert held(adapter, "supplier")[message.record].values == adapter.expected(message)


def test_the_same_bytes_again_write_nothing(adapter: Adapter, tryton: SmallTryton) -> None:
    message = factory.message("supplier")
    deliver(adapter, message)
    tryton.calls.clear()
    (again,) = deliver(adapter, message)
    assert (again.state, again.receipt) == (State.ACKNOWLEDGED, "held")
    assert {name for _, name in tryton.calls} == {"search_read"}


def test_a_version_that_was_claimed_and_not_finished_is_written_again(adapter: Adapter, tryton: SmallTryton) -> None:
    deliver(adapter, factory.message("supplier"))
    tryton.refused_name = "Second"
    message = factory.message("supplier", version=2, name="Second")
    (refused,) = deliver(adapter, message)
    (between,) = adapter.read("supplier")
    tryton.refused_name = ""
    (done,) = deliver(adapter, message)
    (after,) = adapter.read("supplier")
    assert (refused.state, done.state) == (State.REJECTED, State.ACKNOWLEDGED)
    assert (between.version, between.values["name"]) == (1, "Acme Medical")
    assert (after.version, after.values["name"]) == (2, "Second")


def test_a_version_older_than_what_is_being_written_has_to_wait(adapter: Adapter, tryton: SmallTryton) -> None:
    deliver(adapter, factory.message("supplier"))
    tryton.refused_name = "Third"
    deliver(adapter, factory.message("supplier", version=3, name="Third"))
    (older,) = deliver(adapter, factory.message("supplier", version=2, name="Second"))
    assert (older.state, older.error_class) == (State.RETRY, ErrorClass.CONFLICT)
    assert held(adapter, "supplier")["MDM-SU-000001"].values["name"] == "Acme Medical"


def test_one_refusal_leaves_its_neighbours_alone(adapter: Adapter, tryton: SmallTryton) -> None:
    tryton.refused_name = "Unwanted"
    names = ("Fine", "Unwanted", "Also fine")
    outcomes = deliver(adapter, *(factory.message("supplier", n, name=name) for n, name in enumerate(names, start=1)))
    assert [o.state for o in outcomes] == [State.ACKNOWLEDGED, State.REJECTED, State.ACKNOWLEDGED]
    assert "This name is not wanted." in outcomes[1].error


def test_a_creation_whose_answer_is_lost_is_not_made_twice(adapter: Adapter, tryton: SmallTryton) -> None:
    tryton.lost = 1
    message = factory.message("supplier")
    (first,) = deliver(adapter, message)
    (second,) = deliver(adapter, message)
    assert (first.state, second.state) == (State.UNKNOWN, State.ACKNOWLEDGED)
    assert len(tryton.rows["party.party"]) == 1
    assert held(adapter, "supplier")[message.record].version == 1


def test_of_two_that_make_the_same_record_at_once_the_later_takes_its_own_away(
    adapter: Any, tryton: SmallTryton, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = factory.message("location", parent=None)
    create = adapter._writer._create

    def late(*args: Any) -> None:
        tryton.create("stock.location", {"code": message.record, "name": "made by the other worker"})
        create(*args)

    monkeypatch.setattr(adapter._writer, "_create", late)
    (first,) = deliver(adapter, message)
    monkeypatch.undo()
    (second,) = deliver(adapter, message)
    assert (first.state, second.state) == (State.RETRY, State.ACKNOWLEDGED)
    assert [row["name"] for row in tryton.rows["stock.location"].values()] == ["4 West Telemetry"]


def test_a_record_changed_between_reading_and_writing_is_tried_again(
    adapter: Any, tryton: SmallTryton, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(adapter, factory.message("supplier"))
    (number,) = tryton.rows["party.party"]
    known = adapter._writer._known

    def meanwhile(*args: Any) -> Any:
        tryton.write("party.party", number, {"name": "by hand"})
        return known(*args)

    monkeypatch.setattr(adapter._writer, "_known", meanwhile)
    (outcome,) = deliver(adapter, factory.message("supplier", version=2, name="ours"))
    assert (outcome.state, outcome.error_class, outcome.connection) == (State.RETRY, ErrorClass.CONFLICT, False)


def test_a_conflict_over_one_mark_leaves_its_neighbours_alone(
    adapter: Any, tryton: SmallTryton, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(adapter, *(factory.message("supplier", n) for n in (1, 2, 3)))
    find, marks = adapter._writer._find, tryton.rows["ir.attachment"]
    (second,) = [number for number, row in marks.items() if row["name"] == "Concord MDM-SU-000002"]

    def meanwhile(*args: Any) -> None:
        find(*args)
        tryton.write("ir.attachment", second, {"description": marks[second]["description"]})

    monkeypatch.setattr(adapter._writer, "_find", meanwhile)
    outcomes = deliver(adapter, *(factory.message("supplier", n, version=2) for n in (1, 2, 3)))
    assert [o.state for o in outcomes] == [State.ACKNOWLEDGED, State.RETRY, State.ACKNOWLEDGED]
    assert outcomes[1].error_class == ErrorClass.CONFLICT


def test_a_record_with_a_code_of_its_own_is_adopted_and_found_by_those_that_refer_to_it(
    adapter: Adapter, tryton: SmallTryton
) -> None:
    number = tryton.create("party.party", {"code": "V-7", "name": "before"})
    (outcome,) = deliver(adapter, factory.message("supplier", 1, codes=("V-7",)))
    part = {"supplier": {"id": "MDM-SU-000001"}, "number": "A1"}
    item = factory.message("item", supplier_parts=[part], preferred_supplier=part["supplier"])
    (second,) = deliver(adapter, item)
    assert (outcome.target_code, second.error) == ("V-7", "")
    assert [row["party"] for row in tryton.rows["purchase.product_supplier"].values()] == [number]
    assert held(adapter, "item")[item.record].values == adapter.expected(item)
    assert set(held(adapter, "supplier", "MDM-SU-000001")) == {"MDM-SU-000001"}


def test_a_reference_that_is_not_there_is_not_searched_for_with_every_batch(
    adapter: Any, tryton: SmallTryton, monkeypatch: pytest.MonkeyPatch
) -> None:
    tryton.create("party.party", {"code": "V-7", "name": "before"})
    item = factory.message("item", supplier_parts=[{"supplier": {"id": "MDM-SU-000001"}, "number": "A1"}])
    scan, scans = adapter._directory._scan, []

    def counted(domain: str) -> Any:
        scans.append(domain)
        return scan(domain)

    monkeypatch.setattr(adapter._directory, "_scan", counted)
    first, second = deliver(adapter, item), deliver(adapter, item)
    assert [o.state for o in (*first, *second)] == [State.REJECTED] * 2
    assert scans == ["supplier"]
    deliver(adapter, factory.message("supplier", 1, codes=("V-7",)))
    (later,) = deliver(adapter, item)
    assert (later.state, scans) == (State.ACKNOWLEDGED, ["supplier"] * 2)


def test_a_reference_that_was_not_there_is_searched_for_again_after_some_minutes(
    adapter: Any, tryton: SmallTryton, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = tryton.create("party.party", {"code": "V-7", "name": "before"})
    item = factory.message("item", supplier_parts=[{"supplier": {"id": "MDM-SU-000001"}, "number": "A1"}])
    deliver(adapter, item)
    mark = {"name": "Concord MDM-SU-000001", "description": "version 1.0", "resource": f"party.party,{number}"}
    tryton.create("ir.attachment", mark)  # by somebody else
    (soon,) = deliver(adapter, item)
    monkeypatch.setattr(directory, "MISSED_FOR", 0.0)
    (later,) = deliver(adapter, item)
    assert (soon.state, later.state) == (State.REJECTED, State.ACKNOWLEDGED)


def test_a_record_that_is_somebody_elses_is_never_taken(adapter: Adapter, tryton: SmallTryton) -> None:
    deliver(adapter, factory.message("supplier", 1))
    (outcome,) = deliver(adapter, factory.message("supplier", 2, codes=("MDM-SU-000001",)))
    assert outcome.state is State.REJECTED
    assert "unique" in outcome.error
    assert len(tryton.rows["party.party"]) == 1


def test_what_people_add_in_tryton_stays_and_is_not_called_a_difference(adapter: Adapter, tryton: SmallTryton) -> None:
    message = factory.message("supplier")
    deliver(adapter, message)
    (number,) = tryton.rows["party.party"]
    tryton.create("identifier", {"owner": number, "type": None, "code": "Our account 77"})
    tryton.create("party.contact_mechanism", {"party": number, "type": "phone", "value": "1", "name": "Reception"})
    deliver(adapter, factory.message("supplier", version=2, duns=None, phone=None))
    codes = {row["code"] for row in tryton.rows["identifier"].values()}
    assert held(adapter, "supplier")[message.record].values["phone"] is None
    assert "Our account 77" in codes
    assert "DUNS 150483782" not in codes
    assert "Reception" in {row["name"] for row in tryton.rows["party.contact_mechanism"].values()}


@pytest.mark.parametrize(("kind", "active"), [(Kind.RETIRE, False), (Kind.MERGE, False)])
def test_a_record_is_deactivated_and_comes_back(adapter: Adapter, kind: Kind, active: bool) -> None:
    deliver(adapter, *(factory.message("supplier", n) for n in (1, 2)))
    merged = "MDM-SU-000002" if kind is Kind.MERGE else None
    deliver(adapter, factory.message("supplier", version=2, kind=kind, merged_into=merged))
    gone = held(adapter, "supplier")["MDM-SU-000001"]
    deliver(adapter, factory.message("supplier", version=3, kind=Kind.UNMERGE))
    back = held(adapter, "supplier")["MDM-SU-000001"]
    assert (gone.active, gone.version, back.active, back.version) == (active, 2, True, 3)


def test_a_session_that_has_ended_is_renewed(adapter: Adapter, tryton: SmallTryton) -> None:
    adapter.check()
    tryton.sessions.clear()
    (outcome,) = deliver(adapter, factory.message("supplier"))
    assert outcome.state is State.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("answer", "state", "error_class"),
    [
        ((401, b""), State.RETRY, ErrorClass.AUTH),
        ((403, b""), State.RETRY, ErrorClass.AUTH),
        ((404, b""), State.RETRY, ErrorClass.PROTOCOL),
        ((302, b""), State.RETRY, ErrorClass.PROTOCOL),
        ((429, b""), State.RETRY, ErrorClass.BUSY),
        ((500, b""), State.UNKNOWN, ErrorClass.SERVER),
        ((503, b""), State.RETRY, ErrorClass.BUSY),
        ((200, b"<html>"), State.RETRY, ErrorClass.PROTOCOL),
        ((200, b"[]"), State.UNKNOWN, ErrorClass.PROTOCOL),
        ((200, b'{"error": ["\'stock.location\'", ""]}'), State.RETRY, ErrorClass.SERVER),
    ],
)
def test_each_answer_has_its_meaning(
    adapter: Adapter, tryton: SmallTryton, answer: tuple[int, bytes], state: State, error_class: ErrorClass
) -> None:
    tryton.answers = [answer, answer, answer]
    outcomes = deliver(adapter, factory.message("supplier", 1), factory.message("location", 2))
    assert (outcomes[0].state, outcomes[0].error_class, outcomes[0].connection) == (state, error_class, True)
    assert outcomes[1].error_class == ErrorClass.NOT_SENT


def test_a_wrong_password_says_so_and_does_not_show_it(tryton: SmallTryton) -> None:
    with served(tryton) as url:
        adapter = build(
            "tryton", {"base_url": url, "database": "erp", "username": "concord", "password": "PW"}, {"PW": "wrong"}
        )
        (outcome,) = deliver(adapter, factory.message("supplier"))
        with pytest.raises(PeerError, match="check the user's password"):
            adapter.check()
        adapter.close()
    assert (outcome.state, outcome.error_class) == (State.RETRY, ErrorClass.AUTH)
    assert "wrong" not in outcome.error


def test_reading_goes_on_over_pages_and_passes_what_is_not_ours(tryton: SmallTryton) -> None:
    with served(tryton) as url:
        adapter = connect(url, page_size=2, batch_size=2)
        deliver(adapter, *(factory.message("supplier", n) for n in range(1, 6)))
        tryton.create("party.party", {"code": "V-99", "name": "somebody else's"})
        assert set(held(adapter, "supplier")) == {f"MDM-SU-{n:06d}" for n in range(1, 6)}
        adapter.close()


def test_what_tryton_can_not_hold_is_refused_before_it_is_sent(adapter: Adapter) -> None:
    with pytest.raises(InvalidForTarget, match="base_uom is BX"):
        adapter.render(factory.message("item", base_uom="BX"))


def test_without_the_root_of_cost_centers_the_check_says_what_to_make(adapter: Adapter, tryton: SmallTryton) -> None:
    tryton.rows["analytic_account.account"].clear()
    with pytest.raises(PeerError, match="There is no analytic root account CC"):
        adapter.check()


def test_a_target_without_suppliers_leaves_them_out_of_items(tryton: SmallTryton) -> None:
    with served(tryton) as url:
        adapter = connect(url, domains=["item"])
        message = factory.message("item")
        (outcome,) = deliver(adapter, message)
        assert outcome.state is State.ACKNOWLEDGED
        assert held(adapter, "item")[message.record].values == adapter.expected(message)
        assert adapter.expected(message)["supplier_parts"] is None
        adapter.close()
