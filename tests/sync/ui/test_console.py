"""The sync console: what it shows is what the lanes hold, and its buttons do what they say."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mdm.models import AuditEntry, GoldenRecord
from sync.adapters.base import Outcome, State
from sync.models import Attempt, Breaker, Lane, Target
from sync.ui import readers
from tests.sync import kit
from tests.sync.peers import Peer

HX = {"HX-Request": "true"}


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


@pytest.fixture
def refused(target: Target, peer: Peer) -> Lane:
    """A delivery that the target refused for good."""
    golden = kit.create("supplier", "Halden <Medical>")
    peer.answers[golden.public_id] = Outcome(State.REJECTED, error="EIN is missing", error_class="rejected")
    kit.deliver(target)
    return Lane.objects.get(state=Lane.State.DEAD)


def test_no_target_is_said(steward):
    assert "No targets yet" in text_of(steward.get("/sync/"))


def test_a_target_that_has_everything_is_in_step(steward, target, peer):
    kit.create()
    assert "Delivering" in text_of(steward.get("/sync/"))
    kit.deliver(target)
    text = text_of(steward.get("/sync/"))
    assert "In step" in text
    assert "Acknowledged 1 today" in text
    state = readers.targets()[0]
    assert state.waiting == 0
    assert state.lag is not None
    assert sum(state.spark) == 1


def test_waiting_and_failed_are_counted_from_the_lanes(steward, target, peer, refused):
    kit.create("supplier", "Another")
    state = readers.targets()[0]
    assert (state.waiting, state.dead, state.word) == (1, 1, "Refused some")


def test_a_target_that_does_not_answer_says_so(steward, target, peer):
    Breaker.objects.create(
        target=target, state="open", failures=5, retry_at="2099-01-01T00:00Z", changed_at="2026-01-01T00:00Z"
    )
    assert "Not answering" in text_of(steward.get("/sync/"))
    assert "Circuit open" in text_of(steward.get("/sync/live/", headers=HX))


def test_a_dead_letter_shows_why_and_what_was_sent(viewer, refused):
    page = viewer.get(f"/sync/dead/{refused.pk}/", headers=HX)
    text = text_of(page)
    assert "EIN is missing" in text
    assert b"Halden &lt;Medical&gt;" in page.content
    assert b"<Medical>" not in page.content
    assert 'name="decision"' not in viewer.get("/sync/").content.decode()


def test_a_retried_delivery_goes_out_again(steward, target, peer, refused):
    peer.answers.clear()
    steward.post("/sync/dead/decide/", {"lane": [refused.pk], "decision": "retry"})
    kit.deliver(target)
    refused.refresh_from_db()
    assert refused.in_step
    assert "No dead letters" in text_of(steward.get("/sync/"))


def test_skipping_needs_a_reason_and_is_audited(steward, target, peer, refused):
    said = {"lane": [refused.pk], "decision": "skip"}
    assert steward.post("/sync/dead/decide/", said).status_code == 422
    steward.post("/sync/dead/decide/", said | {"reason": "Not needed there"})
    refused.refresh_from_db()
    assert refused.state != Lane.State.DEAD
    assert Attempt.objects.filter(outcome="skipped").exists()
    assert AuditEntry.objects.filter(action="delivery.skip", reason="Not needed there").exists()


def test_who_may_not_manage_sync_can_neither_retry_nor_pause(viewer, target, refused):
    assert viewer.post("/sync/dead/decide/", {"lane": [refused.pk], "decision": "retry"}).status_code == 403
    assert viewer.post(f"/sync/targets/{target.code}/switch/", {"reason": "x"}).status_code == 403
    refused.refresh_from_db()
    assert refused.state == Lane.State.DEAD


def test_a_paused_target_keeps_its_deliveries_until_it_is_resumed(steward, target, peer):
    assert steward.post(f"/sync/targets/{target.code}/switch/", {"reason": ""}).status_code == 422
    steward.post(f"/sync/targets/{target.code}/switch/", {"reason": "Upgrade tonight"})
    target.refresh_from_db()
    assert target.paused
    assert "Upgrade tonight" in text_of(steward.get("/sync/"))
    steward.post(f"/sync/targets/{target.code}/switch/", {})
    target.refresh_from_db()
    assert not target.paused


def test_a_delivery_that_somebody_dealt_with_meanwhile_shows_how_it_stands(steward, target, peer, refused):
    """J fetches the next row while P sends the list: the answer may be asked for after the decision."""
    peer.answers.clear()
    steward.post("/sync/dead/decide/", {"lane": [refused.pk], "decision": "retry"})
    kit.deliver(target)
    part = steward.get(f"/sync/dead/{refused.pk}/", headers=HX)
    assert part.status_code == 200
    assert "In step Somebody dealt with this delivery." in text_of(part)
    assert 'name="lane"' not in part.content.decode()
    assert steward.get("/sync/dead/999999999/").status_code == 404


def test_the_console_asks_as_many_questions_for_many_lanes_as_for_one(steward, target, peer):
    kit.create()
    steward.get("/sync/")
    with CaptureQueriesContext(connection) as one:
        steward.get("/sync/")
    kit.create_many("location", 30)
    with CaptureQueriesContext(connection) as many:
        steward.get("/sync/")
    assert len(many) == len(one)


def test_a_record_shows_how_far_each_target_is(steward, target, peer, refused):
    golden = GoldenRecord.objects.get(pk=refused.record_id)
    assert "Failed" in text_of(steward.get(f"/suppliers/{golden.public_id}/"))
    peer.answers.clear()
    steward.post("/sync/dead/decide/", {"lane": [refused.pk], "decision": "retry"})
    kit.deliver(target)
    assert "ERP v1" in text_of(steward.get(f"/suppliers/{golden.public_id}/"))


def test_the_home_page_names_the_target_that_needs_a_look(steward, target, peer, refused):
    text = text_of(steward.get("/"))
    assert "Targets in step 0 of 1" in text
    assert "refused some" in text
