"""JSON of any shape by a mapping, and our own without one."""

from __future__ import annotations

import pytest

from sync.inbound import mapped_json
from sync.inbound.formats import Action, BadProfile, UnreadableMessage
from tests.mdm import kit
from tests.sync.inbound.messages import deliver, outcomes, source

MAPPED = {
    "domain": "item",
    "records": "data.items",
    "fields": {"$code": "sku", "description": "names.0.text", "packaging.1.uom": "unit", "packaging.1.quantity": "per"},
    "retired": {"status": ["deleted"]},
    "partial": True,
}


def read(body: str, **profile):
    return list(mapped_json.parse(body.encode(), profile=profile))


def test_paths_lead_through_objects_and_lists():
    (one,) = read(
        '{"data": {"items": [{"sku": 17, "names": [{"text": "Needle"}], "unit": "BX", "per": 10}]}}', **MAPPED
    )
    assert (one.code, one.action, one.partial) == ("17", Action.PUT, True)
    assert one.values == {"description": "Needle", "packaging.1.uom": "BX", "packaging.1.quantity": 10}


def test_a_name_with_a_dot_is_found_as_it_is():
    assert mapped_json.at({"@odata.nextLink": "x", "@odata": {"nextLink": "y"}}, "@odata.nextLink") == "x"
    assert mapped_json.at({"a": [{"b": 1}]}, "a.0.b") == 1
    assert mapped_json.at({"a": [1]}, "a.1") is mapped_json.MISSING


def test_null_deletes_and_what_is_missing_stays():
    (one,) = read('{"data": {"items": [{"sku": "1", "names": [{"text": null}], "status": "deleted"}]}}', **MAPPED)
    assert one.cleared == {"description"}
    assert one.action is Action.RETIRE


@pytest.mark.parametrize("body", ["", "{", '{"a": 1, "a": 2}', "[" * 2000, "17", '"x"', '{"records": 3}', "{}", "NaN"])
def test_what_holds_no_records_is_refused(body):
    with pytest.raises(UnreadableMessage):
        read(body)


@pytest.mark.parametrize(
    "profile",
    [
        {"field": {}},
        {"domain": "thing"},
        {"fields": {"$code": "a"}},
        {"domain": "item", "fields": {"description": "a"}},
        {"domain": "item", "fields": {"$code": "a", "colour": "b"}},
    ],
)
def test_a_profile_that_can_not_be_followed_is_refused(profile):
    with pytest.raises(BadProfile):
        mapped_json.check(profile)


def test_the_id_of_a_record_is_not_taken_for_the_messages():
    body = b'{"id": 7, "type": "item", "sku": "1"}'
    assert mapped_json.identify(body, profile={}).id == ""
    assert mapped_json.identify(body, profile={"id": "sku"}).id == "1"
    assert mapped_json.identify(b'{"specversion": "1.0", "id": "e-1", "type": "t"}', profile={}).id == "e-1"


@pytest.mark.django_db
def test_an_update_of_a_record_with_an_id_is_no_conflict():
    erp = source("erp", format="json", profile={"domain": "item", "fields": {"$code": "id", "description": "title"}})
    for title in ("Needle", "Needle, long"):
        assert deliver(erp, b'{"id": 7, "title": "%s"}' % title.encode()).state == "done"
    assert kit.source("erp", "7").values["description"] == "Needle, long"


@pytest.mark.django_db
def test_our_own_shape_takes_good_records_and_says_what_is_wrong_with_others():
    body = b"""{"records": [
        {"domain": "item", "code": "1", "values": {"description": "Needle, spinal, 22 G"}},
        {"domain": "thing", "code": "2", "values": {}},
        {"domain": "item", "code": "", "values": {"description": "x"}},
        {"domain": "item", "code": "4", "values": {"colour": "red"}},
        {"domain": "item", "code": "5", "values": {}, "extra": 1},
        {"domain": "item", "code": "6", "action": "explode"},
        7,
        {"domain": "item", "code": "1", "action": "retire"}]}"""
    message = deliver(source("erp", format="json"), body)
    assert outcomes(message) == ["new", *["refused"] * 6, "retired"]
    assert message.state == "partly"
    assert kit.source("erp", "1").state == "retired"
    problems = [record.problems[0] for record in message.records.filter(outcome="refused").order_by("position")]
    assert ["of no domain" in problems[0], "no code" in problems[1], "colour" in problems[2]] == [True] * 3
