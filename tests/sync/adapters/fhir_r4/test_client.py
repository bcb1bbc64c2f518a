"""What is particular to FHIR: versions and ETags, Bundles, what others keep on the server, refusals in its words."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class

from sync.adapters.base import ConfigError, ErrorClass, Kind, PeerError, State
from sync.adapters.fhir_r4.http import reasons
from sync.adapters.fhir_r4.mapping import delivered, merged
from sync.adapters.http import Reply
from sync.adapters.registry import build
from sync.sandbox.launch import Sandbox
from tests.sync.adapters import factory
from tests.sync.adapters.conftest import Make, deliver


class AtServer:
    """Somebody else at the sandbox's FHIR server."""

    def __init__(self, sandbox: Sandbox) -> None:
        target = sandbox.targets["fhir"]
        config, (secret,) = target["config"], target["secrets"].values()
        token = httpx.post(config["token_url"], data={"grant_type": "client_credentials"}, auth=("concord", secret))
        headers = {"Authorization": f"Bearer {token.json()['access_token']}", "Content-Type": "application/fhir+json"}
        self._http = httpx.Client(base_url=config["base_url"], headers=headers, trust_env=False)

    def one(self, kind: str) -> dict[str, Any]:
        (entry,) = self._http.get(f"/{kind}").json()["entry"]
        found: dict[str, Any] = entry["resource"]
        return found

    def put(self, resource: dict[str, Any]) -> httpx.Response:
        return self._http.put(f"/{resource['resourceType']}/{resource['id']}", content=orjson.dumps(resource))

    def create(self, kind: str, value: str, system: str = "urn:mrn", **elements: Any) -> httpx.Response:
        resource = {"resourceType": kind, "identifier": [{"system": system, "value": value}], **elements}
        return self._http.put(f"/{kind}?identifier={system}|{value}", content=orjson.dumps(resource))


@pytest.fixture
def somebody(sandbox: Sandbox) -> AtServer:
    return AtServer(sandbox)


@pytest.mark.parametrize("domain", factory.DOMAIN_NAMES)
def test_what_is_written_is_valid_r4(make: Make, domain: str) -> None:
    for message in (factory.message(domain, kind=Kind.MERGE, merged_into="MDM-X-1"), factory.empty(domain)):
        body = make("fhir").render(message)
        get_fhir_model_class(orjson.loads(body)["resourceType"]).model_validate_json(body)


def test_the_second_line_of_an_address_is_written_where_the_first_is_not_stated(make: Make) -> None:
    adapter = make("fhir")
    message = factory.message("location", line1=None)
    (outcome,) = deliver(adapter, *factory.rendered(adapter, message))
    (record,) = adapter.read("location")
    assert outcome.state is State.ACKNOWLEDGED
    assert record.values == adapter.expected(message)


def test_what_others_keep_in_the_record_stays(make: Make, somebody: AtServer) -> None:
    adapter = make("fhir")
    deliver(adapter, *factory.rendered(adapter, factory.message("supplier", version=1)))
    theirs = somebody.one("Organization")
    theirs["identifier"].append({"system": "urn:mrn", "value": "77"})
    theirs["telecom"].append({"system": "fax", "value": "555"})
    theirs["contact"] = [{"name": {"text": "Jo"}}]
    theirs["meta"]["tag"] = [{"system": "urn:x", "code": "vip"}]
    assert somebody.put(theirs).status_code == 200

    deliver(adapter, *factory.rendered(adapter, factory.message("supplier", version=2, name="New", phone=None)))

    held = somebody.one("Organization")
    assert held["name"] == "New"
    assert {"system": "urn:mrn", "value": "77"} in held["identifier"]
    assert [one["value"] for one in held["telecom"]] == ["orders@example.org", "https://example.org/?a=1&b=2", "555"]
    assert (held["contact"], held["meta"]["tag"]) == ([{"name": {"text": "Jo"}}], [{"system": "urn:x", "code": "vip"}])
    assert sum(one["system"] == "urn:concord:id" for one in held["identifier"]) == 1


def test_a_value_that_was_changed_at_the_server_is_read_and_put_right_by_the_next_generation(
    make: Make, somebody: AtServer
) -> None:
    adapter = make("fhir")
    deliver(adapter, *factory.rendered(adapter, factory.message("supplier")))
    assert somebody.put({**somebody.one("Organization"), "name": "Typed by hand"}).status_code == 200

    (record,) = adapter.read("supplier")
    assert record.values["name"] == "Typed by hand"

    again = factory.message("supplier", generation=1)
    deliver(adapter, *factory.rendered(adapter, again))
    (record,) = adapter.read("supplier")
    assert record.values == adapter.expected(again)


