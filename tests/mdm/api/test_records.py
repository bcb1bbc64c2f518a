"""Codes by record, substitutes, code systems, gaps, and records as they were."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from mdm import permissions
from mdm.models import Substitution
from mdm.services import change, merge, requests
from tests.mdm import kit
from tests.mdm.api import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(steward):
    return world.machine(steward, permissions.VIEW, permissions.LOOKUP, permissions.CHANGE_IDENTITY)


def post(client, address, body):
    return client.post(address, body, content_type="application/json")


@pytest.fixture
def catheter():
    record = world.golden("CATHETER FOLEY 16FR")
    world.packed(record, EA=1, BX=12)
    world.coded(record, world.code_system("erp-item"), "4711", uom="BX")
    ehr = world.code_system("ehr-item")
    world.coded(record, ehr, "E-2", uom="EA", preferred=False)
    world.coded(record, ehr, "E-1", uom="EA")
    return record


def test_a_record_s_codes_are_found_in_one_system_or_all_with_factors(client, catheter):
    address = f"/api/v1/records/{catheter.public_id}/codes"
    every = client.get(address).json()
    assert [(c["code_system"], c["code"]) for c in every["codes"]] == [
        ("ehr-item", "E-1"), ("ehr-item", "E-2"), ("erp-item", "4711"),
    ]  # fmt: skip
    one = client.get(address, {"to": "erp-item", "uom": "EA"}).json()
    assert [(c["code"], c["factor"]) for c in one["codes"]] == [("4711", "1/12")]
    assert client.get(address, {"to": "nowhere"}).status_code == 404
    assert client.get("/api/v1/records/MDM-IT-999999/codes").status_code == 404


def test_a_merged_record_s_codes_are_its_survivor_s(client, catheter):
    loser = world.merged(world.golden("GLOVE"), catheter)
    answer = client.get(f"/api/v1/records/{loser.public_id}/codes").json()
    assert (answer["id"], answer["redirected_from"], len(answer["codes"])) == (catheter.public_id, loser.public_id, 3)


def test_a_record_s_codes_are_told_as_they_were_known_under_the_id_that_it_had_then(client):
    catheter, stapler = kit.twins()
    apart = timezone.now()
    merge.merge(survivor=catheter, loser=stapler, actor=kit.steward(), reason="One thing")
    merged = timezone.now()
    address = f"/api/v1/records/{stapler.public_id}/codes"
    now = client.get(address).json()
    assert client.get(address, {"known_at": merged.isoformat()}).json() == now
    assert (now["id"], now["redirected_from"]) == (catheter.public_id, stapler.public_id)
    then = client.get(address, {"known_at": apart.isoformat()}).json()
    assert (then["id"], then["redirected_from"], then["name"]) == (stapler.public_id, None, stapler.name)
    none = client.get(address, {"known_at": apart.isoformat(), "to": "erp-item"}).json()
    assert (none["codes"], none["status"]) == ([], "live")


@pytest.mark.parametrize(("query", "status"), [
    ({"known_at": "2026-05-03T14:00:00"}, 400), ({"known_at": "2026-05-03"}, 400), ({"as_of": "2026-5-3"}, 400),
    ({"as_of": ""}, 400), ({"uom": " "}, 400), ({"site": "x y"}, 400), ({"site": "MDM-LO-999999"}, 422),
    ({"to": "erp-supplier"}, 422), ({"to": ""}, 400), ({"on": "2026-05-03"}, 400),
    ({"uom": "BX", "to": "erp-item"}, 200),
])  # fmt: skip
def test_a_record_is_asked_in_the_words_in_which_a_code_is_and_refuses_alike(client, catheter, query, status):
    world.code_system("erp-supplier", "supplier")
    doors = [f"/api/v1/records/{catheter.public_id}/codes", "/api/v1/crosswalk/erp-item/4711"]
    answers = [client.get(door, query) for door in doors]
    assert [answer.status_code for answer in answers] == [status] * 2
    assert answers[0].json().get("errors") == answers[1].json().get("errors")


def test_a_record_of_a_time_before_it_was_there_is_not_found(client, catheter):
    query = {"known_at": (timezone.now() - dt.timedelta(days=1)).isoformat()}
    assert client.get(f"/api/v1/records/{catheter.public_id}/codes", query).status_code == 404


def test_a_code_filters_lists_while_it_means_the_record(client, catheter):
    erp, day = kit.CodeSystem.objects.get(slug="erp-item"), dt.timedelta(days=1)
    world.coded(catheter, erp, "OVER", uom="BX", valid_to=timezone.localdate() - day)
    world.coded(catheter, erp, "LATER", uom="BX", valid_from=timezone.localdate() + 2 * day, preferred=False)

    def found(code):
        return [
            row["id"]
            for row in client.get("/api/v1/items", {"code_system": "erp-item", "code": code}).json()["results"]
        ]

    assert [found(code) for code in ("4711", "OVER", "LATER")] == [[catheter.public_id], [], []]


def test_a_substitute_is_proposed_approved_listed_and_ended(client):
    one, two = kit.twins()
    address = f"/api/v1/records/{one.public_id}/substitutes"
    later = (timezone.now() + dt.timedelta(days=30)).date().isoformat()
    body = {"substitute": two.public_id, "factor": "3/2", "valid_to": later, "reason": "Back order"}
    proposed = post(client, address, body)
    assert (proposed.status_code, proposed.json()["kind"]) == (202, "substitute")
    assert client.get(address).json()["results"] == []
    requests.approve(request=one.change_requests.get(), actor=kit.approver())
    (row,) = client.get(address).json()["results"]
    assert (row["substitute"], row["factor"], row["in_force"], row["approver"]) == (
        two.public_id,
        "3/2",
        True,
        "approver",
    )
    found = client.get("/api/v1/crosswalk/erp-item/E1").json()
    assert [(s["id"], s["factor"], s["valid_to"]) for s in found["substitutes"]] == [(two.public_id, "3/2", later)]
    ended = post(client, f"/api/v1/substitutes/{row['id']}/end", {"reason": "Delivered again"})
    assert (ended.json()["in_force"], ended.json()["end_reason"]) == (False, "Delivered again")
    assert post(client, f"/api/v1/substitutes/{row['id']}/end", {"reason": "x"}).status_code == 409
    assert Substitution.objects.count() == 1


@pytest.mark.parametrize("factor", ["0", "-1", "1/0", "1.5", "x", "99999999", ""])
def test_a_factor_that_is_none_is_refused(client, factor):
    one, two = kit.twins()
    body = {"substitute": two.public_id, "factor": factor, "reason": "x"}
    assert post(client, f"/api/v1/records/{one.public_id}/substitutes", body).status_code in {400, 422}


def test_code_systems_and_units_are_listed(client, catheter):
    systems = client.get("/api/v1/code-systems").json()["results"]
    assert [row["code_system"] for row in systems] == ["ehr-item", "erp-item"]
    units = {row["code"]: row for row in client.get("/api/v1/units").json()["results"]}
    assert (units["BX"]["unece"], units["BX"]["ucum"], units["ML"]["ucum"]) == ("XBX", "{box}", "mL")


def test_an_administrator_says_what_a_system_calls_units(catheter):
    admin = world.machine(world.user("ada", "administrator"), permissions.ADMINISTER, permissions.LOOKUP)
    address = "/api/v1/code-systems/erp-item/units"

    def put(units):
        return admin.put(address, {"units": units}, content_type="application/json")

    assert put({"kar": "BX"}).json()["units"] == {"KAR": "BX"}
    found = admin.get("/api/v1/crosswalk/erp-item/4711", {"to": "ehr-item", "uom": "KAR"}).json()
    assert found["codes"][0]["factor"] == "12"
    assert put({"KAR": "nonsense"}).status_code == 422
    assert put({"": "BX"}).status_code == 422
    assert put(["KAR"]).status_code == 400


def test_codes_that_lead_nowhere_are_listed_and_counted(client, catheter):
    erp = kit.CodeSystem.objects.get(slug="erp-item")
    for number in range(3):
        world.coded(world.golden(f"GLOVE {number}"), erp, f"G{number}", uom="BX")
    address = "/api/v1/code-systems/erp-item/unmapped"
    first = client.get(address, {"to": "ehr-item", "limit": 2}).json()
    assert [row["code"] for row in first["results"]] == ["G0", "G1"]
    rest = client.get(address, {"to": "ehr-item", "limit": 2, "cursor": first["next"]}).json()
    assert ([row["code"] for row in rest["results"]], rest["next"]) == (["G2"], None)
    counts = client.get(f"{address}/count", {"to": "ehr-item"}).json()
    assert (counts["mapped"], counts["unmapped"], counts["review"]) == (1, 3, 0)
    assert client.get(address, {"to": "ehr-item", "cursor": f"{first['next']}x"}).status_code == 400
    assert client.get(address).status_code == 400


def test_a_code_whose_counterpart_has_yet_to_begin_is_unmapped(client):
    erp, ehr, glove = world.code_system("erp-item"), world.code_system("ehr-item"), world.golden("GLOVE")
    world.coded(glove, erp, "1")
    world.coded(glove, ehr, "E1", valid_from=timezone.localdate() + dt.timedelta(days=2))
    counts = client.get("/api/v1/code-systems/erp-item/unmapped/count", {"to": "ehr-item"}).json()
    assert (counts["mapped"], counts["unmapped"]) == (0, 1)


def test_what_a_steward_has_yet_to_decide_counts_as_unmapped(client):
    kit.doubtful()
    counts = client.get("/api/v1/code-systems/scm-item/unmapped/count", {"to": "erp-item"}).json()
    assert counts["review"] == 1
    (row,) = client.get("/api/v1/code-systems/scm-item/unmapped", {"to": "erp-item"}).json()["results"]
    assert (row["code"], row["id"], row["state"]) == ("D1", None, "review")


def test_a_period_is_stated_over_http(client):
    one, two = kit.twins()
    body = {
        "code_system": "erp-item",
        "code": "E1",
        "golden": two.public_id,
        "valid_to": "2026-05-03",
        "reason": "Reused",
    }
    made = post(client, "/api/v1/crosswalk/periods", body)
    assert made.status_code == 201, made.json()
    old = client.get("/api/v1/crosswalk/erp-item/E1", {"as_of": "2026-05-02"}).json()
    assert (old["id"], old["valid_to"]) == (two.public_id, "2026-05-03")
    assert client.get("/api/v1/crosswalk/erp-item/E1", {"as_of": "2026-05-03"}).json()["id"] == one.public_id
    assert post(client, "/api/v1/crosswalk/periods", body | {"golden": "MDM-IT-999999"}).status_code == 404


# ----------------------------------------------------------------------------------------------- golden records
def test_a_record_is_shown_as_it_was(client):
    kit.feed("erp", {"E1": kit.CATHETER | {"packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 12}]}})
    record = kit.golden("erp", "E1")
    address = f"/api/v1/items/{record.public_id}"
    before, then = timezone.now(), client.get(address).json()
    change.override(golden=record, path="packaging[BX].quantity", value=10, actor=kit.steward(), reason="x")
    change.override(golden=record, path="brand", value="HALDEN", actor=kit.steward(), reason="x")
    assert client.get(address).json()["attributes"]["packaging"][1]["quantity"] == 10
    assert client.get(address, {"as_of": before.isoformat()}).json() == then
    assert client.get(address, {"as_of": "2020-01-01T00:00:00Z"}).status_code == 404


def test_a_merged_record_is_shown_as_it_was_under_its_own_id(client):
    one, two = kit.twins()
    before = timezone.now()
    merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")
    for record in (one, two):
        answer = client.get(f"/api/v1/items/{record.public_id}", {"as_of": before.isoformat()}).json()
        assert (answer["id"], answer["status"], len(answer["codes"])) == (record.public_id, "live", 1)


def test_only_the_attributes_asked_for_are_shown(client):
    record, _ = kit.twins()
    address = f"/api/v1/items/{record.public_id}"
    sparse = client.get(address, {"fields": "description, gtin"}).json()
    assert set(sparse["attributes"]) == {"description", "gtin"}
    listed = client.get("/api/v1/items", {"fields": "brand"}).json()["results"]
    assert all(set(row["attributes"]) == {"brand"} for row in listed)
    refused = client.get(address, {"fields": "nonsense"})
    assert (refused.status_code, "Known are" in refused.json()["errors"][0]["detail"]) == (400, True)


def test_lists_hold_what_changed_since_an_instant(client):
    one, _ = kit.twins()
    since = timezone.now()
    change.override(golden=one, path="brand", value="HALDEN", actor=kit.steward(), reason="x")
    found = client.get("/api/v1/items", {"changed_since": since.isoformat()}).json()["results"]
    assert [row["id"] for row in found] == [one.public_id]


def test_provenance_says_who_said_what_and_why_it_survived(client):
    record, _ = kit.twins()
    change.override(golden=record, path="manufacturer", value="HALDEN", actor=kit.steward(), reason="Checked")
    said = client.get(f"/api/v1/items/{record.public_id}/provenance").json()
    by_path = {row["path"]: row for row in said["provenance"]}
    assert by_path["manufacturer"]["value"] == "HALDEN"
    assert by_path["manufacturer"]["others"][0]["value"] == "Halden Medical Inc"
    assert by_path["description"]["system"] == "ERP" or by_path["description"]["system"] == "erp"
