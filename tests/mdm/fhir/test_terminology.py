"""Naming systems, concept maps, ``$lookup`` and what the server says about itself."""

from __future__ import annotations

import pytest
from django.test import Client
from fhir.resources.capabilitystatement import CapabilityStatement as R5Statement
from fhir.resources.R4B import get_fhir_model_class

from mdm.fhir import terminology
from tests.mdm.api import world
from tests.mdm.fhir.test_records import ids, link, parsed

LOOKUP = "/fhir/CodeSystem/$lookup"
ERP = "urn:concord:code-system:erp-item"


def said(body, name):
    """The value of a property."""
    for parameter in body["parameter"]:
        if parameter["name"] == "property" and parameter["part"][0]["valueCode"] == name:
            return next(value for key, value in parameter["part"][1].items() if key.startswith("value"))
    return None


def test_a_code_is_looked_up(api, catheter):
    body = parsed(api.get(LOOKUP, {"system": ERP, "code": "4711"}))
    assert body["parameter"][:2] == [
        {"name": "name", "valueString": "erp-item"},
        {"name": "display", "valueString": "CATHETER FOLEY 16FR"},
    ]
    assert said(body, "golden")["code"] == catheter.record.public_id
    assert (said(body, "status"), said(body, "uom"), said(body, "inactive")) == ("live", "BX", False)


def test_two_systems_of_one_name_that_mean_one_record_agree(api, catheter):
    for slug in ("one-gtin", "two-gtin"):
        world.coded(catheter.record, world.code_system(slug, uri="https://www.gs1.org/gtin"), "00801741012345")
    body = parsed(api.get(LOOKUP, {"system": "https://www.gs1.org/gtin", "code": "00801741012345"}))
    assert said(body, "golden")["code"] == catheter.record.public_id


def test_a_coding_may_be_posted_and_properties_chosen(api, catheter):
    rows = [
        {"name": "coding", "valueCoding": {"system": ERP, "code": "4711"}},
        {"name": "property", "valueCode": "uom"},
    ]
    answer = api.post(LOOKUP, {"resourceType": "Parameters", "parameter": rows}, content_type="application/fhir+json")
    body = parsed(answer)
    assert [one["name"] for one in body["parameter"]] == ["name", "display", "property"]


@pytest.mark.parametrize(("query", "status", "code"), [
    ({"system": ERP, "code": "99"}, 404, "not-found"),
    ({"system": "http://nowhere.example", "code": "1"}, 404, "not-found"),
    ({"system": ERP}, 400, "invalid"),
    ({"system": ERP, "code": "4711", "version": "1"}, 400, "invalid"),
    ({"system": "npi", "code": "1234567893"}, 409, "multiple-matches"),
])  # fmt: skip
def test_a_code_that_is_not_found_is_an_outcome(api, catheter, query, status, code):
    npi = world.code_system("npi", "location", unique=False)
    for name in ("NORTH", "SOUTH"):
        world.coded(world.golden(name, "location"), npi, "1234567893")
    answer = api.get(LOOKUP, query)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (status, code)


def test_code_systems_are_naming_systems_with_their_uris(api, catheter):
    world.code_system("npi", "location", kind="npi")
    body = parsed(api.get("/fhir/NamingSystem"))
    names = {e["resource"]["name"]: [u["value"] for u in e["resource"]["uniqueId"]] for e in body["entry"]}
    assert names["Concord golden records"] == ["urn:concord:id"]
    assert names["erp-item"] == [ERP]
    assert names["npi"] == ["http://hl7.org/fhir/sid/us-npi", "urn:concord:code-system:npi"]
    (found,) = ids(parsed(api.get("/fhir/NamingSystem", {"value": ERP})))
    assert parsed(api.get(f"/fhir/NamingSystem/{found}"))["name"] == "erp-item"
    assert api.get("/fhir/NamingSystem", {"valeu": ERP}).status_code == 400


def test_each_pair_of_a_domain_s_systems_is_a_concept_map(api, catheter):
    world.code_system("erp-supplier", "supplier")
    body = parsed(api.get("/fhir/ConceptMap", {"url": "urn:concord:concept-map:erp-item:ehr-item"}))
    (name,) = ids(body)
    assert parsed(api.get("/fhir/ConceptMap"))["total"] == 2
    shown = parsed(api.get(f"/fhir/ConceptMap/{name}"))
    (group,) = shown["group"]
    assert (group["source"], group["element"][0]["code"]) == (ERP, "4711")
    assert group["element"][0]["target"] == [{"code": "E-1", "equivalence": "equivalent"}]


def test_a_concept_map_lists_what_holds_today_between_its_two_systems_alone(api, catheter):
    world.coded(catheter.record, world.code_system("scm-item"), "S-1")
    world.coded(catheter.record, catheter.ehr, "E-0", valid_to="2026-01-01", preferred=False)
    shown = terminology.with_elements(catheter.erp, catheter.ehr)
    assert [one["code"] for one in shown["group"][0]["element"][0]["target"]] == ["E-1"]


def test_a_long_concept_map_says_that_it_is_cut(catheter, monkeypatch):
    monkeypatch.setattr(terminology, "SHOWN", 1)
    world.coded(catheter.record, catheter.ehr, "E-2", preferred=False)
    shown = terminology.with_elements(catheter.erp, catheter.ehr)
    assert shown["meta"]["tag"] == [terminology.SUBSETTED]
    assert len(shown["group"][0]["element"][0]["target"]) == 1


def test_lists_of_terms_are_counted_and_in_one_order_alone(api, catheter):
    counted = parsed(api.get("/fhir/ConceptMap", {"_summary": "count"}))
    assert (counted["total"], counted.get("entry")) == (2, None)
    assert api.get("/fhir/ConceptMap", {"_sort": "name"}).status_code == 400


def test_lists_of_terms_page(api, catheter):
    world.code_system("scm-item")
    first = parsed(api.get("/fhir/ConceptMap", {"_count": 4}))
    second = parsed(api.get(link(first, "next")))
    assert (len(ids(first)), len(ids(second)), link(second, "next")) == (4, 2, None)


def test_anybody_may_read_what_the_server_can_do(db):
    body = parsed(Client().get("/fhir/metadata"))
    assert (body["fhirVersion"], body["rest"][0]["mode"]) == ("4.0.1", "server")
    offered = {one["type"]: one for one in body["rest"][0]["resource"]}
    assert set(offered) == {
        "Organization", "Location", "DeviceDefinition", "NamingSystem", "ConceptMap", "CodeSystem",
    }  # fmt: skip
    assert {one["name"] for one in offered["Organization"]["searchParam"]} >= {"identifier", "name", "active"}
    r5 = Client().get("/fhir/r5/metadata")
    R5Statement.model_validate_json(r5.content)
    assert r5.json()["fhirVersion"] == "5.0.0"


def test_every_answer_of_the_statement_s_searches_is_served(api, catheter):
    for one in parsed(api.get("/fhir/metadata"))["rest"][0]["resource"]:
        for interaction in one.get("interaction", []):
            if interaction["code"] == "search-type":
                assert get_fhir_model_class("Bundle").model_validate_json(api.get(f"/fhir/{one['type']}").content)
