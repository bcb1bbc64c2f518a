"""The change feed over HTTP."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from mdm.models import ChangeEvent, GoldenRecord
from tests.mdm.api import world

FEED = "/api/v1/changes"


def event(record: GoldenRecord, position: int | None, version: int, **options) -> ChangeEvent:
    values = {"kind": "updated", "published": True, "changed": ["brand"], "change_id": uuid.uuid4(), "xid": 1} | options
    return ChangeEvent.objects.create(
        record=record, version=version, position=position, recorded_at=timezone.now(), **values
    )


@pytest.fixture
def glove(db) -> GoldenRecord:
    return world.golden("GLOVE")


def test_changes_come_in_order_and_a_reader_goes_on_where_it_stopped(api, glove, django_assert_num_queries):
    for position in (12, 11, 15):
        event(glove, position, position)
    api.get(FEED)
    with django_assert_num_queries(1):
        first = api.get(FEED, {"limit": 2}).json()
    assert [change["position"] for change in first["changes"]] == [11, 12]
    assert (first["position"], first["more"]) == (12, True)
    rest = api.get(FEED, {"after": first["position"]}).json()
    assert ([change["position"] for change in rest["changes"]], rest["more"]) == ([15], False)
    assert api.get(FEED, {"after": 15}).json() == {"changes": [], "position": 15, "more": False}


def test_events_without_a_position_and_of_drafts_are_not_shown(api, glove):
    event(glove, None, 1)
    event(glove, 1, 2, published=False)
    assert api.get(FEED).json()["changes"] == []


def test_a_change_names_the_survivor_and_one_domain_can_be_followed(api, glove):
    gloves, supplier = world.golden("GLOVES"), world.golden("MEDLINE", "supplier")
    event(world.merged(gloves, glove), 1, 2, kind="merged")
    event(supplier, 2, 2)
    change = api.get(FEED, {"domain": "item"}).json()["changes"][0]
    assert (change["id"], change["kind"], change["merged_into"]) == (gloves.public_id, "merged", glove.public_id)
    assert [c["domain"] for c in api.get(FEED, {"domain": "supplier"}).json()["changes"]] == ["supplier"]


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=9223372036854775808", "limit=0", "limit=1001", "since=1"]
)
def test_a_query_that_makes_no_sense_is_refused(api, query):
    assert api.get(f"{FEED}?{query}").status_code == 400
