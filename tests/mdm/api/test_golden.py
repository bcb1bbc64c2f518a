"""Golden records over HTTP."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from mdm.canonical import DOMAINS
from mdm.models import AuditEntry, ChangeEvent, GoldenRecord, Item, PackagingLevel, SupplierPart
from tests.mdm.api import world

ITEMS = "/api/v1/items"


def names(answer):
    assert answer.status_code == 200, answer.content
    return [record["attributes"]["description"] for record in answer.json()["results"]]


def test_a_list_shows_live_records_by_name(api):
    for name in ("GLOVE", "CATHETER", "MASK"):
        world.golden(name)
    world.golden("DRAFT", status="draft", approved_version=0)
    world.golden("RETIRED", status="retired")
    world.golden("SUPPLIER", "supplier")
    assert names(api.get(ITEMS)) == ["CATHETER", "GLOVE", "MASK"]
    assert names(api.get(ITEMS, {"status": "retired"})) == ["RETIRED"]


def test_a_record_states_every_canonical_attribute(api):
    answer = api.get(f"{ITEMS}/{world.golden('GLOVE').public_id}").json()
    assert list(answer["attributes"]) == [field.name for field in DOMAINS["item"].fields]
    assert answer["attributes"]["implant"] is None


@pytest.mark.parametrize("word", ["items", "suppliers", "locations", "cost-centers"])
def test_every_domain_has_its_list_detail_and_history(api, word):
    domain = next(d for d in DOMAINS.values() if d.plural.lower().replace(" ", "-") == word)
    record = world.golden("ONE", domain.name)
    assert api.get(f"/api/v1/{word}").json()["results"][0]["id"] == record.public_id
    assert api.get(f"/api/v1/{word}/{record.public_id}").json()["domain"] == domain.name
    assert api.get(f"/api/v1/{word}/{record.public_id}/history").json() == {"results": [], "next": None}


def test_pages_follow_each_other_without_gap_or_repeat(api):
    for number in range(7):
        world.golden(f"SAME NAME {number % 2}")
    seen, cursor = [], None
    for _ in range(4):
        page = api.get(ITEMS, {"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [record["id"] for record in page["results"]]
        cursor = page["next"]
    assert cursor is None
    assert len(seen) == len(set(seen)) == 7


def test_what_is_added_or_ends_meanwhile_disturbs_no_page(api):
    kept = [world.golden(name).public_id for name in "BCDE"]
    page = api.get(ITEMS, {"limit": 2}).json()
    seen = [record["id"] for record in page["results"]]
    world.golden("A")  # before the cursor
    GoldenRecord.objects.filter(public_id=kept[0]).update(status="retired")  # on the page that was read
    page = api.get(ITEMS, {"limit": 2, "cursor": page["next"]}).json()
    assert [*seen, *(record["id"] for record in page["results"])] == kept
    assert page["next"] is None


def test_a_tampered_cursor_or_one_of_another_filter_is_refused(api):
    for name in ("A", "B"):
        world.golden(name)
    cursor = api.get(ITEMS, {"limit": 1}).json()["next"]
    assert api.get(ITEMS, {"cursor": cursor[:-2] + "xx"}).status_code == 400
    assert api.get(ITEMS, {"cursor": cursor, "status": "retired"}).status_code == 400
    assert api.get("/api/v1/suppliers", {"cursor": cursor}).status_code == 400


def test_records_are_found_by_words_of_their_name_and_by_code(api):
    glove = world.golden("GLOVE EXAM NITRILE")
    world.golden("GLOVE SURGICAL")
    world.coded(glove, world.code_system("vendor", normaliser="alnum"), "AB12")
    assert names(api.get(ITEMS, {"name": "nitrile glove"})) == ["GLOVE EXAM NITRILE"]
    assert names(api.get(ITEMS, {"code_system": "vendor", "code": "ab-12"})) == ["GLOVE EXAM NITRILE"]
    assert names(api.get(ITEMS, {"code_system": "vendor", "code": "zz"})) == []


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "status=draft", "code=1", "colour=red", "name=%00"])
def test_a_query_that_makes_no_sense_is_refused(api, query):
    answer = api.get(f"{ITEMS}?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_a_merged_id_answers_with_its_survivor(api):
    survivor, loser = world.golden("GLOVE"), world.golden("GLOVES")
    world.merged(loser, survivor)
    answer = api.get(f"{ITEMS}/{loser.public_id}").json()
    assert (answer["id"], answer["redirected_from"]) == (survivor.public_id, loser.public_id)


@pytest.mark.parametrize("public_id", ["MDM-IT-999999", "x", "%00", "a/b"])
def test_an_unknown_id_is_a_problem(api, public_id):
    answer = api.get(f"{ITEMS}/{public_id}")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_a_draft_and_a_record_of_another_domain_are_not_there(api):
    draft = world.golden("DRAFT", status="draft", approved_version=0)
    supplier = world.golden("MEDLINE", "supplier")
    assert api.get(f"{ITEMS}/{draft.public_id}").status_code == 404
    assert api.get(f"{ITEMS}/{supplier.public_id}").status_code == 404


def test_a_page_takes_the_same_queries_whatever_its_length(api, django_assert_num_queries):
    supplier, erp = world.golden("MEDLINE", "supplier"), world.code_system("erp-item")
    for number in range(20):
        record = world.golden(f"ITEM {number:02}")
        item = Item.objects.get(golden=record)
        PackagingLevel.objects.create(item=item, position=1, uom="EA")
        SupplierPart.objects.create(item=item, supplier=supplier, number=str(number))
        world.coded(record, erp, str(number))
    api.get(ITEMS)
    for limit in (1, 20):
        # the page; registry, codes, attributes, two child tables, named suppliers
        with django_assert_num_queries(7):
            assert len(api.get(ITEMS, {"limit": limit}).json()["results"]) == limit


def test_history_says_what_changed_who_did_it_and_why(api, steward, django_assert_num_queries):
    record, change_id, now = world.golden("GLOVE", version=2), uuid.uuid4(), timezone.now()
    for version, kind, change in ((1, "created", uuid.uuid4()), (2, "updated", change_id)):
        ChangeEvent.objects.create(
            record=record, version=version, kind=kind, published=True, changed=["brand"], change_id=change,
            xid=1, recorded_at=now,
        )  # fmt: skip
    AuditEntry.objects.create(
        at=now,
        actor=steward,
        action="override.set",
        golden=record,
        version=2,
        reason="Label says so",
        change_id=change_id,
    )
    api.get(ITEMS)
    with django_assert_num_queries(3):
        page = api.get(f"{ITEMS}/{record.public_id}/history").json()
    newest, oldest = page["results"]
    assert (newest["version"], newest["actor"], newest["reason"]) == (2, "maria", "Label says so")
    assert (oldest["kind"], oldest["actor"]) == ("created", None)
    first = api.get(f"{ITEMS}/{record.public_id}/history", {"limit": 1}).json()
    second = api.get(f"{ITEMS}/{record.public_id}/history", {"limit": 1, "cursor": first["next"]}).json()
    assert [first["results"][0]["version"], second["results"][0]["version"], second["next"]] == [2, 1, None]
