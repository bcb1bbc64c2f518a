"""Concord keeps a real Tryton 8 in step; what it holds is read back from Tryton itself, not through our adapter."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mdm.models import User
from sync import reconcile, wakeups
from sync.adapters.base import Adapter, ErrorClass, Kind, State
from sync.adapters.registry import build
from sync.models import Lane
from tests.faults.proxy import Proxy
from tests.interop import kit
from tests.sync import kit as core
from tests.sync.adapters import factory

MODULES = ("party", "product", "purchase", "stock", "analytic_account", "account", "company", "account_product")
PACKAGES = (
    "trytond==8.2.1",
    *(f"trytond-{name.replace('_', '-')}=={version}" for name, version in {
        "party": "8.2.0", "product": "8.2.0", "purchase": "8.2.0", "stock": "8.2.1", "analytic_account": "8.2.0",
        "account": "8.2.1", "company": "8.2.0", "account_product": "8.2.0",
    }.items()),
)  # fmt: skip
PASSWORD = "a long password of the test"
GTIN, OTHER_GTIN = "00801741012341", "10801741012348"


class Tryton:
    """What an administrator of Tryton would see and do, over the same protocol but with none of our code."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(trust_env=False, timeout=60)
        self.context: dict[str, Any] = {"active_test": False}
        self.log_in()

    def log_in(self) -> None:
        user, session, *_ = self._post("common.db.login", ["admin", {"password": PASSWORD}, "en"], "")
        self._session = "Session " + base64.b64encode(f"admin:{user}:{session}".encode()).decode()

    def __call__(self, model: str, method: str, *params: Any) -> Any:
        return self._post(f"model.{model}.{method}", [*params, self.context], self._session)

    def find(self, model: str, code: str, *names: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self(model, "search_read", [["code", "=", code]], 0, None, None, list(names))
        return found

    def one(self, model: str, code: str, *names: str) -> dict[str, Any]:
        (row,) = self.find(model, code, *names)
        return row

    def _post(self, method: str, params: list[Any], session: str) -> Any:
        headers = {"Authorization": session} if session else {}
        answer = self._http.post(self.url, json={"id": 1, "method": method, "params": params}, headers=headers)
        self._http.cookies.clear()
        return answer.raise_for_status().json()["result"]


@pytest.fixture(scope="module")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tryton]:
    python = kit.python_of("tryton", *PACKAGES)
    folder, port = tmp_path_factory.mktemp("tryton"), kit.free_port()
    config = folder / "trytond.conf"
    config.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n")
    shutil.copy(_database(python), folder / "erp.sqlite")
    command = [python.with_name("trytond"), "-c", config, "-d", "erp"]
    with kit.serving(command, port=port, cwd=folder):
        tryton = Tryton(f"http://127.0.0.1:{port}/erp/rpc/")
        _found_a_hospital(tryton)
        yield tryton


def _database(python: Path) -> Path:
    """A fresh database with the modules, made once: it takes a minute."""
    folder = python.parent.parent / "database"
    made = folder / "erp.sqlite"
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        made.touch()
        (folder / "password").write_text(PASSWORD)
        config = folder / "trytond.conf"
        config.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n")
        command = [python.with_name("trytond-admin"), "-c", config, "-d", "erp", "--all", "--activate-dependencies",
                   "--email", "admin@example.org", "-u", *MODULES]  # fmt: skip
        env = {**os.environ, "TRYTONPASSFILE": str(folder / "password")}
        subprocess.run(command, env=env, check=True, capture_output=True, timeout=kit.INSTALLING)
        (folder / "made").touch()
    return made


def _found_a_hospital(tryton: Tryton) -> None:
    """What an administrator sets up once: a currency, a company, a root for cost centers, countries."""
    rounding = {"__class__": "Decimal", "decimal": "0.01"}
    money = {"name": "US Dollar", "symbol": "$", "code": "USD", "digits": 2, "rounding": rounding}
    (currency,) = tryton("currency.currency", "create", [money])
    (party,) = tryton("party.party", "create", [{"name": "General Hospital", "code": "GENHOSP"}])
    (company,) = tryton("company.company", "create", [{"party": party, "currency": currency}])
    tryton("res.user", "write", [1], {"companies": [["add", [company]]], "company": company})
    tryton.context["company"] = company
    root = {"name": "Cost centers", "code": "CC", "type": "root", "state": "opened", "company": company}
    tryton("analytic_account.account", "create", [root])
    (country,) = tryton("country.country", "create", [{"name": "United States", "code": "US"}])
    state = {"name": "Illinois", "code": "US-IL", "type": "state", "country": country}
    tryton("country.subdivision", "create", [state])


