"""``$translate`` in R4 and R5: the standard's examples, and what Concord adds: units, clocks, merges."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from fhir.resources.parameters import Parameters as R5Parameters
from fhir.resources.R4B.parameters import Parameters

from mdm.code_systems import code_systems
from mdm.models import CodeSystem
from tests.mdm.api import world

R4, R5 = "/fhir/ConceptMap/$translate", "/fhir/r5/ConceptMap/$translate"
ERP, EHR = "urn:concord:code-system:erp-item", "urn:concord:code-system:ehr-item"
UOM, FACTOR = "urn:concord:uom", "urn:concord:factor"


def ask(api, address: str = R4, **query: str) -> dict[str, Any]:
    answer = api.get(address, query)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/fhir+json"
    (R5Parameters if address == R5 else Parameters).model_validate_json(answer.content)
    return answer.json()


def post(api, address: str = R4, **parameters: tuple[str, Any]):
    """Each parameter as (type, value)."""
    rows = [{"name": name, f"value{kind}": value} for name, (kind, value) in parameters.items()]
    body = {"resourceType": "Parameters", "parameter": rows}
    return api.post(address, body, content_type="application/fhir+json")


def named(parts: list[dict[str, Any]], name: str) -> list[Any]:
    return [
        next(v for k, v in part.items() if k.startswith("value") or k == "part")
        for part in parts
        if part["name"] == name
    ]


def codes(body: dict[str, Any]) -> list[str]:
    return [named(match, "concept")[0]["code"] for match in named(body["parameter"], "match")]


@pytest.fixture
def composition_status(db):
    """The standard's example: composition status ``preliminary`` is act status ``active``."""
    source = world.code_system("fhir-status", uri="http://hl7.org/fhir/composition-status")
    target = world.code_system("v3-status", uri="http://terminology.hl7.org/CodeSystem/v3-ActStatus")
    record = world.golden("Preliminary")
    world.coded(record, source, "preliminary")
    world.coded(record, target, "active")


STANDARD = {
    "code": "preliminary",
    "system": "http://hl7.org/fhir/composition-status",
    "source": "http://hl7.org/fhir/ValueSet/composition-status",
    "target": "http://terminology.hl7.org/ValueSet/v3-ActStatus",
}


def agrees_with_the_standard(body: dict[str, Any]) -> bool:
    (match,) = named(body["parameter"], "match")
    (concept,) = named(match, "concept")
    return (
        named(body["parameter"], "result") == [True]
        and named(match, "equivalence") == ["equivalent"]
        and (concept["system"], concept["code"]) == ("http://terminology.hl7.org/CodeSystem/v3-ActStatus", "active")
    )


@pytest.mark.usefixtures("composition_status")
def test_the_standard_s_request_gets_the_standard_s_answer(api):
    assert agrees_with_the_standard(ask(api, **STANDARD))


@pytest.mark.usefixtures("composition_status")
@pytest.mark.parametrize("form", ["code", "coding", "codeableConcept"])
def test_a_posted_request_is_answered_alike_in_each_of_its_forms(api, form):
    both = {"system": STANDARD["system"], "code": STANDARD["code"]}
    asked = {
        "code": {"code": ("Code", both["code"]), "system": ("Uri", both["system"])},
        "coding": {"coding": ("Coding", both)},
        "codeableConcept": {"codeableConcept": ("CodeableConcept", {"coding": [both]})},
    }[form]
    answer = post(api, **asked, source=("Uri", STANDARD["source"]), target=("Uri", STANDARD["target"]))
    assert agrees_with_the_standard(answer.json())


def test_the_match_tells_the_unit_and_how_many_of_it_one_of_the_unit_asked_about_is(api, catheter):
    body = ask(api, system=ERP, code="4711", targetsystem=EHR)
    (match,) = named(body["parameter"], "match")
    said = {named(product, "element")[0]: named(product, "concept")[0] for product in named(match, "product")}
    assert said == {UOM: {"system": UOM, "code": "EA"}, FACTOR: {"system": FACTOR, "code": "12"}}
    assert named(match, "source") == ["urn:concord:concept-map:erp-item:ehr-item"]
    assert named(match, "concept") == [{"system": EHR, "code": "E-1", "display": "CATHETER FOLEY 16FR"}]


