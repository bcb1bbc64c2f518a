"""Asking before creating, and why two records are one or are not: ranked, explained, and nothing is saved."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from mdm import permissions
from mdm.models import ChangeEvent, GoldenRecord, SourceRecord, WorkItem
from mdm.services import split
from tests.mdm import kit
from tests.mdm.api import world
from tests.mdm.api.test_schema import answer_schema, misfits

DOUBTFUL = kit.SAME_CATHETER | {"description": "Foley catheter, 18 Fr, 5 mL, silicone-coated"}


def ask(client: Client, values: dict, path: str = "items", **more):
    return client.post(f"/api/v1/{path}/match", {"values": values, **more}, content_type="application/json")


def explain(client: Client, one: str, two: str, path: str = "items"):
    return client.get(f"/api/v1/{path}/explain", {"one": one, "two": two})


def adds_up(scored: dict) -> bool:
    return abs(sum(one["bits"] for one in scored["evidence"]) - scored["score"]) < 0.01


@pytest.fixture
def catheter(db) -> GoldenRecord:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.OTHER_SIZE, "E3": kit.STAPLER})
    return kit.golden("erp", "E1")


# ----------------------------------------------------------------------------------------------------------- match
def test_the_same_thing_written_differently_would_be_linked(api, catheter):
    answer = ask(api, kit.SAME_CATHETER).json()
    assert (answer["decision"], answer["reason"]) == ("link", "certain and without rival")
    best, *others = answer["candidates"]
    assert (best["id"], best["decision"], best["vetoes"]) == (catheter.public_id, "link", [])
    assert best["source"] == {"code_system": "erp-item", "code": "E1"}
    assert best["score"] >= answer["thresholds"]["link"]
    assert all(one["decision"] == "none" for one in others)
    assert misfits(answer, answer_schema("/api/v1/items/match", "post")) == []


def test_the_evidence_adds_up_to_the_score(api, catheter):
    candidates = ask(api, kit.SAME_CATHETER).json()["candidates"]
    assert candidates
    assert all(map(adds_up, candidates))


def test_a_margin_is_the_distance_to_the_best_other_candidate(api, catheter):
    best, second = ask(api, kit.SAME_CATHETER, limit=2).json()["candidates"]
    assert best["margin"] == pytest.approx(best["score"] - second["score"], abs=0.002)
    assert second["margin"] == -best["margin"]


def test_what_a_steward_would_be_asked_about_says_why(api, catheter):
    answer = ask(api, DOUBTFUL).json()
    assert answer["decision"] == "review"
    assert any(one["decision"] == "review" and one["vetoes"] for one in answer["candidates"])


def test_what_nothing_is_like_would_be_new(api, catheter):
    answer = ask(api, {"description": "Bandage, elastic, 4 in"}).json()
    assert (answer["decision"], answer["reason"]) == ("new", "nothing known is like it")
    assert ask(api, {}).json()["candidates"] == []


@pytest.mark.parametrize("values", [kit.SAME_CATHETER, DOUBTFUL, kit.STAPLER | {"catalogue_number": "LC80-A"}])
def test_the_resolver_decides_as_was_foretold(api, catheter, values):
    foretold = ask(api, values).json()
    kit.feed("scm", {"S1": values})
    record = kit.source("scm", "S1")
    if foretold["decision"] == "review":
        item = kit.review("scm", "S1")
        assert item.golden.public_id == foretold["candidates"][0]["id"]
        assert item.score == pytest.approx(foretold["candidates"][0]["score"], abs=0.002)
    elif foretold["decision"] == "link":
        assert record.golden.public_id == foretold["candidates"][0]["id"]
    else:
        assert record.link_reason == SourceRecord.LinkReason.NEW


def test_a_system_that_is_free_of_duplicates_has_no_second_one(api):
    kit.feed("erp", {"E1": kit.CATHETER}, deduplicated=True)
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    assert ask(api, kit.SAME_CATHETER).json()["decision"] == "link"
    assert ask(api, kit.SAME_CATHETER, code_system="erp-item").json()["decision"] == "new"


def test_a_place_is_known_by_its_parent_in_the_same_system(api):
    tower = {"name": "North Tower", "location_type": "building", "line1": "12 Mill Road", "city": "Harrow Falls"}
    room = {"name": "Room 12", "location_type": "room", "parent": "T"}
    kit.feed("erp", {"T": tower, "R": room}, "location", deduplicated=True)
    kit.feed("scm", {"T": tower}, "location")
    plain = ask(api, room, "locations").json()["candidates"]
    placed = ask(api, room, "locations", code_system="scm-location").json()["candidates"]
    assert placed[0]["id"] == kit.golden("erp", "R", "location").public_id
    assert not plain or plain[0]["score"] < placed[0]["score"]


def test_nothing_is_saved(api, catheter):
    models = (GoldenRecord, SourceRecord, WorkItem, ChangeEvent)
    before = [model.objects.count() for model in models]
    ask(api, kit.SAME_CATHETER)  # the key's last use is remembered once
    with CaptureQueriesContext(connection) as queries:
        assert ask(api, DOUBTFUL).status_code == 200
        assert explain(api, "erp-item/E1", "erp-item/E2").status_code == 200
    assert queries.captured_queries
    assert [q["sql"] for q in queries if not q["sql"].lstrip("( \n").startswith(("SELECT", "WITH"))] == []
    assert [model.objects.count() for model in models] == before


def test_values_that_dont_fit_are_named(api, catheter):
    answer = ask(api, {"description": "x", "sterile": "perhaps", "colour": "red"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert {error["pointer"] for error in answer.json()["errors"]} == {"#/values/sterile", "#/values/colour"}


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"limit": 0}, 400, "invalid-input"),
        ({"limits": 3}, 400, "invalid-input"),
        ({"code_system": "nobody-item"}, 404, "unknown-code-system"),
        ({"code_system": "erp-supplier"}, 422, "invalid-value"),
    ],
)
def test_what_cant_be_asked_is_a_problem(api, catheter, more, status, code):
    kit.code_system("erp", "supplier")
    answer = ask(api, kit.CATHETER, **more)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:concord:problem:{code}")


# --------------------------------------------------------------------------------------------------------- explain
def test_two_golden_records_are_explained(api, catheter):
    other = kit.golden("erp", "E2")
    answer = explain(api, catheter.public_id, other.public_id).json()
    assert answer["decision"] == "none"
    assert not answer["together"]
    assert any(veto.startswith("sizes differ") for veto in answer["vetoes"])
    assert "both are golden records already: a steward merges them" in answer["obstacles"]
    assert adds_up(answer)
    assert misfits(answer, answer_schema("/api/v1/items/explain")) == []


def test_what_would_have_to_change_comes_with_its_bits(api, catheter):
    kit.land("scm", {"S1": {"description": "Foley catheter 16 fr silicone"}})
    answer = explain(api, "scm-item/S1", catheter.public_id).json()
    assert answer["verdict"].endswith("bits are missing.")
    change = next(one for one in answer["changes"] if one["field"] == "code")
    assert change["how"] == "the same"
    assert change["text"].startswith(f"Catalogue no. the same on both sides would bring {change['bits']:+.1f} bits")


def test_two_sources_of_one_record_say_why_they_are_together(api, catheter):
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    answer = explain(api, "erp-item/E1", "scm-item/S1").json()
    assert answer["together"]
    assert answer["decision"] == "link"
    assert answer["one"]["id"] == answer["two"]["id"] == catheter.public_id
    assert answer["why"][0].startswith("Catalogue no.: the same catalogue number")


def test_what_a_person_decided_stands_beside_the_score(api):

    survivor, loser = kit.merged(kit.CATHETER, kit.STAPLER)
    split.unmerge(loser=loser, actor=kit.steward(), reason="They are two")
    answer = explain(api, survivor.public_id, loser.public_id).json()
    assert "steward said that they are not the same" in answer["obstacles"]


def test_a_merged_record_is_explained_as_its_survivor(api):
    survivor, loser = kit.merged()
    kit.feed("erp", {"E9": kit.OTHER_SIZE})
    answer = explain(api, loser.public_id, "erp-item/E9").json()
    assert (answer["one"]["asked"], answer["one"]["id"]) == (loser.public_id, survivor.public_id)
    assert explain(api, loser.public_id, survivor.public_id).status_code == 422


@pytest.mark.parametrize(
    ("one", "two", "status"),
    [
        ("MDM-IT-999999", "erp-item/E1", 404),
        ("erp-item/none", "erp-item/E1", 404),
        ("nobody/E1", "erp-item/E1", 404),
        ("erp-item/E1", "erp-item/E1", 422),
        ("\0", "erp-item/E1", 400),
    ],
)
def test_what_cant_be_explained_is_a_problem(api, catheter, one, two, status):
    answer = explain(api, one, two)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


# ------------------------------------------------------------------------------------------------------ permission
def test_a_key_needs_the_scope_to_see_records(viewer, interface, catheter):
    lookup = world.machine(viewer, permissions.LOOKUP)
    sender = world.machine(interface, permissions.SUBMIT)
    for client in (lookup, sender):
        assert ask(client, kit.CATHETER).status_code == 403
        assert explain(client, "erp-item/E1", "erp-item/E2").status_code == 403