MODEL = {
    "supplier": "party.party",
    "item": "product.template",
    "location": "stock.location",
    "cost_center": "analytic_account.account",
}


def mark_of(tryton: Tryton, model: str, code: str) -> dict[str, Any]:
    """The link that stands on a record."""
    resource = f"{model},{tryton.one(model, code, 'id')['id']}"
    names = ["name", "link", "description"]
    (mark,) = tryton("ir.attachment", "search_read", [["resource", "=", resource]], 0, None, None, names)
    found: dict[str, Any] = mark
    return found


def config_of(tryton: Tryton) -> dict[str, Any]:
    base = tryton.url.removesuffix("/erp/rpc/")
    login = {"base_url": base, "database": "erp", "username": "admin", "password": "TRYTON_PASSWORD"}
    return {**login, "record_url": "https://mdm.example.org/records/{id}"}


@pytest.fixture
def adapter(tryton: Tryton) -> Iterator[Adapter]:
    adapter = build("tryton", config_of(tryton), {"TRYTON_PASSWORD": PASSWORD})
    yield adapter
    adapter.close()


def deliver(adapter: Adapter, *messages: Any) -> list[Any]:
    return adapter.send(factory.rendered(adapter, *messages))


def supplier(number: int, **attributes: Any) -> Any:
    given = {"ein": "36-4567890", "parent": None, **attributes}
    return factory.message("supplier", number, **given)


def read_back(adapter: Adapter, domain: str, message: Any) -> Any:
    (record,) = adapter.read(domain, [message.record])
    return record


def test_the_connection_is_checked_and_a_wrong_password_is_told(tryton: Tryton, adapter: Adapter) -> None:
    assert "answers" in adapter.check()
    stranger = build("tryton", config_of(tryton), {"TRYTON_PASSWORD": "wrong"})
    (outcome,) = deliver(stranger, supplier(900))
    assert (outcome.state, outcome.error_class, outcome.connection) == (State.RETRY, ErrorClass.AUTH, True)


def test_a_supplier_becomes_a_party_with_identifiers_contacts_and_addresses(tryton: Tryton, adapter: Adapter) -> None:
    message = supplier(1, codes=())
    (outcome,) = deliver(adapter, message)
    party = tryton.one(
        "party.party", message.record, "name", "active", "identifiers.type", "identifiers.code",
        "contact_mechanisms.value", "addresses.street", "addresses.subdivision.code", "addresses.invoice",
    )  # fmt: skip
    assert (outcome.state, outcome.target_code) == (State.ACKNOWLEDGED, message.record)
    assert (party["name"], party["active"]) == ("Acme Medical", 1)
    assert {(i["type"], i["code"]) for i in party["identifiers."]} >= {
        ("us_ein", "36-4567890"),
        (None, "DUNS 150483782"),
    }
    assert {a["subdivision."]["code"] for a in party["addresses."]} == {"US-IL"}
    record = read_back(adapter, "supplier", message)
    assert (record.version, record.generation, record.active) == (1, 0, True)
    assert record.values == adapter.expected(message)


def test_the_same_bytes_again_change_nothing_and_an_older_version_is_let_go(tryton: Tryton, adapter: Adapter) -> None:
    newer, older = supplier(2, version=3, name="Newer"), supplier(2, version=2, name="Older")
    deliver(adapter, newer)
    before = tryton.one("party.party", newer.record, "_timestamp")
    outcomes = [*deliver(adapter, newer), *deliver(adapter, older)]
    assert [o.state for o in outcomes] == [State.ACKNOWLEDGED] * 2
    assert tryton.one("party.party", newer.record, "_timestamp") == before
    assert read_back(adapter, "supplier", newer).values["name"] == "Newer"