@pytest.mark.parametrize("concept", [{"coding": [{"system": UOM, "code": "EA"}]}, {"text": "Each"}])
def test_the_unit_that_is_asked_about_is_a_dependency(api, catheter, concept):
    dependency = [{"name": "element", "valueUri": UOM}, {"name": "concept", "valueCodeableConcept": concept}]
    rows = [
        {"name": "code", "valueCode": "4711"},
        {"name": "system", "valueUri": ERP},
        {"name": "targetsystem", "valueUri": EHR},
        {"name": "dependency", "part": dependency},
    ]
    body = {"resourceType": "Parameters", "parameter": rows}
    answer = api.post(R4, body, content_type="application/fhir+json").json()
    assert {"name": "concept", "valueCoding": {"system": FACTOR, "code": "1"}} in named(
        named(answer["parameter"], "match")[0], "product"
    )[1]


def test_where_no_factor_is_known_the_match_says_why(api, catheter):
    world.coded(catheter.record, world.code_system("scm-item"), "S-1", uom="PL")
    body = ask(api, system=ERP, code="4711", targetsystem="urn:concord:code-system:scm-item")
    (match,) = named(body["parameter"], "match")
    reasons = [named(p, "concept")[0].get("display") for p in named(match, "product")]
    assert "PL is no packaging level of this item. Its levels: EA, BX." in reasons


def test_without_a_target_system_every_other_code_is_a_match(api, catheter):
    world.coded(catheter.record, world.code_system("scm-item"), "S-1", uom="EA")
    assert codes(ask(api, system=ERP, code="4711")) == ["E-1", "S-1"]


def test_without_a_target_system_units_are_the_asking_system_s_words_and_what_it_says_itself_counts(api, catheter):
    """As with one: the ERP calls the box KAR, which to the EHR is nothing."""
    CodeSystem.objects.filter(pk=catheter.erp.pk).update(units={"KAR": "BX"})
    CodeSystem.objects.filter(pk=catheter.ehr.pk).update(units={"KAR": "CA"})
    code_systems.forget()  # update() tells nobody
    for query in ({}, {"targetsystem": EHR}):
        (match,) = named(ask(api, system=ERP, code="4711", uom="KAR", **query)["parameter"], "match")
        said = {named(product, "element")[0]: named(product, "concept")[0] for product in named(match, "product")}
        assert said[FACTOR]["code"] == "12"


@pytest.mark.parametrize("query", [
    {"url": "urn:concord:concept-map:erp-item:ehr-item", "code": "4711"},
    {"url": "urn:concord:concept-map:ehr-item:erp-item", "code": "4711", "reverse": "true"},
    {"system": EHR.replace("ehr", "erp"), "code": "4711", "reverse": "true", "targetsystem": EHR},
    {"system": "erp-item", "code": " 4711 ", "targetsystem": "ehr-item"},
])  # fmt: skip
def test_a_map_its_reverse_and_a_pair_of_systems_lead_to_the_same_code(api, catheter, query):
    assert codes(ask(api, **query)) == ["E-1"]


def test_a_map_can_be_asked_itself(api, catheter):
    address = f"/fhir/ConceptMap/cm-{catheter.erp.pk}-{catheter.ehr.pk}/$translate"
    assert codes(ask(api, address, code="4711")) == ["E-1"]
    assert api.get("/fhir/ConceptMap/cm-0-0/$translate", {"code": "4711"}).status_code == 404


def test_golden_records_are_a_system_of_their_own(api, catheter):
    pid = catheter.record.public_id
    assert codes(ask(api, system=ERP, code="4711", targetsystem="urn:concord:id")) == [pid]
    assert codes(ask(api, system="urn:concord:id", code=pid, targetsystem=ERP)) == ["4711"]
    assert codes(ask(api, system="urn:concord:id", code=pid)) == ["E-1", "4711"]


def test_a_code_that_leads_nowhere_is_no_error_but_a_false_result_with_the_reason(api, catheter):
    body = ask(api, system=ERP, code="99", targetsystem=EHR)
    assert named(body["parameter"], "result") == [False]
    assert named(body["parameter"], "message") == ["erp-item has no code 99."]
    world.coded(world.golden("GLOVE"), catheter.erp, "5")
    assert named(ask(api, system=ERP, code="5", targetsystem=EHR)["parameter"], "result") == [False]
    assert named(ask(api, system="urn:concord:id", code="nobody")["parameter"], "result") == [False]


def test_the_first_known_code_of_a_concept_counts(api, catheter):
    concept = {"coding": [{"system": ERP, "code": "99"}, {"system": ERP, "code": "4711"}]}
    answer = post(api, codeableConcept=("CodeableConcept", concept), targetsystem=("Uri", EHR))
    assert codes(answer.json()) == ["E-1"]


