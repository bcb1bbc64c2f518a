"""Changing golden records over HTTP, under the rules of the screens."""

from __future__ import annotations

import pytest

from mdm import permissions
from mdm.models import ChangeRequest, GoldenRecord, SourceRecord
from tests.mdm import kit
from tests.mdm.api import world

pytestmark = pytest.mark.django_db
ITEMS = "/api/v1/items"


@pytest.fixture
def client(steward):
    scopes = (
        permissions.VIEW,
        permissions.IMPORT,
        permissions.DECIDE,
        permissions.OVERRIDE,
        permissions.CHANGE_IDENTITY,
    )
    return world.machine(steward, *scopes, permissions.LOOKUP)


def post(client, address, body, **headers):
    return client.post(address, body, content_type="application/json", headers=headers)


def patch(client, address, body, **headers):
    return client.patch(address, body, content_type="application/json", headers=headers)


@pytest.fixture
def pair():
    return kit.twins()


def test_a_record_that_is_like_nothing_known_is_made(client):
    answer = post(client, ITEMS, {"values": kit.STAPLER, "reason": "New procedure"})
    assert answer.status_code == 201, answer.json()
    assert answer.json()["outcome"] == "created"
    record = GoldenRecord.objects.get(public_id=answer.json()["golden"])
    assert record.name
    assert SourceRecord.objects.get(code=answer.json()["code"]).code_system.slug == "concord-item"


def test_what_may_exist_already_must_be_looked_at_first(client):
    kit.feed("erp", {"E1": kit.CATHETER})
    standing = kit.golden("erp", "E1").public_id
    body = {"values": kit.SAME_CATHETER, "reason": "New"}
    refused = post(client, ITEMS, body)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:concord:problem:may-exist")
    assert [one["id"] for one in refused.json()["candidates"]] == [standing]
    made = post(client, ITEMS, body | {"not_same_as": [standing]})
    assert made.status_code == 201
    assert made.json()["golden"] != standing


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"values": {}, "reason": "x"}, 422),
        ({"values": {"nonsense": 1}, "reason": "x"}, 422),
        ({"values": kit.STAPLER}, 400),
        ({"values": kit.STAPLER, "reason": "x", "more": 1}, 400),
        ({"values": [], "reason": "x"}, 400),
    ],
)
def test_what_can_not_be_entered_is_refused_with_the_reason(client, body, status):
    assert post(client, ITEMS, body).status_code == status


def test_values_are_overridden_only_if_the_record_is_as_it_was_seen(client, pair):
    address = f"{ITEMS}/{pair[0].public_id}"
    seen = client.get(address)
    body = {"values": {"brand": "HALDEN", "category": "Urology"}, "reason": "Confirmed by the supplier"}
    done = patch(client, address, body, **{"If-Match": seen["ETag"]})
    assert done.status_code == 200, done.json()
    assert (done.json()["attributes"]["brand"], done.json()["version"]) == ("HALDEN", seen.json()["version"] + 1)
    again = client.get(address)
    assert (done["ETag"], done.json()) == (again["ETag"], again.json())
    stale = patch(client, address, body, **{"If-Match": seen["ETag"]})
    assert (stale.status_code, stale.json()["type"]) == (412, "urn:concord:problem:precondition-failed")
    ended = post(client, f"{address}/withdraw-override", {"path": "brand", "reason": "The ERP is right"})
    assert ended.json()["attributes"]["brand"] is None
    assert post(client, f"{address}/withdraw-override", {"path": "brand", "reason": "again"}).status_code == 404


def test_one_value_that_does_not_fit_leaves_all_as_they_were(client, pair):
    address = f"{ITEMS}/{pair[0].public_id}"
    answer = patch(client, address, {"values": {"brand": "X", "sterile": "perhaps"}, "reason": "x"})
    assert answer.status_code == 422
    assert client.get(address).json()["attributes"]["brand"] is None