def test_an_update_changes_rows_in_place_and_leaves_alone_what_people_added(tryton: Tryton, adapter: Adapter) -> None:
    first = supplier(3)
    deliver(adapter, first)
    party = tryton.one("party.party", first.record, "addresses.street", "identifiers.code")
    tryton("party.identifier", "create", [{"party": party["id"], "code": "Our account 77"}])
    ordering, _ = factory.ATTRIBUTES["supplier"]["addresses"]
    second = supplier(3, version=2, name="Acme Two", duns=None, addresses=[{**ordering, "line1": "2 Main St"}])
    deliver(adapter, second)
    after = tryton.one("party.party", first.record, "name", "addresses.street", "addresses.active", "identifiers.code")
    assert after["name"] == "Acme Two"
    assert {a["id"] for a in after["addresses."]} == {a["id"] for a in party["addresses."]}
    assert {(a["street"], a["active"]) for a in after["addresses."]} == {("2 Main St", 1), ("PO Box 7\nDept 4", 0)}
    assert "Our account 77" in {i["code"] for i in after["identifiers."]}
    assert "DUNS 150483782" not in {i["code"] for i in after["identifiers."]}
    assert read_back(adapter, "supplier", second).values == adapter.expected(second)


def test_a_party_that_was_there_before_is_adopted_by_its_code(tryton: Tryton, adapter: Adapter) -> None:
    tryton("party.party", "create", [{"name": "old name", "code": "V-4711"}])
    message = supplier(4, codes=("V-4711",))
    (outcome,) = deliver(adapter, message)
    item = factory.message("item", 4, gtin=GTIN, udi_di=None, supplier_parts=[
        {"supplier": {"id": message.record}, "number": "A-1", "price": "12.50", "currency": "USD"}],
        preferred_supplier={"id": message.record})  # fmt: skip
    (second,) = deliver(adapter, item)
    held = tryton.one("product.template", item.record, "product_suppliers.party.code")
    assert (outcome.state, outcome.target_code, second.state) == (State.ACKNOWLEDGED, "V-4711", State.ACKNOWLEDGED)
    assert tryton.one("party.party", "V-4711", "name")["name"] == "Acme Medical"
    assert [row["party."]["code"] for row in held["product_suppliers."]] == ["V-4711"]
    assert tryton.find("party.party", message.record, "id") == []
    assert read_back(adapter, "item", item).values == adapter.expected(item)


def test_items_locations_and_cost_centers_read_back_as_sent(tryton: Tryton, adapter: Adapter) -> None:
    seller = supplier(5)
    places = [
        factory.message("location", 51, parent=None, location_type="building", name="General Hospital"),
        factory.message("location", 52, parent={"id": "MDM-LO-000051"}),
    ]
    centers = [
        factory.message("cost_center", 51, code="6010", parent=None),
        factory.message("cost_center", 52, parent={"id": "MDM-CC-000051"}),
    ]
    part = {"supplier": {"id": seller.record}, "number": "ACM-0165", "price": "120.50", "currency": "USD"}
    item = factory.message(
        "item", 5, gtin=OTHER_GTIN, udi_di=OTHER_GTIN, supplier_parts=[part], preferred_supplier=part["supplier"]
    )
    messages = [seller, *centers, *places, item]
    outcomes = [deliver(adapter, message)[0] for message in messages]  # each waits for what it refers to
    assert [(o.state, o.error) for o in outcomes] == [(State.ACKNOWLEDGED, "")] * len(messages)
    assert outcomes[2].target_code == "6010-442"
    for message in messages:
        assert read_back(adapter, message.domain, message).values == adapter.expected(message)
    place = tryton.one("stock.location", "MDM-LO-000052", "type", "parent.code")
    assert (place["type"], place["parent."]["code"]) == ("storage", "MDM-LO-000051")
    assert tryton.one("analytic_account.account", "6010-442", "parent.code")["parent."]["code"] == "6010"
    assert tryton.one("analytic_account.account", "6010", "parent.code")["parent."]["code"] == "CC"


BARE = {
    "supplier": {"ein": None, "parent": None},
    "item": {"gtin": None, "udi_di": None, "supplier_parts": [], "preferred_supplier": None},
    "location": {"parent": None},
    "cost_center": {"parent": None},
}


