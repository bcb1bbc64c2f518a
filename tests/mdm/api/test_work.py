"""Work items and change requests over HTTP, decided by the real services on records that came in over HTTP."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from mdm import permissions
from mdm.models import ChangeRequest, GoldenRecord, Judgement, WorkItem
from mdm.services import change
from mdm.services.revise import revise
from tests.mdm import kit
from tests.mdm.api import world

EVERYTHING = tuple(permissions.DESCRIPTIONS)


@pytest.fixture
def keyed(steward) -> Client:
    return world.machine(steward, *EVERYTHING)


@pytest.fixture
def approver(db) -> Client:
    return world.machine(world.user("otto", "approver"), *EVERYTHING)


@pytest.fixture
def item(db) -> WorkItem:
    return kit.doubtful()


def decide(client: Client, item: WorkItem, decision: str, **body):
    return client.post(f"/api/v1/work-items/{item.pk}/{decision}", body, content_type="application/json")


def test_the_queue_lists_open_items_and_the_detail_shows_evidence(api, item, django_assert_num_queries):
    api.get("/api/v1/work-items")
    with django_assert_num_queries(1):
        listed = api.get("/api/v1/work-items", {"kind": "possible_match", "domain": "item"}).json()
    assert [row["id"] for row in listed["results"]] == [item.pk]
    assert listed["results"][0]["source_record"] == {"code_system": "scm-item", "code": "D1"}
    with django_assert_num_queries(2):
        detail = api.get(f"/api/v1/work-items/{item.pk}").json()
    best = detail["candidates"][0]
    assert best["golden"] == GoldenRecord.objects.get().public_id
    assert sum(one["bits"] for one in best["evidence"]) == pytest.approx(best["score"])
    assert api.get("/api/v1/work-items", {"state": "done"}).json()["results"] == []
    assert api.get("/api/v1/work-items", {"assignee": "me"}).json()["results"] == []


def test_accepting_links_the_record(keyed, item):
    answer = decide(keyed, item, "accept", expected_version=item.version, golden=item.golden.public_id)
    assert answer.status_code == 200, answer.content
    assert (answer.json()["state"], answer.json()["resolution"]) == ("done", "accepted")
    item.source.refresh_from_db()
    assert item.source.golden_id == item.golden_id


def test_a_picked_value_survives(keyed, item):
    answer = decide(keyed, item, "accept", expected_version=item.version, picks={"brand": "HALDEN GOLD"})
    assert answer.status_code == 200, answer.content
    assert GoldenRecord.objects.get(pk=item.golden_id).attributes.brand == "HALDEN GOLD"


def test_rejecting_the_only_candidate_makes_a_record_and_undo_takes_it_back(keyed, item):
    answer = decide(keyed, item, "reject", expected_version=item.version, reason="Another balloon")
    assert answer.json()["resolution"] == "rejected"
    assert GoldenRecord.objects.filter(status="live").count() == 2
    assert Judgement.objects.get().verdict == "different"
    assert decide(keyed, item, "undo").json()["state"] == "open"
    assert GoldenRecord.objects.filter(status="live").count() == 1


def test_none_of_them_makes_a_record(keyed, item):
    answer = decide(keyed, item, "create-new", expected_version=item.version)
    assert answer.json()["resolution"] == "new"
    assert answer.json()["golden"] != item.golden.public_id


def test_relating_says_how(keyed, item):
    answer = decide(keyed, item, "relate", expected_version=item.version, kind="parent", reason="Same line")
    assert answer.status_code == 200
    assert item.golden.related_from.get().kind == "parent"


def test_a_substitute_is_proposed(keyed, item):
    answer = decide(keyed, item, "relate", expected_version=item.version, kind="substitute", reason="Same use")
    assert answer.status_code == 200
    assert ChangeRequest.objects.get().kind == "substitute"


def test_an_item_is_assigned_commented_and_snoozed(keyed, item):
    assert decide(keyed, item, "assign", assignee="maria").json()["assignee"] == "maria"
    assert decide(keyed, item, "assign", assignee=None).json()["assignee"] is None
    assert decide(keyed, item, "assign", assignee="nobody").status_code == 404
    assert decide(keyed, item, "comment", text="Asked the supplier").status_code == 200
    assert item.comments.get().text == "Asked the supplier"
    later = decide(keyed, item, "snooze", expected_version=item.version, until="2099-01-01T08:00:00Z")
    assert later.json()["state"] == "snoozed"


def test_a_decision_on_what_somebody_else_changed_is_409(keyed, item):
    assert decide(keyed, item, "accept", expected_version=item.version + 1).status_code == 409
    assert decide(keyed, item, "reject", expected_version=item.version).status_code == 200
    again = decide(keyed, item, "accept", expected_version=item.version)
    assert (again.status_code, again.json()["type"]) == (409, "urn:concord:problem:stale")


@pytest.mark.parametrize(
    ("decision", "body"),
    [
        ("accept", {}),
        ("accept", {"expected_version": 0}),
        ("accept", {"expected_version": 1, "goldn": "x"}),
        ("relate", {"expected_version": 1, "kind": "cousin", "reason": "x"}),
        ("relate", {"expected_version": 1, "kind": "substitute", "reason": ""}),
        ("snooze", {"expected_version": 1, "until": "later"}),
        ("comment", {"text": ""}),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(keyed, item, decision, body):
    assert decide(keyed, item, decision, **body).status_code == 400
    assert WorkItem.objects.get(pk=item.pk).state == "open"


def test_a_viewer_decides_nothing(api, item):
    for decision in ("accept", "reject", "create-new", "relate", "snooze", "assign", "undo"):
        assert decide(api, item, decision, expected_version=1).status_code == 403


@pytest.mark.parametrize("pk", [999_999, 2**63])
def test_an_unknown_item_is_a_problem(keyed, pk):
    assert keyed.get(f"/api/v1/work-items/{pk}").status_code == 404


# -------------------------------------------------------------------------------------------------- change requests
@pytest.fixture
def request_id(steward) -> int:
    """The proposal to retire an implant, which one person alone may not do."""
    kit.feed("erp", {"1": kit.STAPLER | {"implant": True}})
    return change.retire(golden=kit.golden("erp", "1"), actor=steward, reason="No longer made").pk


def answer_to(client: Client, pk: int, word: str, **body):
    return client.post(f"/api/v1/change-requests/{pk}/{word}", body, content_type="application/json")


def test_another_person_approves_and_it_is_carried_out(approver, request_id, django_assert_num_queries):
    approver.get("/api/v1/change-requests")
    with django_assert_num_queries(1):
        listed = approver.get("/api/v1/change-requests").json()["results"]
    assert [(row["id"], row["kind"], row["proposer"]) for row in listed] == [(request_id, "retire", "maria")]
    assert answer_to(approver, request_id, "approve").json()["state"] == "approved"
    assert GoldenRecord.objects.get().status == "retired"
    assert approver.get(f"/api/v1/change-requests/{request_id}").json()["approver"] == "otto"


def test_nobody_approves_their_own_change(steward, request_id):
    steward.groups.add(Group.objects.get(name="approver"))
    answer = answer_to(world.machine(steward, *EVERYTHING), request_id, "approve")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:concord:problem:own-change")
    assert GoldenRecord.objects.get().status == "live"


def test_rules_of_which_something_is_to_be_read_are_approved_with_a_reason_only(approver, steward):
    values = {"costs.false_link": 60.0}
    pk = revise(domain="item", values=values, expected_version=0, actor=steward, reason="Fewer wrong links").pk
    refused = answer_to(approver, pk, "approve")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:concord:problem:reason-required")
    assert "Precision is not measured" in refused.json()["detail"]
    told = answer_to(approver, pk, "approve", reason="No labels yet").json()
    assert [line["name"] for line in told["diff"]["guardrails"]] == ["precision", "critical", "vetoes", "work"]
    assert told["state"] == "approved"


def test_a_refusal_needs_a_reason_and_changes_nothing(approver, request_id):
    assert answer_to(approver, request_id, "reject").status_code == 400
    assert answer_to(approver, request_id, "reject", reason="Still in stock").json()["state"] == "rejected"
    assert GoldenRecord.objects.get().status == "live"


def test_the_proposer_withdraws(keyed, approver, request_id):
    assert answer_to(approver, request_id, "withdraw").status_code == 422
    assert answer_to(keyed, request_id, "withdraw").json()["state"] == "withdrawn"