def test_a_code_of_a_system_that_nobody_knows_here_is_passed_over_for_one_that_is_known(api, catheter):
    snomed = {"system": "http://snomed.info/sct", "code": "23973005"}
    for coding, status in (([snomed, {"system": ERP, "code": "4711"}], 200), ([snomed], 404)):
        answer = post(api, codeableConcept=("CodeableConcept", {"coding": coding}), targetsystem=("Uri", EHR))
        assert answer.status_code == status
        if status == 200:
            assert codes(answer.json()) == ["E-1"]


@pytest.mark.parametrize("codings", [51 * [{"system": ERP, "code": "1"}], [{"system": ERP, "code": "a\0"}]])
def test_codings_that_are_too_many_or_hold_nul_are_refused(api, catheter, codings):
    answer = post(api, codeableConcept=("CodeableConcept", {"coding": codings}), targetsystem=("Uri", EHR))
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_every_system_that_shares_the_target_s_name_is_looked_at(api, catheter):
    for slug in ("one-gtin", "two-gtin"):
        system = world.code_system(slug, kind="gtin", uri="https://www.gs1.org/gtin")
    world.coded(catheter.record, system, "00801741012345")
    assert codes(ask(api, system=ERP, code="4711", targetsystem="https://www.gs1.org/gtin")) == ["00801741012345"]
    world.coded(catheter.record, world.code_system("three-gtin", kind="gtin", uri="https://www.gs1.org/gtin"), "3")
    assert sorted(codes(ask(api, system=ERP, code="4711"))) == ["00801741012345", "3", "E-1"]


def test_a_merged_record_s_code_leads_to_the_survivor_s(api, catheter):
    loser = world.golden("CATH FOLEY")
    world.coded(loser, catheter.erp, "old")
    world.merged(loser, catheter.record)
    assert codes(ask(api, system=ERP, code="old", targetsystem=EHR)) == ["E-1"]


def test_both_clocks_can_be_set(api, catheter):
    later = timezone.localdate() + dt.timedelta(days=30)
    world.coded(catheter.record, catheter.ehr, "E-2", valid_from=later, preferred=False)
    assert codes(ask(api, system=ERP, code="4711", targetsystem=EHR)) == ["E-1"]
    assert codes(ask(api, system=ERP, code="4711", targetsystem=EHR, as_of=later.isoformat())) == ["E-1", "E-2"]
    long_ago = (timezone.now() - dt.timedelta(days=2)).isoformat()
    assert codes(ask(api, system=ERP, code="4711", targetsystem=EHR, known_at=long_ago)) == []


def test_a_public_identifier_of_two_domains_is_looked_for_in_both(api):
    npis = [world.code_system(f"npi-{domain}", domain, kind="npi", unique=False) for domain in ("supplier", "location")]
    site = world.golden("NORTH", "location")
    world.coded(site, npis[1], "1234567893")
    world.coded(site, world.code_system("ehr-location", "location"), "L1")
    system = "http://hl7.org/fhir/sid/us-npi"
    assert codes(ask(api, system=system, code="1234567893")) == ["L1"]
    world.coded(world.golden("NORTH INC", "supplier"), npis[0], "1234567893")
    assert api.get(R4, {"system": system, "code": "1234567893"}).status_code == 409


def test_r5_s_own_names_are_taken_and_answered(api, catheter):
    body = ask(api, R5, sourceCode="4711", system=ERP, targetSystem=EHR)
    (match,) = named(body["parameter"], "match")
    assert codes(body) == ["E-1"]
    assert named(match, "relationship") == ["equivalent"]
    assert named(match, "originMap") == ["urn:concord:concept-map:erp-item:ehr-item"]
    assert [named(product, "attribute") for product in named(match, "product")] == [[UOM], [FACTOR]]


@pytest.mark.parametrize("query", [
    {"targetCode": "E-1", "system": EHR},
    {"targetCode": "E-1", "targetSystem": EHR, "sourceScope": "urn:concord:value-set:erp-item"},
    {"targetCoding": f"{EHR}|E-1"},
    {"targetCode": "E-1", "url": "urn:concord:concept-map:erp-item:ehr-item"},
])  # fmt: skip
def test_r5_asks_backwards_by_the_target_s_code(api, catheter, query):
    assert codes(ask(api, R5, **query)) == ["4711"]