@pytest.mark.parametrize("domain", BARE)
def test_a_merged_record_is_deactivated_and_says_what_replaces_it_until_it_is_split_off(
    tryton: Tryton, adapter: Adapter, domain: str
) -> None:
    def loser(version: int, kind: Kind, **more: Any) -> Any:
        own = {"code": "X-62"} if domain == "cost_center" else {}
        return factory.message(domain, 62, version=version, kind=kind, **BARE[domain], **own, **more)

    survivor = factory.message(domain, 61, **BARE[domain], **({"code": "X-61"} if domain == "cost_center" else {}))
    deliver(adapter, survivor, loser(1, Kind.UPSERT))
    (gone,) = deliver(adapter, loser(2, Kind.MERGE, merged_into=survivor.record))
    model, code = MODEL[domain], gone.target_code
    assert (gone.state, tryton.one(model, code, "active")["active"]) == (State.ACKNOWLEDGED, 0)
    assert f"Replaced by {survivor.record}" in mark_of(tryton, model, code)["description"]
    assert not read_back(adapter, domain, loser(2, Kind.MERGE)).active
    (back,) = deliver(adapter, loser(3, Kind.UNMERGE))
    assert (back.state, tryton.one(model, code, "active")["active"]) == (State.ACKNOWLEDGED, 1)
    assert mark_of(tryton, model, code)["description"] == "version 3.0"


def test_a_merged_product_names_its_replacement_as_tryton_does(tryton: Tryton, adapter: Adapter) -> None:
    bare = BARE["item"]
    deliver(adapter, *(factory.message("item", number, **bare) for number in (63, 64)))
    deliver(adapter, factory.message("item", 64, version=2, kind=Kind.MERGE, merged_into="MDM-IT-000063", **bare))
    code = "products.replaced_by.code"
    assert (
        tryton.one("product.template", "MDM-IT-000064", code)["products."][0]["replaced_by."]["code"] == "MDM-IT-000063"
    )
    deliver(adapter, factory.message("item", 64, version=3, kind=Kind.UNMERGE, **bare))
    assert tryton.one("product.template", "MDM-IT-000064", code)["products."][0]["replaced_by."] is None


def test_what_tryton_refuses_goes_to_a_person_and_passes_once_it_is_mended(tryton: Tryton, adapter: Adapter) -> None:
    wrong, fine = supplier(7, ein="00-1"), supplier(8)
    refused, accepted = deliver(adapter, wrong, fine)
    assert (refused.state, refused.error_class) == (State.REJECTED, ErrorClass.VALIDATION)
    assert "Employer Identification Number" in refused.error
    assert accepted.state is State.ACKNOWLEDGED
    assert tryton.find("party.party", wrong.record, "id") == []
    (mended,) = deliver(adapter, supplier(7, version=2))
    assert mended.state is State.ACKNOWLEDGED


def test_a_state_that_tryton_does_not_know_is_named(tryton: Tryton, adapter: Adapter) -> None:
    address = {**factory.ATTRIBUTES["supplier"]["addresses"][0], "state": "TX"}
    (outcome,) = deliver(adapter, supplier(9, addresses=[address]))
    assert outcome.state is State.REJECTED
    assert "country.subdivision with code US-TX" in outcome.error


