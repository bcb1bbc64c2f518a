"""Source records sent over HTTP: landed, resolved, and each one told what became of it."""

from __future__ import annotations

import pytest
from django.test import Client

from mdm import permissions
from mdm.models import CodeSystem, GoldenRecord, Ingest, SourceRecord
from tests.mdm.api import world

FOLEY = {"description": "CATHETER FOLEY 16FR 5CC SILICONE", "manufacturer": "BARD", "catalogue_number": "0165SI16"}
GLOVE = {
    "description": "GLOVE EXAM NITRILE LARGE",
    "manufacturer": "MEDLINE",
    "catalogue_number": "MDS1745",
}


@pytest.fixture
def erp(db) -> CodeSystem:
    return world.code_system("erp-item", kind="primary")


@pytest.fixture
def sender(interface, erp) -> Client:
    return world.machine(interface, permissions.SUBMIT)


def send(client: Client, *records, system: str = "erp-item"):
    return client.post(f"/api/v1/sources/{system}/records", {"records": list(records)}, content_type="application/json")


def record(code: str, values: dict, **more) -> dict:
    return {"code": code, "values": values, **more}


def words(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [outcome["outcome"] for outcome in answer.json()["outcomes"]]


def test_records_become_golden_records_and_a_repeat_changes_nothing(sender):
    first = send(sender, record("1", FOLEY, uom="EA"), record("2", GLOVE))
    assert words(first) == ["created", "created"]
    assert {g.public_id for g in GoldenRecord.objects.all()} == {o["golden"] for o in first.json()["outcomes"]}
    versions = list(GoldenRecord.objects.values_list("version", flat=True))

    again = send(sender, record("1", FOLEY, uom="EA"), record("2", GLOVE))
    assert words(again) == ["unchanged", "unchanged"]
    assert again.json()["unchanged"] == 2
    assert list(GoldenRecord.objects.values_list("version", flat=True)) == versions


def test_the_same_thing_in_another_system_is_linked_and_a_change_updates(sender):
    world.code_system("ehr-item", kind="primary")
    golden = send(sender, record("1", FOLEY)).json()["outcomes"][0]["golden"]
    other = send(sender, record("E1", FOLEY), system="ehr-item").json()["outcomes"][0]
    assert (other["outcome"], other["golden"]) == ("linked", golden)
    assert words(send(sender, record("1", FOLEY | {"brand": "BARDEX"}))) == ["updated"]


def test_bad_records_are_refused_with_reasons_and_the_good_ones_kept(sender):
    answer = send(
        sender,
        record("1", FOLEY),
        record("1", GLOVE),
        record("", GLOVE),
        {"values": GLOVE},
        record("3", {"sterile": "perhaps", "colour": "red"}),
        record("4", GLOVE, surprise=1),
        record("5\0", GLOVE),
    )
    assert words(answer) == ["created", *["refused"] * 6]
    body = answer.json()
    assert (body["received"], body["new"], body["refused"]) == (1, 1, 6)
    assert [o["code"] for o in body["outcomes"]] == ["1", "1", "", None, "3", "4", "5\0"]
    assert "Record 1 of this submission" in body["outcomes"][1]["problems"][0]["message"]
    assert {p["path"] for p in body["outcomes"][4]["problems"]} == {"sterile", "colour"}
    assert all(o["problems"] for o in body["outcomes"][1:])
    ingest = Ingest.objects.get(pk=body["ingest"])
    assert (ingest.channel, ingest.state, ingest.refused) == ("api", "done", 6)
    assert SourceRecord.objects.get().raw == record("1", FOLEY)


def test_an_invalid_identifier_is_kept_and_marked(sender):
    outcome = send(sender, record("1", FOLEY | {"gtin": "10801741055902"})).json()["outcomes"][0]
    assert outcome["outcome"] == "created"
    assert set(outcome["invalid"]) == {"gtin"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"records": []}, 400),
        ({"records": "x"}, 400),
        ({"records": [1]}, 400),
        ({"records": [{"code": "1", "values": {}}] * 501}, 400),
        ({"records": [{"code": "1", "values": {}}], "more": 1}, 400),
        ([], 400),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_whole(sender, body, status):
    answer = sender.post("/api/v1/sources/erp-item/records", body, content_type="application/json")
    assert answer.status_code == status
    assert answer.json()["errors"]
    assert not Ingest.objects.exists()


def test_public_identifiers_and_unknown_systems_take_no_records(sender):
    world.code_system("gtin", kind="gtin")
    assert send(sender, record("1", FOLEY), system="gtin").status_code == 422
    assert send(sender, record("1", FOLEY), system="sap").status_code == 404


def test_looking_up_is_not_enough_to_submit(viewer, erp):
    assert send(world.machine(viewer, permissions.LOOKUP), record("1", FOLEY)).status_code == 403


def test_the_code_that_was_sent_is_found_by_a_lookup(sender, api):
    golden = send(sender, record("4711", FOLEY, uom="BX")).json()["outcomes"][0]["golden"]
    found = api.get("/api/v1/crosswalk/erp-item/4711").json()
    assert (found["id"], found["uom"]) == (golden, "BX")