@pytest.mark.parametrize("query", [
    {},
    {"code": "4711"},
    {"system": ERP},
    {"code": "4711", "system": ERP, "coding": f"{ERP}|4711"},
    {"code": "4711", "system": ERP, "targetSystem": EHR},
    {"code": "4711", "system": ERP, "reverse": "maybe"},
    {"code": "4711", "system": ERP, "as_of": "3 May"},
    {"code": "4711", "system": ERP, "version": "2"},
    {"coding": "4711"},
    {"code": "\0", "system": ERP},
    {"code": "4711", "system": ["a", "b"]},
])  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused_with_what_to_do(api, catheter, query):
    answer = api.get(R4, query)
    assert answer.status_code == 400, answer.content
    assert answer.json()["issue"][0]["code"] == "invalid"


@pytest.mark.parametrize(("query", "status"), [
    ({"code": "1", "system": "http://nowhere.example"}, 404),
    ({"code": "4711", "system": ERP, "targetsystem": "nowhere"}, 404),
    ({"code": "4711", "url": "urn:concord:concept-map:a:b"}, 404),
    ({"code": "x" * 121, "system": ERP}, 422),
    ({"code": "4711", "system": ERP, "targetsystem": "npi"}, 422),
])  # fmt: skip
def test_what_a_lookup_refuses_is_refused_here_with_the_same_status(api, catheter, query, status):
    world.code_system("npi", "location")
    answer = api.get(R4, query)
    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")


@pytest.mark.parametrize("body", [
    b"[]", b"{}", b'{"resourceType": "Patient"}', b'{"resourceType": "Parameters", "parameter": 5}',
    b'{"resourceType": "Parameters", "parameter": [{"name": "code"}]}',
    b'{"resourceType": "Parameters", "parameter": [{"name": "code", "valueCode": "1", "part": []}]}',
    b'{"resourceType": "Parameters", "parameter": [{"name": "dependency", "part": [{"name": "element"}]}]}',
    b'{"resourceType": "Parameters", "parameter": [{"name": "coding", "valueCoding": {"system": 1, "code": []}}]}',
    b'{"resourceType": "Parameters", "parameter": [{"name": "code", "valueCode": {"a": 1}}]}',
    b'{"resourceType": "Parameters", "resourceType": "Parameters"}',
    b'{"resourceType": "Parameters", "parameter": ' + b"[" * 10_000,
])  # fmt: skip
def test_a_body_that_is_no_request_is_refused(api, body):
    answer = api.post(R4, body, content_type="application/fhir+json")
    assert answer.status_code == 400, answer.content
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_xml_is_neither_taken_nor_given(api):
    assert api.post(R4, "<Parameters/>", content_type="application/fhir+xml").status_code == 415
    assert api.get(R4, headers={"Accept": "application/fhir+xml"}).status_code == 406
    assert api.get(R4, {"_format": "xml"}).status_code == 406


@pytest.mark.usefixtures("substitutes_known")
def test_an_answer_is_remembered_until_something_changes_that_it_was_made_from(
    api, catheter, monkeypatch, django_assert_num_queries
):
    version = [1_000_001]  # inside of a test's transaction nothing is remembered otherwise
    monkeypatch.setattr("mdm.fhir.base.fresh.now", lambda: version[0])
    query = {"system": ERP, "code": "4711", "targetsystem": EHR}
    first = api.get(R4, query)
    with django_assert_num_queries(0):
        again = api.get(R4, query, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, codes(first.json())) == (304, ["E-1"])
    world.coded(catheter.record, catheter.ehr, "E-2", preferred=False)
    assert codes(api.get(R4, query).json()) == ["E-1"]
    version[0] += 1
    assert codes(api.get(R4, query).json()) == ["E-1", "E-2"]


@pytest.fixture
def substitutes_known(monkeypatch):
    """As outside a test's transaction: the process remembers which items have substitutes."""
    monkeypatch.setattr("mdm.substitutes.involved", frozenset)


@pytest.mark.usefixtures("substitutes_known")
def test_it_takes_the_queries_of_a_lookup(api, catheter, django_assert_num_queries):
    world.coded(catheter.record, world.code_system("scm-item"), "S-1", uom="EA")
    query = {"system": "scm-item", "code": "S-1", "targetsystem": EHR}
    api.get(R4, query)
    with django_assert_num_queries(1):
        assert codes(api.get(R4, query).json()) == ["E-1"]
