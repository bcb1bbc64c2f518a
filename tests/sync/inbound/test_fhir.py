"""FHIR Bundles and resources as records, of servers that never heard of Concord and of those it writes to."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from mdm.fhir.mapping import PHYSICAL_TYPE
from mdm.models import GoldenRecord
from mdm.values import parse_values
from sync.adapters.fhir_r4.mapping import to_resource
from sync.adapters.values import comparable
from sync.inbound.fhir import identify, parse
from sync.inbound.formats import Action, BadProfile, Identity, Parsed, UnreadableMessage
from tests.mdm import kit
from tests.sync.adapters import factory
from tests.sync.inbound.messages import deliver, outcomes, source

MRN = "urn:oid:1.2.3.4"
BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "message",
    "identifier": {"value": "M-1"},
    "entry": [
        {"resource": {"resourceType": "MessageHeader", "id": "h"}},
        {
            "fullUrl": "urn:uuid:1",
            "resource": {
                "resourceType": "Organization",
                "id": "acme",
                "meta": {"lastUpdated": "2026-05-03T14:00:00Z"},
                "identifier": [
                    {"system": MRN, "value": "V-7"},
                    {"system": "urn:oid:2.16.840.1.113883.4.4", "value": "12-3456789"},
                ],
                "name": "Acme Surgical Supply Inc",
                "telecom": [{"system": "fax", "value": "1"}, {"system": "phone", "value": "(312) 555-0142"}],
                "address": [{"use": "billing", "line": ["PO Box 12", "Dept 4", "Door 2"], "city": "Chicago"}],
            },
        },
        {
            "resource": {
                "resourceType": "Location",
                "id": "4e",
                "identifier": [{"system": MRN, "value": "L-4E"}],
                "name": "4 East",
                "status": "suspended",
                "physicalType": {"coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": "wa"}]},
                "partOf": {"reference": "Location/main"},
            }
        },
        {
            "resource": {
                "resourceType": "DeviceDefinition",
                "id": "d1",
                "identifier": [{"system": MRN, "value": "I-1"}],
                "deviceName": [{"name": "CATHETER FOLEY 16FR", "type": "model-name"}],
                "manufacturerReference": {"display": "Bard"},
                "modelNumber": "0165SI16",
                "safety": [{"coding": [{"system": "urn:oid:2.16.840.1.113883.3.26.1.1", "code": "C106038"}]}],
                "extension": [{"url": "urn:concord:extension:item:preferred-supplier",
                               "valueReference": {"reference": "urn:uuid:1"}}],
            }
        },
    ],
}  # fmt: skip


def read(content: Any, **profile: Any) -> list[Parsed]:
    return list(parse(json.dumps(content).encode(), profile=profile))


def bundle(*entries: Any, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries), **elements}


def test_a_bundle_of_another_system_is_read_where_others_write_things():
    supplier, ward, item = read(BUNDLE)
    assert [(one.position, one.domain, one.code) for one in (supplier, ward, item)] == [
        (2, "supplier", "acme"), (3, "location", "4e"), (4, "item", "d1"),
    ]  # fmt: skip
    assert supplier.updated_at is not None
    assert supplier.values == {
        "name": "Acme Surgical Supply Inc",
        "ein": "12-3456789",
        "phone": "(312) 555-0142",
        "addresses": [{"purpose": "remit_to", "line1": "PO Box 12", "line2": "Dept 4, Door 2", "city": "Chicago"}],
    }
    assert ward.values == {"name": "4 East", "location_type": "unit", "parent": "main", "lifecycle": "inactive"}
    assert item.values == {
        "description": "CATHETER FOLEY 16FR",
        "manufacturer": "Bard",
        "catalogue_number": "0165SI16",
        "latex": "free",
        "preferred_supplier": "acme",
    }


def test_the_sender_s_own_codes_may_be_identifiers_and_references_follow():
    supplier, ward, item = read(BUNDLE, code=[MRN])
    assert [supplier.code, ward.code, item.code] == ["V-7", "L-4E", "I-1"]
    assert item.values["preferred_supplier"] == "V-7"
    assert "parent" not in ward.values  # known to the sender by an id that isn't its code


@pytest.mark.parametrize("domain", factory.DOMAIN_NAMES)
def test_what_concord_writes_it_reads(domain):
    message = factory.message(domain)
    written = {**to_resource(message, message.payload["attributes"]), "id": "7"}
    (one,) = read(written, code=["urn:concord:id"])
    expected = comparable(domain, message.payload["attributes"])
    assert (one.domain, one.code) == (domain, message.record)
    assert comparable(domain, one.values) == expected
    assert not parse_values(domain, one.values).problems


@pytest.mark.parametrize(("content", "action"), [
    ({"resourceType": "Organization", "id": "1", "active": False}, Action.RETIRE),
    ({"resourceType": "Location", "id": "1", "status": "inactive"}, Action.RETIRE),
    ({"resourceType": "Location", "id": "1", "status": "suspended"}, Action.PUT),
    (bundle({"request": {"method": "DELETE", "url": "Organization/1"}}), Action.RETIRE),
    (bundle({"request": {"method": "DELETE", "url": "https://h.example/r4/Organization/1"}}), Action.RETIRE),
])  # fmt: skip
def test_what_is_no_longer_in_use_is_retired(content, action):
    (one,) = read(content)
    assert (one.action, one.code, one.problems) == (action, "1", ())


def test_departments_may_be_cost_centers():
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/organization-type", "code": "dept"}]}
    department = {"resourceType": "Organization", "id": "1", "name": "ICU", "type": [kind]}
    assert [one.domain for one in read(department)] == ["supplier"]
    assert [one.domain for one in read(department, cost_centers=["dept"])] == ["cost_center"]


@pytest.mark.parametrize(("entry", "problem"), [
    ({"resource": {"resourceType": "Patient", "id": "1"}}, "Patient is of no domain"),
    ({"resource": {"resourceType": "Location", "name": "x"}}, "it has no code"),
    ({"fullUrl": "urn:uuid:1"}, "the entry has no resource"),
    (5, "the entry has no resource"),
    ({"resource": {"resourceType": "Location", "identifier": "x", "id": 5}}, "it has no code"),
    ({"resource": {"resourceType": ["Location"], "id": "1"}}, "is of no domain"),
    ({"resource": {"resourceType": "Location", "identifier": [{"system": [], "value": "x"}]}}, "it has no code"),
])  # fmt: skip
def test_an_entry_that_is_no_record_says_why_and_leaves_the_others_be(entry, problem):
    bad, good = read(bundle(entry, {"resource": {"resourceType": "Location", "id": "1"}}))
    assert problem in bad.problems[0]
    assert (good.code, good.problems) == ("1", ())


@pytest.mark.parametrize("mischief", [
    {"name": 5, "address": "x", "telecom": {}, "partOf": []},
    {"address": {"line": "not a list"}, "partOf": {"identifier": 5, "reference": 5}},
    {"address": {"line": [None, 5, "x"]}, "type": [5, {"coding": 5}], "extension": [5, {"url": 5}]},
    {"meta": 5, "physicalType": {"coding": [{"system": 5, "code": []}]}},
    {"physicalType": {"coding": [{"system": PHYSICAL_TYPE, "code": []}]}},
    {"extension": [{"url": "urn:concord:extension:location:cost-center", "valueReference": 5}]},
])  # fmt: skip
def test_elements_of_the_wrong_shape_break_nothing(mischief):
    (one,) = read({"resourceType": "Location", "id": "1", **mischief})
    assert one.code == "1"
    parse_values("location", one.values)


@pytest.mark.parametrize("body", [
    b"", b"MSH|^~", b"[]", b"{}", b'{"resourceType": 5}', b"<Bundle xmlns='http://hl7.org/fhir'/>",
    b'{"resourceType": "Bundle", "entry": 5}', b'{"resourceType": "Bundle", "resourceType": "Bundle"}',
    b'{"resourceType": "Bundle", "entry": ' + b"[" * 100_000,
])  # fmt: skip
def test_what_is_no_fhir_is_unreadable(body):
    with pytest.raises(UnreadableMessage):
        list(parse(body, profile={}))


@pytest.mark.parametrize("profile", [{"codes": []}, {"code": "id"}, {"code": [5]}, {"cost_centers": [""]}])
def test_a_profile_that_makes_no_sense_is_refused(profile):
    with pytest.raises(BadProfile):
        list(parse(b'{"resourceType": "Location"}', profile=profile))


@pytest.mark.parametrize(("content", "name", "kind"), [
    (BUNDLE, "M-1", "Bundle message"),
    (BUNDLE | {"identifier": None}, "h", "Bundle message"),
    (bundle(id="b7"), "b7", "Bundle transaction"),
    ({"resourceType": "Location", "id": "1", "meta": {"versionId": "3"}}, "Location/1/3", "Location"),
    ({"resourceType": "Location", "id": "1"}, "", "Location"),
])  # fmt: skip
def test_messages_are_told_apart(content, name, kind):
    assert identify(orjson.dumps(content), profile={}) == Identity(name, kind)


@pytest.mark.django_db
def test_a_bundle_lands_and_comes_out_as_golden_records():
    message = deliver(source(format="fhir", profile={"code": [MRN]}), orjson.dumps(BUNDLE))
    assert (message.state, set(outcomes(message))) == ("done", {"new"})
    assert GoldenRecord.objects.filter(domain="supplier").get().name == "Acme Surgical Supply Inc"
    assert kit.source("ehr", "I-1").values["preferred_supplier"] == "V-7"
    again = deliver(message.source, orjson.dumps(BUNDLE))
    assert again.pk == message.pk