def test_two_records_are_merged_and_taken_apart_again(client, pair):
    one, two = pair
    merged = post(client, f"{ITEMS}/{one.public_id}/merge", {"other": two.public_id, "reason": "One thing"})
    assert merged.status_code == 200, merged.json()
    survivor = merged.json()["id"]
    loser = two.public_id if survivor == one.public_id else one.public_id
    assert client.get(f"{ITEMS}/{loser}").json()["redirected_from"] == loser
    for call, body in (
        (patch, {"values": {"brand": "X"}, "reason": "x"}),
        (lambda *args: post(args[0], f"{args[1]}/retire", args[2]), {"reason": "x"}),
    ):
        refused = call(client, f"{ITEMS}/{loser}", body)
        assert (refused.status_code, refused.json()["survivor"]) == (409, survivor)
    apart = post(client, f"{ITEMS}/{loser}/unmerge", {"reason": "Two things"})
    assert (apart.status_code, apart.json()["id"], apart.json()["status"]) == (200, loser, "live")


def test_what_needs_a_second_person_is_answered_with_its_change_request(client, pair):
    GoldenRecord.objects.filter(pk=pair[0].pk).update(criticality="high")
    proposed = post(client, f"{ITEMS}/{pair[0].public_id}/retire", {"reason": "No longer made"})
    assert (proposed.status_code, proposed.json()["kind"]) == (202, "retire")
    assert ChangeRequest.objects.get().state == "open"
    merging = post(client, f"{ITEMS}/{pair[0].public_id}/merge", {"other": pair[1].public_id, "reason": "One thing"})
    assert (merging.status_code, merging.json()["kind"]) == (202, "merge")


def test_a_write_to_a_merged_record_names_the_survivor_even_if_what_it_shows_was_seen(client):
    survivor, loser = kit.merged()
    address = f"{ITEMS}/{loser.public_id}"
    seen = client.get(address)
    body = {"values": {"brand": "HALDEN"}, "reason": "Confirmed"}
    refused = patch(client, address, body, **{"If-Match": seen["ETag"]})
    assert (refused.status_code, refused.json()["survivor"]) == (409, survivor.public_id)


def test_a_record_that_was_split_names_what_left_it(client):
    survivor, _ = kit.merged()
    body = {"sources": [{"code_system": "scm-item", "code": "S1"}], "reason": "Another thing"}
    fresh = post(client, f"{ITEMS}/{survivor.public_id}/split", body)
    assert fresh.status_code == 200, fresh.json()
    old = client.get(f"{ITEMS}/{survivor.public_id}").json()
    assert old["split_into"] == [fresh.json()["id"]]
    values = {"values": {"brand": "HALDEN"}, "reason": "Confirmed"}
    seen = client.get(f"{ITEMS}/{survivor.public_id}")
    assert patch(client, f"{ITEMS}/{survivor.public_id}", values, **{"If-Match": seen["ETag"]}).status_code == 200
    gone = post(client, f"{ITEMS}/{survivor.public_id}/split", body)
    assert gone.status_code == 404


def test_reading_a_list_needs_no_more_than_before_and_writing_does(api, pair):
    assert api.get(ITEMS).status_code == 200
    refused = post(api, ITEMS, {"values": kit.STAPLER, "reason": "x"})
    assert (refused.status_code, refused.json()["permission"]) == (403, permissions.IMPORT)
    assert patch(api, f"{ITEMS}/{pair[0].public_id}", {"values": {}, "reason": "x"}).status_code == 403
    assert api.delete(f"{ITEMS}/{pair[0].public_id}").status_code == 405


def test_a_merge_of_a_record_with_itself_or_of_another_domain_is_refused(client, pair):
    address = f"{ITEMS}/{pair[0].public_id}/merge"
    assert post(client, address, {"other": pair[0].public_id, "reason": "x"}).status_code == 422
    supplier = world.golden("ACME", "supplier")
    assert post(client, address, {"other": supplier.public_id, "reason": "x"}).status_code == 404
