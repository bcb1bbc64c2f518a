"""Golden records read and searched as FHIR resources."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from fhir.resources.inventoryitem import InventoryItem
from fhir.resources.R4B import get_fhir_model_class

from mdm import permissions
from mdm.fhir import search
from mdm.models import CodeSystem, GoldenRecord, Item, Location, Supplier, SupplierAddress
from tests.mdm.api import world

GOLDEN = "urn:concord:id"


def parsed(answer) -> dict[str, Any]:
    """The body, which an independent reader of R4B takes as well."""
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    get_fhir_model_class(body["resourceType"]).model_validate_json(answer.content)
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [entry["resource"]["id"] for entry in body.get("entry", [])]


def link(body: dict[str, Any], relation: str) -> str | None:
    return next((one["url"] for one in body["link"] if one["relation"] == relation), None)


@pytest.fixture
def acme(db) -> GoldenRecord:
    holding, record = world.golden("Acme Holdings", "supplier"), world.golden("Acme Medical", "supplier")
    Supplier.objects.filter(golden=record).update(
        dba_names=["Acme"], supplier_type="distributor", lifecycle="active", parent=holding, ein="12-3456789",
        gln="0801741000009", phone="+1 312 555 0100", email="orders@example.org", payment_terms="2/10 N30",
    )  # fmt: skip
    SupplierAddress.objects.create(supplier_id=record.pk, purpose="remit_to", line2="Dept 4", city="Chicago")
    world.coded(record, world.code_system("erp-supplier", "supplier", kind="primary"), "V-7")
    return record


@pytest.fixture
def glove(db) -> GoldenRecord:
    record = world.golden("GLOVE NITRILE L")
    Item.objects.filter(golden=record).update(
        manufacturer="Acme", catalogue_number="N-1", brand="Shield", gtin="00801741012345", udi_di="00801741012345",
        latex="free", mri_safety="safe", sterile=False, unspsc="42132203", gmdn_term="Glove", base_uom="EA",
    )  # fmt: skip
    world.packed(record, EA=1, BX=100)
    return record


def test_a_supplier_is_an_organization(api, acme):
    answer = api.get(f"/fhir/Organization/{acme.public_id}")
    body = parsed(answer)
    assert answer["Content-Type"] == "application/fhir+json"
    assert answer["ETag"] == f'W/"{body["meta"]["versionId"]}"'
    assert (body["name"], body["active"], body["alias"]) == ("Acme Medical", True, ["Acme"])
    assert {(one["system"], one["value"]) for one in body["identifier"]} == {
        (GOLDEN, acme.public_id),
        ("urn:concord:code-system:erp-supplier", "V-7"),
        ("urn:oid:2.16.840.1.113883.4.4", "12-3456789"),
        ("https://www.gs1.org/gln", "0801741000009"),
    }
    assert body["partOf"]["reference"].startswith("Organization/MDM-SU-")
    assert body["partOf"]["display"] == "Acme Holdings"
    (address,) = body["address"]
    assert (address["use"], address["line"]) == ("billing", [None, "Dept 4"])


def test_an_item_is_a_device_definition(api, glove):
    body = parsed(api.get(f"/fhir/DeviceDefinition/{glove.public_id}"))
    assert body["udiDeviceIdentifier"][0]["issuer"] == "http://hl7.org/fhir/NamingSystem/gs1-di"
    assert [one["coding"][0]["code"] for one in body["safety"]] == ["C106038", "C106045"]
    assert body["type"] == {"coding": [{"system": "http://www.unspsc.org", "code": "42132203"}], "text": "Glove"}
    packs = [e["extension"] for e in body["extension"] if e["url"] == "urn:concord:extension:item:packaging"]
    assert packs[1][:2] == [{"url": "uom", "valueString": "BX"}, {"url": "quantity", "valueInteger": 100}]


def test_an_item_is_an_inventory_item_in_r5(api, glove):
    answer = api.get(f"/fhir/r5/InventoryItem/{glove.public_id}")
    InventoryItem.model_validate_json(answer.content)
    body = answer.json()
    assert (body["status"], body["baseUnit"]["coding"][0]["code"]) == ("active", "EA")
    assert {one["name"] for one in body["name"]} == {"Shield", "GLOVE NITRILE L"}
    assert ids(api.get("/fhir/r5/InventoryItem", {"code": "42132203"}).json()) == [glove.public_id]


def test_locations_and_cost_centers_are_read(api):
    parent, ward, center = world.golden("General", "location"), world.golden("4 West", "location"), world.golden(
        "Telemetry", "cost_center"
    )  # fmt: skip
    Location.objects.filter(golden=ward).update(location_type="unit", parent=parent, cost_center=center, line1="5 Main")
    body = parsed(api.get(f"/fhir/Location/{ward.public_id}"))
    assert (body["status"], body["physicalType"]["coding"][0]["code"]) == ("active", "wa")
    assert body["address"] == {"line": ["5 Main"]}
    assert parsed(api.get(f"/fhir/Organization/{center.public_id}"))["type"] == [
        {"coding": [{"system": "urn:concord:domain", "code": "cost-center"}]}
    ]
    assert ids(parsed(api.get("/fhir/Location", {"partof": f"Location/{parent.public_id}"}))) == [ward.public_id]


def test_what_the_client_has_already_is_not_sent_again_until_a_code_joins(api, acme):
    address = f"/fhir/Organization/{acme.public_id}"
    tag = api.get(address)["ETag"]
    assert api.get(address, headers={"If-None-Match": tag}).status_code == 304
    world.coded(acme, world.code_system("ehr-supplier", "supplier", kind="primary"), "S-1")
    assert api.get(address, headers={"If-None-Match": tag}).status_code == 200


def test_a_merged_record_is_inactive_and_says_what_replaces_it(api, acme):
    loser = world.merged(world.golden("ACME MED", "supplier"), acme)
    body = parsed(api.get(f"/fhir/Organization/{loser.public_id}"))
    assert (body["id"], body["active"]) == (loser.public_id, False)
    replaced = next(e for e in body["extension"] if e["url"] == "urn:concord:extension:replaced-by")
    assert replaced["valueReference"]["reference"] == f"Organization/{acme.public_id}"


def test_drafts_and_records_of_another_kind_are_not_there(api, acme):
    draft = world.golden("DRAFT", "supplier", status="draft", approved_version=0)
    for address in (f"Organization/{draft.public_id}", f"Location/{acme.public_id}", "Organization/x", "Patient/1"):
        answer = api.get(f"/fhir/{address}")
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (404, "not-found")


@pytest.mark.parametrize(("query", "found"), [
    ("name=acme", {"Acme Holdings", "Acme Medical"}),
    ("name=medical", set()),
    ("name:contains=medical", {"Acme Medical"}),
    ("name:exact=Acme%20Medical", {"Acme Medical"}),
    ("name=acme%20h,acme%20m", {"Acme Holdings", "Acme Medical"}),
    ("name=acme&name:contains=hold", {"Acme Holdings"}),
    ("identifier=urn:concord:code-system:erp-supplier|V-7", {"Acme Medical"}),
    ("identifier=urn:concord:code-system:erp-supplier|", {"Acme Medical"}),
    ("identifier=V-7", {"Acme Medical"}),
    ("identifier=http://nowhere.example|V-7", set()),
    ("type=distributor", {"Acme Medical"}),
    ("type=urn:concord:domain|supplier", {"Acme Holdings", "Acme Medical"}),
    ("type=cost-center", set()),
    ("active=true", {"Acme Holdings", "Acme Medical"}),
    ("active=false", set()),
    ("_lastUpdated=ge2026-01-01", {"Acme Holdings", "Acme Medical"}),
    ("_lastUpdated=lt2026", set()),
])  # fmt: skip
def test_organizations_are_found(api, acme, query, found):
    body = parsed(api.get(f"/fhir/Organization?{query}"))
    assert {entry["resource"]["name"] for entry in body.get("entry", [])} == found
    assert all(entry["search"]["mode"] == "match" for entry in body.get("entry", []))


def test_ids_and_golden_identifiers_find_the_record(api, acme):
    for query in (f"_id={acme.public_id}", f"identifier={GOLDEN}|{acme.public_id}", f"identifier={acme.public_id}"):
        assert ids(parsed(api.get(f"/fhir/Organization?{query}"))) == [acme.public_id]


def test_a_code_finds_its_record_from_the_day_on_which_it_begins(api, acme):
    system, today = CodeSystem.objects.get(slug="erp-supplier"), timezone.localdate()
    for code, begins in (("SOON", today + dt.timedelta(days=2)), ("SINCE", today - dt.timedelta(days=2))):
        world.coded(acme, system, code, valid_from=begins, preferred=False)
    assert ids(parsed(api.get("/fhir/Organization?identifier=SOON"))) == []
    assert ids(parsed(api.get("/fhir/Organization?identifier=SINCE,V-7"))) == [acme.public_id]


def test_a_code_is_found_without_reading_all_records(api, acme):
    query = search.parse("Organization", ("supplier",), QueryDict("identifier=V-7,nobody"), lenient=False)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # so few rows are read whole otherwise
    plan = search.matching(query).explain()
    assert "SubPlan" not in plan
    assert "(id = " in plan[plan.index("Index Cond") :], plan


def test_what_is_contained_must_say_something(api, acme):
    answer = api.get("/fhir/Organization?name:contains=ac")
    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")


def test_no_record_has_an_id_that_no_database_holds(api, acme):
    for path in ("/fhir/Organization/%00", "/fhir/Organization/a%ED%A0%80"):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["resourceType"]) == (404, "OperationOutcome")


@pytest.mark.parametrize(
    "query", ["name=glove", "status=active", "type=42132203", "manufacturer=ac", "model-number=N-1"]
)
def test_items_are_found(api, glove, query):
    assert ids(parsed(api.get(f"/fhir/DeviceDefinition?{query}"))) == [glove.public_id]
    assert ids(parsed(api.get("/fhir/DeviceDefinition?status=inactive"))) == []


def test_a_search_goes_on_over_pages_and_misses_nothing_that_changes_meanwhile(api):
    begin = timezone.now() - dt.timedelta(hours=1)
    sites = [world.golden(f"SITE {n}", "location", updated_at=begin + dt.timedelta(minutes=n // 2)) for n in range(7)]
    first = parsed(api.get("/fhir/Location", {"_count": 3}))
    assert ids(first) == [site.public_id for site in sites[:3]]
    GoldenRecord.objects.filter(pk=sites[4].pk).update(updated_at=timezone.now())
    second = parsed(api.get(link(first, "next")))
    third = parsed(api.get(link(second, "next")))
    assert ids(second) + ids(third) == [sites[n].public_id for n in (3, 5, 6, 4)]
    assert link(third, "next") is None


def test_organizations_page_over_both_domains(api):
    every = {world.golden(f"N{n}", domain).public_id for n in range(3) for domain in ("supplier", "cost_center")}
    body, found = parsed(api.get("/fhir/Organization", {"_count": 2})), []
    while True:
        found += ids(body)
        if not (following := link(body, "next")):
            break
        body = parsed(api.get(following))
    assert len(found) == 6
    assert set(found) == every


def test_totals_are_told_to_those_who_ask(api, acme):
    assert "total" not in parsed(api.get("/fhir/Organization"))
    assert parsed(api.get("/fhir/Organization?_total=accurate"))["total"] == 2
    counted = parsed(api.get("/fhir/Organization?_summary=count"))
    assert (counted["total"], "entry" in counted) == (2, False)
    page = parsed(api.get("/fhir/Organization?_total=accurate&_count=1"))
    assert parsed(api.get(link(page, "next")))["total"] == 2


def test_only_the_elements_asked_for_are_sent_and_what_says_whether_it_is_in_use(api, acme, glove):
    bundle = parsed(api.get("/fhir/Organization?identifier=V-7&_elements=name,Organization.telecom"))
    shown = bundle["entry"][0]["resource"]
    assert set(shown) == {"resourceType", "id", "meta", "active", "name", "telecom"}
    assert [tag["code"] for tag in shown["meta"]["tag"]] == ["SUBSETTED"]
    assert "_elements=name%2COrganization.telecom" in link(bundle, "self")
    assert parsed(api.get(f"/fhir/Organization/{acme.public_id}?_elements=name,telecom")) == shown
    item = api.get(f"/fhir/r5/InventoryItem/{glove.public_id}?_elements=code").json()
    assert set(item) == {"resourceType", "id", "meta", "status", "code"}
    assert "tag" not in parsed(api.get(f"/fhir/Organization/{acme.public_id}"))["meta"]


def test_a_search_may_be_posted_as_a_form(api, acme):
    answer = api.post(
        "/fhir/Organization/_search?active=true", "identifier=V-7", content_type="application/x-www-form-urlencoded"
    )
    assert ids(parsed(answer)) == [acme.public_id]
    assert api.post("/fhir/Organization/_search", {}, content_type="application/json").status_code == 415


@pytest.mark.parametrize("query", [
    "nmae=acme", "name:above=x", "active=perhaps", "_lastUpdated=3%20May", "_lastUpdated=xx2026", "_count=-1",
    "_count=x", "_lastUpdated=9999-12-31", "_cursor=forged", "name=", "name=a,,b", "name=%00", "identifier=|",
    "_id:not=x", "_summary=all", "_total=exact", "_elements=name;x",
])  # fmt: skip
def test_a_search_that_makes_no_sense_is_refused_with_what_to_do(api, query):
    answer = api.get(f"/fhir/Organization?{query}")
    assert answer.status_code == 400, answer.content
    assert answer.json()["issue"][0]["details"]["text"]


@pytest.mark.parametrize("prefer", ["handling=lenient", "Handling=Lenient", 'respond-async, handling="lenient"'])
@pytest.mark.parametrize("kind", ["Organization", "NamingSystem", "ConceptMap", "Organization/_history"])
def test_leniency_is_heard_everywhere_however_it_is_written(api, acme, kind, prefer):
    assert api.get(f"/fhir/{kind}?nmae=x").status_code == 400
    answer = api.get(f"/fhir/{kind}?nmae=x", headers={"Prefer": prefer})
    assert "nmae" not in link(parsed(answer), "self")


@pytest.mark.parametrize("accept", ["application/*", "application/fhir+json; fhirVersion=4.0", "text/html, */*;q=0.8"])
def test_who_can_read_json_is_answered_in_it(api, acme, accept):
    assert api.get("/fhir/Organization", headers={"Accept": accept})["Content-Type"] == "application/fhir+json"


def test_a_client_that_prefers_leniency_is_told_which_filters_were_used(api, acme):
    answer = api.get("/fhir/Organization?name=acme&nmae=x", headers={"Prefer": "handling=lenient"})
    assert link(parsed(answer), "self") == "http://testserver/fhir/Organization?name=acme&_count=50"


def test_one_search_takes_the_same_queries_however_many_are_found(api, django_assert_max_num_queries):
    for n in range(5):
        world.golden(f"SITE {n}", "location")
    api.get("/fhir/Location")
    with django_assert_max_num_queries(5):
        assert len(ids(api.get("/fhir/Location").json())) == 5


def test_reads_need_the_right_to_see_records_and_lookups_that_to_look_up(acme):
    interface = world.machine(world.user("erp-interface", "integration"), permissions.LOOKUP)
    assert interface.get(f"/fhir/Organization/{acme.public_id}").status_code == 403
    assert interface.get("/fhir/NamingSystem").status_code == 200


def test_errors_are_operation_outcomes_with_the_problem_s_code(api, acme):
    stranger = Client().get("/fhir/Organization")
    assert (stranger.status_code, stranger["WWW-Authenticate"]) == (401, "Bearer")
    for answer in (stranger, api.get("/fhir/Organization/x"), api.put("/fhir/Organization/x"), api.get("/fhir/none")):
        get_fhir_model_class("OperationOutcome").model_validate_json(answer.content)
        assert answer["Content-Type"] == "application/fhir+json"
    assert api.delete(f"/fhir/Organization/{acme.public_id}").status_code == 405
    (issue,) = api.get("/fhir/Organization/x").json()["issue"]
    assert issue["details"]["coding"] == [{"system": "urn:concord:problem", "code": "not-found"}]


def test_a_request_with_a_key_is_counted_against_its_limit(api, acme):
    assert api.get("/fhir/Organization")["RateLimit"].startswith('"key";r=')