def test_a_record_that_somebody_changes_meanwhile_is_tried_again(
    tryton: Tryton, adapter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = supplier(10)
    deliver(adapter, message)
    number = tryton.one("party.party", message.record, "id")["id"]
    known = adapter._writer._known

    def meanwhile(*args: Any) -> Any:
        tryton("party.party", "write", [number], {"name": "by hand"})
        return known(*args)

    monkeypatch.setattr(adapter._writer, "_known", meanwhile)
    (conflict,) = deliver(adapter, supplier(10, version=2, name="ours"))
    monkeypatch.undo()
    (again,) = deliver(adapter, supplier(10, version=2, name="ours"))
    assert (conflict.state, again.state) == (State.RETRY, State.ACKNOWLEDGED)
    assert tryton.one("party.party", message.record, "name")["name"] == "ours"


def test_a_connection_that_breaks_and_a_session_that_ends_lose_and_repeat_nothing(tryton: Tryton) -> None:
    config = config_of(tryton)
    with Proxy("127.0.0.1", int(config["base_url"].rpartition(":")[2])) as proxy:
        behind = {"base_url": f"http://127.0.0.1:{proxy.port}"}
        adapter: Any = build("tryton", {**config, **behind}, {"TRYTON_PASSWORD": PASSWORD})
        first, second = supplier(13), supplier(14)
        assert deliver(adapter, first)[0].state is State.ACKNOWLEDGED
        proxy.refuse()
        (away,) = deliver(adapter, second)
        proxy.listen()
        assert (away.state in (State.RETRY, State.UNKNOWN), away.connection) == (True, True)
        assert deliver(adapter, second)[0].state is State.ACKNOWLEDGED
        proxy.manners.append("reset after")
        adapter.close()
        (lost,) = deliver(adapter, supplier(14, version=2, name="Fourteen"))
        assert (lost.state in (State.RETRY, State.UNKNOWN), lost.connection) == (True, True)
        assert deliver(adapter, supplier(14, version=2, name="Fourteen"))[0].state is State.ACKNOWLEDGED
        tryton("res.user", "write", [1], {"password": PASSWORD})  # which ends every session of the user
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            tryton("party.party", "search", [])
        tryton.log_in()
        assert deliver(adapter, supplier(13, version=2, name="Thirteen"))[0].state is State.ACKNOWLEDGED
        adapter.close()
    assert [tryton.one("party.party", m.record, "name")["name"] for m in (first, second)] == ["Thirteen", "Fourteen"]


def test_a_retired_supplier_is_inactive(tryton: Tryton, adapter: Adapter) -> None:
    deliver(adapter, supplier(15), supplier(15, version=2, kind=Kind.RETIRE))
    assert tryton.one("party.party", supplier(15).record, "active")["active"] == 0
    assert not read_back(adapter, "supplier", supplier(15)).active


def test_a_user_without_administration_is_enough(tryton: Tryton) -> None:
    groups = tryton("res.group", "search_read", [["name", "!=", "Administration"]], 0, None, None, ["name"])
    company = tryton.context["company"]
    user = {"name": "Concord", "login": "concord", "groups": [["add", [g["id"] for g in groups]]],
            "companies": [["add", [company]]], "company": company, "password": PASSWORD}  # fmt: skip
    tryton("res.user", "create", [user])
    adapter = build("tryton", {**config_of(tryton), "username": "concord"}, {"TRYTON_PASSWORD": PASSWORD})
    outcomes = [deliver(adapter, message)[0] for message in (supplier(12), supplier(12, version=2, name="Twelve"))]
    assert [(o.state, o.error) for o in outcomes] == [(State.ACKNOWLEDGED, "")] * 2
    assert read_back(adapter, "supplier", supplier(12)).values["name"] == "Twelve"
    adapter.close()


def test_the_link_on_a_record_leads_to_the_golden_record(tryton: Tryton, adapter: Adapter) -> None:
    message = supplier(11, version=4)
    deliver(adapter, message)
    link = mark_of(tryton, "party.party", message.record)
    assert link["name"] == f"Concord {message.record}"
    assert link["link"] == f"https://mdm.example.org/records/{message.record}"
    assert link["description"] == "version 4.0"


def test_the_outbox_delivers_and_reconciling_finds_what_was_changed_by_hand(
    tryton: Tryton, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "wake", lambda target_id: True)
    target = core.make_target("tryton", adapter="tryton", config=config_of(tryton), subscriptions={"supplier": {}})
    target.secrets = {"TRYTON_PASSWORD": PASSWORD}
    target.save()
    golden = core.create(name="Drifting Medical")
    core.GoldenRecord.objects.filter(pk=golden.pk).update(public_id="MDM-SU-000777")
    core.deliver(target)
    lane = Lane.objects.get(target=target, record=golden)
    assert (lane.acked, lane.error) == (1, "")
    run = reconcile.compare(target, actor=User.objects.system())
    assert (run.error, run.drifts.filter(public_id="MDM-SU-000777").count()) == ("", 0)
    number = tryton.one("party.party", "MDM-SU-000777", "id")["id"]
    tryton("party.party", "write", [number], {"name": "Changed in Tryton"})
    drift = reconcile.compare(target, actor=User.objects.system()).drifts.get(public_id="MDM-SU-000777")
    assert (drift.kind, drift.fields) == ("values", {"name": ["Drifting Medical", "Changed in Tryton"]})
    core.update(golden)
    core.deliver(target)
    assert tryton.one("party.party", "MDM-SU-000777", "name")["name"] == "Drifting Medical"
    assert not reconcile.compare(target, actor=User.objects.system()).drifts.filter(record=golden).exists()
