"""Home, work items, approvals and the audit log."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.utils import timezone

from matching import Policy as MatchPolicy
from mdm.changes import Change
from mdm.models import ChangeRequest, User, WorkItem
from mdm.services import change, rules, scorecard, work
from tests.mdm import kit
from tests.mdm.ui.conftest import HX


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


@pytest.fixture
def request_(db) -> ChangeRequest:
    """An implant that the steward wants to retire."""
    kit.feed("erp", {"E1": kit.CATHETER | {"implant": True}})
    return change.retire(golden=kit.golden("erp", "E1"), actor=kit.steward(), reason="No longer bought")


# ------------------------------------------------------------------------------------------------------------ home
def test_an_empty_installation_says_what_to_do_first(steward):
    text = text_of(steward.get("/"))
    assert "Set Concord up" in text
    assert "Bring in a first file" in text
    assert "Connect a target" in text


def test_the_scorecard_is_on_the_home_page_once_it_was_measured(steward):
    kit.feed("erp", {"E1": kit.CATHETER})
    assert "Measured" not in text_of(steward.get("/"))
    scorecard.measure()
    text = text_of(steward.get("/"))
    assert "Scorecards" in text
    assert "Measured" in text


def test_the_checklist_ticks_what_is_done_and_goes_with_the_first_record(steward):
    kit.code_system("erp", "supplier")
    kit.approver()
    assert "Name the systems : done" in text_of(steward.get("/"))
    assert "Give somebody the role approver : done" in text_of(steward.get("/"))
    kit.feed("erp", {"E1": kit.CATHETER})
    assert "Set Concord up" not in text_of(steward.get("/"))


def test_what_concord_does_over_and_over_is_told_once(steward):
    for number in range(4):
        Change.begin(User.objects.system(), "crosswalk.receipt").audit(after={"n": number})
    assert "and 3 more" in text_of(steward.get("/"))


def test_the_figures_are_those_of_the_database(steward):
    kit.doubtful()
    text = text_of(steward.get("/"))
    assert "Golden records 1" in text
    assert "Awaiting review 1" in text


def test_what_nobody_took_is_the_teams_and_not_mine(steward):
    item = kit.doubtful()
    assert "Nothing needs you" in text_of(steward.get("/", headers=HX))
    assert "1 to decide" in text_of(steward.get("/?scope=team", headers=HX))
    WorkItem.objects.filter(pk=item.pk).update(assignee=kit.steward())
    assert "1 to decide" in text_of(steward.get("/", headers=HX))


def test_overdue_reviews_come_first(steward):
    kit.doubtful()
    WorkItem.objects.update(due_at=timezone.now() - dt.timedelta(days=1))
    text = text_of(steward.get("/?scope=team", headers=HX))
    assert text.index("overdue") < text.index("to decide")


def test_decisions_of_today_are_in_the_chart(steward):
    item = kit.doubtful()
    steward.post(f"/review/{item.pk}/decide/", {"decision": "accept", "version": item.version})
    answer = steward.get("/")
    assert answer.context["chart"].series["Matched"][-1] == 1
    assert "Reviews decided 1" in text_of(answer)


# ------------------------------------------------------------------------------------------------------ work items
def problem() -> WorkItem:
    work.raise_problem(
        kind=WorkItem.Kind.FEED_PROBLEM, subject="feed:1", title="erp items: file cut off", reason="Ends in row 88",
        actor=User.objects.system(),
    )  # fmt: skip
    return WorkItem.objects.get(kind=WorkItem.Kind.FEED_PROBLEM)


def test_a_problem_is_listed_opened_and_closed_with_a_reason(steward):
    item = problem()
    assert "file cut off" in text_of(steward.get("/work/"))
    assert "Ends in row 88" in text_of(steward.get(f"/work/{item.pk}/"))
    refused = steward.post(f"/work/{item.pk}/close/", {"version": item.version, "reason": ""})
    assert refused.status_code == 422
    steward.post(f"/work/{item.pk}/close/", {"version": item.version, "reason": "Sent again"})
    item.refresh_from_db()
    assert item.state == WorkItem.State.DONE
    assert item.resolution_reason == "Sent again"


def test_a_failed_delivery_is_dealt_with_among_the_dead_letters_not_closed_here(steward):
    work.raise_problem(
        kind=WorkItem.Kind.FAILED_DELIVERY, subject="lane:1", title="Not delivered", reason="EIN is missing",
        actor=User.objects.system(),
    )  # fmt: skip
    item = WorkItem.objects.get(kind=WorkItem.Kind.FAILED_DELIVERY)
    page = steward.get(f"/work/{item.pk}/").content.decode()
    assert "/sync/#dead" in page
    assert "/close/" not in re.sub(r"<form[^>]*>", "", page)
    assert 'type="submit">' not in page.partition("<h1>")[2]
    assert steward.post(f"/work/{item.pk}/close/", {"version": item.version, "reason": "x"}).status_code == 422


def test_a_problem_that_somebody_else_closed_is_not_closed_twice(steward):
    item = problem()
    said = {"version": item.version, "reason": "Sent again"}
    steward.post(f"/work/{item.pk}/close/", said)
    assert steward.post(f"/work/{item.pk}/close/", said).status_code == 409


def test_a_review_opened_as_a_work_item_leads_to_the_review(steward):
    item = kit.doubtful()
    assert steward.get(f"/work/{item.pk}/")["Location"] == f"/review/{item.pk}/"
    assert steward.post(f"/work/{item.pk}/close/", {"version": 1, "reason": "x"}).status_code == 422


# ------------------------------------------------------------------------------------------------------- approvals
def test_a_second_person_approves_and_it_is_done(approver, request_):
    assert "Retire a golden record" in text_of(approver.get("/approvals/"))
    approver.post(f"/approvals/{request_.pk}/decide/", {"decision": "approve"})
    request_.subject.refresh_from_db()
    assert request_.subject.status == "retired"


def test_nobody_is_offered_to_approve_their_own_change(steward, request_):
    page = steward.get(f"/approvals/{request_.pk}/").content.decode()
    assert 'value="approve"' not in page
    assert 'value="withdraw"' in page
    assert steward.post(f"/approvals/{request_.pk}/decide/", {"decision": "approve"}).status_code == 403


def test_an_approver_who_proposed_is_refused(db, request_):
    from tests.mdm.ui.conftest import browser

    both = browser("steward", "approver")
    ChangeRequest.objects.update(proposer=User.objects.get(username="steward-approver"))
    assert both.post(f"/approvals/{request_.pk}/decide/", {"decision": "approve"}).status_code == 403
    request_.subject.refresh_from_db()
    assert request_.subject.status == "live"


def test_rejecting_needs_a_reason_and_changes_nothing(approver, request_):
    assert approver.post(f"/approvals/{request_.pk}/decide/", {"decision": "reject"}).status_code == 422
    approver.post(f"/approvals/{request_.pk}/decide/", {"decision": "reject", "reason": "Still used"})
    request_.refresh_from_db()
    assert request_.state == "rejected"
    assert "Still used" in text_of(approver.get(f"/approvals/{request_.pk}/"))


def test_a_proposal_is_withdrawn_by_its_author(steward, request_):
    steward.post(f"/approvals/{request_.pk}/decide/", {"decision": "withdraw"})
    request_.refresh_from_db()
    assert request_.state == "withdrawn"


def test_a_change_of_the_rules_is_shown_and_approved(approver):
    policy = MatchPolicy.default("item")
    request = rules.propose(
        kind="match", domain="item", body=policy.to_json(), diff={"sure_score": {"before": 5.0, "after": 6.5}},
        touched=[], expected_version=0, actor=kit.steward(), reason="Learned from March",
    )  # fmt: skip
    assert "Change a policy" in text_of(approver.get("/approvals/"))
    page = text_of(approver.get(f"/approvals/{request.pk}/"))
    assert "6.5" in page
    assert "Learned from March" in page
    approver.post(f"/approvals/{request.pk}/decide/", {"decision": "approve"})
    assert kit.fresh(request.policy).active


def test_a_record_that_moved_on_is_pointed_out(approver, request_):
    kit.feed("erp", {"E1": kit.CATHETER | {"implant": True, "brand": "New"}})
    assert "by now" in text_of(approver.get(f"/approvals/{request_.pk}/"))
    answer = approver.post(f"/approvals/{request_.pk}/decide/", {"decision": "approve"})
    assert answer.status_code == 409


# ----------------------------------------------------------------------------------------------------------- audit
def test_the_audit_log_tells_who_did_what_and_why(everything, approver, request_):
    approver.post(f"/approvals/{request_.pk}/decide/", {"decision": "approve", "reason": "Agreed with the ward"})
    text = text_of(everything.get("/audit/"))
    assert "approver" in text
    assert "Agreed with the ward" in text


def test_the_audit_log_is_read_in_pages_without_gaps(everything):
    kit.feed(
        "erp",
        {f"E{n}": kit.STAPLER | {"catalogue_number": f"Z-{n}00-{n}", "description": f"Tray {n}"} for n in range(70)},
    )
    page = everything.get("/audit/").content.decode()
    link = re.search(r'hx-get="(\?before=\d+[^"]*)"', page)[1].replace("&amp;", "&")
    older = everything.get("/audit/" + link, headers=HX).content.decode()
    seen = re.findall(r"MDM-IT-\d+(?=</a>)", page + older)
    assert len(set(seen)) == 70


def test_the_audit_log_of_one_record_shows_only_that(everything):
    kit.feed("erp", {"E1": kit.CATHETER, "E9": kit.STAPLER})
    golden = kit.golden("erp", "E1")
    text = text_of(everything.get(f"/audit/?record={golden.public_id}"))
    assert golden.public_id in text
    assert kit.golden("erp", "E9").public_id not in text
