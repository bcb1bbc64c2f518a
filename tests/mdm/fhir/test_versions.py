"""Order of searches, versions of records, and what the server says it can do with codes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.terminologycapabilities import TerminologyCapabilities

from mdm.fhir import versions
from mdm.models import ChangeEvent
from mdm.services import change, crosswalk
from tests.mdm import kit
from tests.mdm.api import world

HALDEN = {"name": "Halden Medical Inc", "supplier_type": "distributor"}


def parsed(answer) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    get_fhir_model_class(body["resourceType"]).model_validate_json(answer.content)
    return body


def walk(api: Client, address: str, **query: str) -> list[dict[str, Any]]:
    """The resources of every page."""
    found, page = [], parsed(api.get(address, query))
    while True:
        found += [entry["resource"] for entry in page.get("entry", [])]
        following = [one["url"] for one in page["link"] if one["relation"] == "next"]
        if not following:
            return found
        page = parsed(api.get(following[0].removeprefix("http://testserver")))


# ----------------------------------------------------------------------------------------------------------------- sort
@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("name", ["Alpha", "Beta", "Beta", "Gamma"]),
        ("-name", ["Gamma", "Beta", "Beta", "Alpha"]),
        ("-_lastUpdated", ["Beta", "Alpha", "Gamma", "Beta"]),
        ("name,-_id", ["Alpha", "Beta", "Beta", "Gamma"]),
    ],
)
@pytest.mark.parametrize("count", ["1", "3", "50"])
def test_a_search_comes_in_the_order_asked_for_page_by_page(api, sort, names, count):
    domains = ("supplier", "cost_center", "supplier", "cost_center")
    made = [
        world.golden(name, domain) for name, domain in zip(("Beta", "Gamma", "Alpha", "Beta"), domains, strict=True)
    ]
    found = walk(api, "/fhir/Organization", _sort=sort, _count=count)
    assert [one["name"] for one in found] == names
    assert {one["id"] for one in found} == {one.public_id for one in made}
    if sort == "name,-_id":
        assert found[1]["id"] > found[2]["id"]


def test_an_order_that_there_is_not_is_refused_or_ignored_as_the_client_prefers(api):
    record = world.golden("Acme", "supplier")
    refused = api.get("/fhir/Organization", {"_sort": "telecom"})
    assert refused.status_code == 400
    assert "_lastUpdated, _id, name" in refused.content.decode()
    lenient = api.get("/fhir/Organization", {"_sort": "telecom"}, headers={"Prefer": "handling=lenient"})
    assert [entry["resource"]["id"] for entry in parsed(lenient)["entry"]] == [record.public_id]


def test_a_cursor_holds_for_its_order_alone(api):
    for name in ("Alpha", "Beta"):
        world.golden(name, "supplier")
    page = parsed(api.get("/fhir/Organization", {"_sort": "name", "_count": "1"}))
    following = next(one["url"] for one in page["link"] if one["relation"] == "next").removeprefix("http://testserver")
    assert api.get(following.replace("_sort=name", "_sort=-name")).status_code == 400


# ------------------------------------------------------------------------------------------------------------- versions
@pytest.fixture
def supplier(db):
    """A record of two versions, whose code in the ERP came with the second."""
    kit.feed("sup", {"V1": HALDEN}, "supplier")
    golden = kit.golden("sup", "V1", "supplier")
    change.override(golden=golden, path="name", value="Halden Ltd", actor=kit.steward(), reason="They moved")
    return kit.fresh(golden)


def test_the_history_of_a_record_shows_what_each_version_said_the_newest_first(api, supplier):
    place = f"/fhir/Organization/{supplier.public_id}"
    body = parsed(api.get(f"{place}/_history"))
    assert (body["type"], body["total"]) == ("history", supplier.version)
    assert [entry["resource"]["name"] for entry in body["entry"]] == ["Halden Ltd", "Halden Medical Inc"]
    now = parsed(api.get(place))
    assert body["entry"][0]["resource"] == now
    assert body["entry"][0]["response"]["etag"] == f'W/"{now["meta"]["versionId"]}"'


def test_history_pages_and_begins_where_the_client_says(api, supplier):
    place = f"/fhir/Organization/{supplier.public_id}/_history"
    assert [one["name"] for one in walk(api, place, _count="1")] == ["Halden Ltd", "Halden Medical Inc"]
    since = parsed(api.get(place))["entry"][0]["response"]["lastModified"]
    assert [one["name"] for one in walk(api, place, _since=since)] == ["Halden Ltd"]
    assert parsed(api.get(place, {"_count": "0"})).get("entry") is None
    for query in ({"_since": "yesterday"}, {"_at": "2026"}, {"_count": "x"}):
        assert api.get(place, query).status_code == 400


def test_every_version_that_the_history_names_can_be_read(api, supplier):
    place = f"/fhir/Organization/{supplier.public_id}/_history"
    for entry in parsed(api.get(place))["entry"]:
        answer = api.get(f"{place}/{entry['resource']['meta']['versionId']}")
        assert parsed(answer) == entry["resource"]
        assert answer["ETag"] == entry["response"]["etag"]


def test_a_version_whose_codes_came_later_is_read_by_the_id_that_a_read_gave(api, supplier):
    place = f"/fhir/Organization/{supplier.public_id}"
    system = kit.code_system("scm", "supplier")
    crosswalk.add_target_codes(code_system=system, codes={supplier.pk: [("S-7", "")]}, actor=kit.steward())
    now = parsed(api.get(place))
    assert parsed(api.get(f"{place}/_history/{now['meta']['versionId']}")) == now


@pytest.mark.parametrize("vid", ["1", "1-abcdef", "99-x", "x", "-1", "9" * 30, "²-1"])
def test_versions_that_there_are_not_are_not_found(api, supplier, vid):
    assert api.get(f"/fhir/Organization/{supplier.public_id}/_history/{vid}").status_code == 404


def test_drafts_and_records_of_another_kind_have_no_history(api, supplier):
    assert api.get(f"/fhir/Location/{supplier.public_id}/_history").status_code == 404
    draft = world.golden("Draft", "supplier", status="draft", approved_version=0)
    assert api.get(f"/fhir/Organization/{draft.public_id}/_history").status_code == 404


def test_a_page_of_history_is_short(api, supplier, monkeypatch):
    monkeypatch.setattr(versions, "MOST", 1)
    body = parsed(api.get(f"/fhir/Organization/{supplier.public_id}/_history", {"_count": "50"}))
    assert len(body["entry"]) == 1


def test_the_history_of_a_type_has_every_version_of_its_records_the_newest_first(api, supplier):
    kit.feed("sup", {"V2": {"name": "Brown Surgical"}}, "supplier")
    kit.feed("loc", {"L1": {"name": "North Hospital"}}, "location")
    ChangeEvent.objects.update(position=F("id"))  # what the sequencer does once all is committed
    versions = walk(api, "/fhir/Organization/_history", _count="1")
    assert [one["name"] for one in versions] == ["Brown Surgical", "Halden Ltd", "Halden Medical Inc"]
    assert versions[1] == parsed(api.get(f"/fhir/Organization/{supplier.public_id}"))
    since = versions[1]["meta"]["lastUpdated"]
    recent = walk(api, "/fhir/Organization/_history", _since=since)
    assert [one["name"] for one in recent] == ["Brown Surgical", "Halden Ltd"]
    assert parsed(api.get("/fhir/Organization/_history"))["type"] == "history"
    assert api.get("/fhir/Organization/_history", {"_at": "2026"}).status_code == 400


# ---------------------------------------------------------------------------------------------------------- terminology
def test_the_server_tells_which_code_systems_it_knows_to_who_may_look_them_up(api, catheter):
    body = parsed(api.get("/fhir/metadata", {"mode": "terminology"}))
    assert body["translation"] == {"needsMap": False}
    assert {"uri": "urn:concord:code-system:erp-item"} in body["codeSystem"]
    r5 = api.get("/fhir/r5/metadata", {"mode": "terminology"})
    TerminologyCapabilities.model_validate_json(r5.content)
    assert "codeSystem" not in parsed(Client().get("/fhir/metadata", {"mode": "terminology"}))
    assert parsed(api.get("/fhir/metadata", {"mode": "full"}))["resourceType"] == "CapabilityStatement"
    assert api.get("/fhir/metadata", {"mode": "other"}).status_code == 400