def test_a_record_that_changes_between_look_and_write_is_looked_at_again(
    make: Make, somebody: AtServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter: Any = make("fhir")
    deliver(adapter, *factory.rendered(adapter, factory.message("supplier", version=1)))
    ask, seen = adapter._server.ask, []

    def meddling(method: str, path: str, **request: Any) -> Any:
        if method == "PUT" and not seen:
            assert (
                somebody.put({**somebody.one("Organization"), "contact": [{"name": {"text": "Jo"}}]}).status_code == 200
            )
        reply = ask(method, path, **request)
        seen.extend([reply.status] if method == "PUT" else [])
        return reply

    monkeypatch.setattr(adapter._server, "ask", meddling)
    (outcome,) = deliver(adapter, *factory.rendered(adapter, factory.message("supplier", version=2, name="New")))

    assert (outcome.state, seen) == (State.ACKNOWLEDGED, [412, 200])
    assert (somebody.one("Organization")["name"], "contact" in somebody.one("Organization")) == ("New", True)


def test_a_record_that_never_holds_still_is_tried_again_later(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter: Any = make("fhir")
    deliver(adapter, *factory.rendered(adapter, factory.message("supplier", version=1)))
    ask = adapter._server.ask
    monkeypatch.setattr(
        adapter._server, "ask", lambda *a, **k: ask(*a, **(k | ({"if_match": 'W/"0"'} if a[0] == "PUT" else {})))
    )

    (outcome,) = deliver(adapter, *factory.rendered(adapter, factory.message("supplier", version=2)))

    assert (outcome.state, outcome.error_class, outcome.connection) == (State.RETRY, ErrorClass.CONFLICT, False)


def test_pages_that_lead_in_a_circle_are_not_read_for_ever(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter: Any = make("fhir")
    link = {"relation": "next", "url": f"{adapter._server.base}/Organization?page=2"}
    page = orjson.dumps({"resourceType": "Bundle", "type": "searchset", "link": [link]})
    monkeypatch.setattr(adapter._server, "ask", lambda *_, **__: Reply(200, {}, page))

    with pytest.raises(PeerError, match="in a circle"):
        list(adapter.read("supplier"))


def test_two_resources_with_one_id_are_a_person_s_to_sort_out(
    make: Make, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter: Any = make("fhir")
    held = [{"resourceType": "Organization", "id": n, "identifier": [
        {"system": "urn:concord:id", "value": "MDM-SU-000001"}]} for n in ("a", "b")]  # fmt: skip
    monkeypatch.setattr(adapter, "_search", lambda *_: iter(held))

    (outcome,) = deliver(adapter, *factory.rendered(adapter, factory.message("supplier")))

    assert (outcome.state, outcome.error_class) == (State.REJECTED, ErrorClass.REFUSED)
    assert "a, b" in outcome.error


@pytest.mark.parametrize("bundle", ["transaction", "batch"])
def test_many_records_travel_in_one_bundle(make: Make, sandbox: Sandbox, bundle: str) -> None:
    adapter: Any = make("fhir", bundle=bundle)
    asked: list[tuple[str, str]] = []
    ask = adapter._server.ask
    adapter._server.ask = lambda method, path, **more: (asked.append((method, path)), ask(method, path, **more))[1]

    outcomes = deliver(adapter, *factory.rendered(adapter, *(factory.message("location", n) for n in range(1, 9))))

    assert {outcome.state for outcome in outcomes} == {State.ACKNOWLEDGED}
    assert asked == [("GET", "/Location"), ("POST", "")]
    codes = [outcome.target_code for outcome in outcomes]
    assert codes == [row["code"] for row in sandbox.state("fhir", "location")]


def test_a_server_that_stops_answering_is_not_waited_for_record_by_record(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = make("fhir")
    messages = [factory.message(number=n) for n in range(1, 6)]
    rendered = factory.rendered(adapter, *messages)
    asked = []

    def ask(method: str, path: str, **_: Any) -> Reply:
        asked.append(method)
        if len(asked) > 2:  # it has refused the Bundle because of one of them
            raise PeerError("No complete answer within 30 s.", ErrorClass.TIMEOUT, maybe_applied=True)
        body = {"resourceType": "Bundle"} if method == "GET" else {"resourceType": "OperationOutcome"}
        return Reply(200 if method == "GET" else 422, {}, orjson.dumps(body))

    monkeypatch.setattr(adapter._server, "ask", ask)
    outcomes = adapter.send(rendered)
    assert asked == ["GET", "POST", "GET"]
    assert [o.error_class for o in outcomes] == [ErrorClass.TIMEOUT, *[ErrorClass.NOT_SENT] * 4]


def test_the_status_inside_a_batch_counts(make: Make, sandbox: Sandbox) -> None:
    sandbox.fault("fhir", "reject", match="MDM-LO-000003")
    adapter = make("fhir", bundle="batch")

    outcomes = deliver(adapter, *factory.rendered(adapter, *(factory.message("location", n) for n in (1, 3, 4))))

    assert [outcome.state for outcome in outcomes] == [State.ACKNOWLEDGED, State.REJECTED, State.ACKNOWLEDGED]
    assert "rejected on demand" in outcomes[1].error


@pytest.mark.parametrize(("kind", "state"), [("garbage", State.UNKNOWN), ("redirect", State.RETRY)])
def test_an_answer_that_is_none_is_no_success(make: Make, sandbox: Sandbox, kind: str, state: State) -> None:
    sandbox.fault("fhir", kind)
    adapter = make("fhir")

    (first,) = deliver(adapter, *factory.rendered(adapter, factory.message()))
    (second,) = deliver(adapter, *factory.rendered(adapter, factory.message()))

    assert (first.state, second.state) == (state, State.ACKNOWLEDGED)
    assert [effect["times"] for effect in sandbox.effects("fhir")] == [1]


def test_a_token_that_has_expired_is_renewed(make: Make, sandbox: Sandbox) -> None:
    adapter = make("fhir")
    adapter.check()
    sandbox.fault("fhir", "expired_token")
    (outcome,) = deliver(adapter, *factory.rendered(adapter, factory.message()))
    assert outcome.state is State.ACKNOWLEDGED


def test_records_that_concord_did_not_write_are_not_read(make: Make, somebody: AtServer) -> None:
    assert somebody.create("Location", "77", name="Theirs").status_code == 201
    assert list(make("fhir").read("location")) == []


def test_the_next_page_may_not_lead_to_another_server(make: Make) -> None:
    adapter: Any = make("fhir")
    with pytest.raises(PeerError, match="another server"):
        adapter._server.path_of("http://169.254.169.254/fhir/Location?page=2")


def test_the_sandbox_refuses_what_real_servers_refuse(somebody: AtServer) -> None:
    assert somebody.create("Location", "1", nmae="x").status_code == 422
    assert somebody.create("Location", "1", name="").status_code == 422
    assert somebody.create("Location", "1", status="closed").status_code == 422
    assert somebody.create("DeviceDefinition", "1", udiDeviceIdentifier=[{"deviceIdentifier": "1"}]).status_code == 422
    assert somebody.put({"resourceType": "Location", "id": "new"}).status_code == 405
    assert somebody.create("Location", "1", name="Ward").status_code == 201
    stale = somebody._http.put(f"/Location/{somebody.one('Location')['id']}", headers={"If-Match": 'W/"9"'},
                               content=orjson.dumps({"resourceType": "Location"}))  # fmt: skip
    assert (stale.status_code, stale.json()["resourceType"]) == (412, "OperationOutcome")


def test_a_check_names_what_is_wrong(make: Make) -> None:
    assert "answers as FHIR 4.0.1" in make("fhir").check()
    with pytest.raises(PeerError, match="No token"):
        make("fhir", client_id="somebody").check()


def test_an_unknown_kind_of_bundle_is_refused(sandbox: Sandbox) -> None:
    found = sandbox.targets["fhir"]
    with pytest.raises(ConfigError, match="transaction or batch"):
        build("fhir_r4", {**found["config"], "bundle": "history"}, found["secrets"])


def test_an_outcome_is_told_in_the_server_s_words() -> None:
    issues = [{"diagnostics": "no such element"}, {"details": {"text": "bad"}}, {"code": "invalid"}, 5]
    assert reasons({"issue": issues}) == ["no such element", "bad", "invalid"]
    assert reasons(None) == []


def test_a_resource_that_says_no_version_counts_as_never_written() -> None:
    assert delivered({"resourceType": "Location"}) == (0, 0)


def test_a_maker_that_is_a_reference_gives_way_to_ours() -> None:
    held = {"resourceType": "DeviceDefinition", "id": "1", "manufacturerReference": {"reference": "Organization/9"}}
    made = merged(held, {"resourceType": "DeviceDefinition", "manufacturerString": "Acme"})
    assert made == {"resourceType": "DeviceDefinition", "id": "1", "manufacturerString": "Acme"}
