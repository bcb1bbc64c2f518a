"""Lanes, dead letters in bulk, and the drift board: what is shown is what lies there, and each button does its work."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mdm.models import AuditEntry, GoldenRecord, Override, User
from sync import reconcile, targets, tasks
from sync.adapters.base import Outcome, State
from sync.models import Breaker, Drift, Lane, LocalException, Reconciliation, Target
from sync.ui import drifts, letters
from tests.sync import kit
from tests.sync.peers import Peer

REFUSED = Outcome(State.REJECTED, error="EIN is missing", error_class="validation")


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


@pytest.fixture
def refused(target: Target, peer: Peer) -> list[Lane]:
    """Three deliveries that the target refused, two for one kind of reason."""
    for name, error_class in (("Alpha", "validation"), ("Beta", "validation"), ("Gamma", "refused")):
        golden = kit.create("supplier", name)
        peer.answers[golden.public_id] = Outcome(State.REJECTED, error="EIN is missing", error_class=error_class)
    kit.deliver(target)
    return list(Lane.objects.filter(state=Lane.State.DEAD).order_by("record__name"))


def test_dead_letters_are_grouped_by_target_and_kind_of_error(steward, refused):
    groups = {group.error_class: group.number for group in letters.dead()}
    assert groups == {"validation": 2, "refused": 1}
    text = text_of(steward.get("/sync/"))
    assert "ERP · validation · 2 Retry all" in text
    assert "Dead letters 3" in text


def test_all_of_one_kind_are_retried_at_once(steward, target, peer, refused):
    peer.answers.clear()
    steward.post("/sync/dead/decide/", {"whole": "erp/validation"})
    kit.deliver(target)
    assert [lane.record.name for lane in Lane.objects.filter(state=Lane.State.DEAD)] == ["Gamma"]
    assert AuditEntry.objects.filter(action="delivery.retry", object_type="lane").count() == 2


def test_a_dead_letter_shows_what_it_would_change_for_the_target(steward, target, peer):
    golden = kit.create("supplier", "Halden", phone="1")
    kit.deliver(target)
    peer.answers[golden.public_id] = REFUSED
    kit.update(golden, phone="2")
    kit.deliver(target)
    lane = Lane.objects.get(state=Lane.State.DEAD)
    changed = letters.LaneView(letters.find_dead(lane.pk)).differences
    assert [(one.label, one.before, one.after) for one in changed] == [("Phone", "1", "2")]
    assert "− Phone 1 + Phone 2" in text_of(steward.get(f"/sync/dead/{lane.pk}/"))


def test_a_refused_value_is_mended_in_passing(steward, target, peer, refused):
    lane = refused[0]
    peer.answers.clear()
    form = {"lane": lane.pk, "path": "phone", "value": "+1 555 010 2233", "reason": "Asked the vendor"}
    assert steward.post("/sync/dead/edit/", form).status_code == 302
    assert Override.objects.get(golden=lane.record).reason == "Asked the vendor"
    kit.deliver(target)
    lane.refresh_from_db()
    assert lane.in_step


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"lane": "x"}, 404),
        ({"path": "nope"}, 422),
        ({"reason": ""}, 422),
        ({"path": "ein", "value": "x" * 10_000}, 422),
    ],
)
def test_mending_refuses_what_makes_no_sense(steward, refused, said, status):
    form = {"lane": refused[0].pk, "path": "phone", "value": "1", "reason": "x"}
    assert steward.post("/sync/dead/edit/", form | said).status_code == status


def test_a_lane_shows_what_was_sent_and_what_came_back(viewer, target, peer):
    golden = kit.create("supplier", "Halden <b>")
    kit.deliver(target)
    lane = kit.lane(target, golden)
    page = viewer.get(f"/sync/lanes/{lane.pk}/")
    text = text_of(page)
    assert "In step" in text
    assert "Acknowledged ok" in text
    assert "Halden &lt;b&gt;" in page.content.decode()
    assert f"/sync/lanes/{lane.pk}/" in viewer.get(f"/suppliers/{golden.public_id}/").content.decode()
    assert viewer.get("/sync/lanes/999999/").status_code == 404


def test_a_record_is_told_again_on_request(steward, viewer, target, peer):
    golden = kit.create()
    kit.deliver(target)
    lane = kit.lane(target, golden)
    assert viewer.post(f"/sync/lanes/{lane.pk}/again/", {"reason": "x"}).status_code == 403
    assert steward.post(f"/sync/lanes/{lane.pk}/again/", {"reason": ""}).status_code == 422
    steward.post(f"/sync/lanes/{lane.pk}/again/", {"reason": "They lost it"})
    kit.deliver(target)
    assert peer.said(golden.public_id) == [(1, "upsert"), (1, "upsert")]


@pytest.mark.parametrize("state", letters.STATES)
def test_lanes_are_listed_by_state(viewer, target, peer, refused, state):
    kit.create("supplier", "Delta")
    text = text_of(viewer.get("/sync/lanes/", {"state": state, "target": "erp"}))
    assert ("Delta" in text, "Alpha" in text) == (state == "queued", state == "dead")


def test_lanes_of_a_record_are_found_by_its_id(viewer, target, peer, refused):
    golden = refused[0].record
    assert "Alpha" in text_of(viewer.get("/sync/lanes/", {"record": golden.public_id.lower()}))
    assert "No lane of NOPE" in text_of(viewer.get("/sync/lanes/", {"record": "NOPE", "state": "<script>"}))


def test_lanes_come_in_pages(viewer, target, peer):
    kit.create_many("location", letters.SHOWN + 5)
    first = letters.page_of("queued")
    rest = letters.page_of("queued", after=first.following)
    assert (len(first.lanes), len(rest.lanes), rest.following) == (letters.SHOWN, 5, None)


def test_an_open_breaker_is_probed_on_request(steward, target, peer):
    breaker = Breaker.objects.create(
        target=target, state="open", failures=5, retry_at="2099-01-01T00:00Z", changed_at="2026-01-01T00:00Z"
    )
    assert "Probe now" in text_of(steward.get("/sync/"))
    steward.post("/sync/targets/erp/probe/")
    breaker.refresh_from_db()
    assert breaker.retry_at.year < 2099
    breaker.delete()
    assert steward.post("/sync/targets/erp/probe/").status_code == 422


# --------------------------------------------------------------------------------------------------------------- drift


@pytest.fixture
def adrift(target: Target, peer: Peer) -> Reconciliation:
    """The target lost one record, changed another, and holds one that nobody sent."""
    lost, changed = kit.create("supplier", "Lost"), kit.create("supplier", "Changed")
    kit.deliver(target)
    held = peer.records.pop(lost.public_id)
    peer.records[changed.public_id].values["name"] = "Chanced"
    peer.records["MDM-SU-777777"] = type(held)("MDM-SU-777777", 1, 1, True, {})
    return reconcile.compare(target, actor=kit.change().actor, adapter=targets.adapter_of(target))


def test_the_board_counts_what_differs_what_is_missing_and_what_is_extra(viewer, adrift):
    row = drifts.board()[0]
    assert (row.differs, row.missing, row.extra) == (1, 1, 1)
    text = text_of(viewer.get(f"/sync/drift/{adrift.pk}/"))
    assert "Changed Chanced" in text
    assert "The target lacks it" in text
    assert "MDM-SU-777777" in text
    assert (
        "Lost"
        not in text_of(viewer.get(f"/sync/drift/{adrift.pk}/?kind=values")).split("Records")[1].split("Keyboard")[0]
    )


def answer(client, run, kind, *points, **said):
    data = {"answer": kind, "point": points} | said
    return client.post(f"/sync/drift/{run.pk}/answer/", data)


def test_repairing_sends_our_version_again(steward, target, peer, adrift):
    drift = Drift.objects.get(kind="missing")
    answer(steward, adrift, "push", f"{drift.pk}:", reason="They restored a backup")
    kit.deliver(target)
    assert drift.record.public_id in peer.records
    assert (drifts.board()[0].missing, drifts.board()[0].differs) == (0, 1)
    answer(steward, adrift, "push", scope="all", reason="The rest")
    kit.deliver(target)
    assert drifts.board()[0].mendable == 0
    assert peer.records[GoldenRecord.objects.get(name="Changed").public_id].values["name"] == "Changed"


def test_an_answer_needs_a_reason_and_the_permission(steward, viewer, adrift):
    assert answer(steward, adrift, "push", scope="all").status_code == 422
    assert answer(viewer, adrift, "push", scope="all", reason="x").status_code == 403
    assert Drift.objects.exclude(resolution="").count() == 0


def test_the_preview_says_what_an_answer_does_and_does_nothing(steward, adrift):
    changed = Drift.objects.get(kind="values")
    asked = {"answer": "take", "point": f"{changed.pk}:name"}
    text = text_of(steward.get(f"/sync/drift/{adrift.pk}/answer/", asked))
    assert "1 in 1 record" in text
    assert "A second person approves it" in text
    text = text_of(steward.get(f"/sync/drift/{adrift.pk}/answer/", {"answer": "pin", "scope": "all"}))
    assert "the record as a whole departs" in text
    assert Drift.objects.exclude(resolution="").count() == 0


def test_a_value_left_to_the_target_is_listed_until_somebody_ends_it(steward, target, peer, adrift):
    changed = Drift.objects.get(kind="values")
    me = User.objects.get(username="steward")
    said = {"reason": "They count it so", "owner": me.pk, "until": timezone.localdate() + dt.timedelta(days=9)}
    answer(steward, adrift, "pin", f"{changed.pk}:name", **said)
    text = text_of(steward.get(f"/sync/drift/{adrift.pk}/"))
    assert "They count it so" in text
    assert "Pinned" in text
    pinned = LocalException.objects.get()
    steward.post(f"/sync/exceptions/{pinned.pk}/end/", {"reason": "They mended it"})
    assert "They count it so" not in text_of(steward.get(f"/sync/drift/{adrift.pk}/"))


def test_a_comparison_is_asked_for_and_done_by_a_worker(
    steward, target, peer, monkeypatch, django_capture_on_commit_callbacks
):
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(tasks.compare, "delay", lambda *ids: asked.append(ids))
    with django_capture_on_commit_callbacks(execute=True):
        assert steward.post("/sync/targets/erp/compare/").status_code == 302
    tasks.compare(*asked[0])
    run = Reconciliation.objects.get()
    assert (run.target, run.actor.username) == (target, "steward")
    Target.objects.update(paused=True)
    assert steward.post("/sync/targets/erp/compare/").status_code == 422


def test_the_board_costs_as_many_queries_for_much_drift_as_for_none(viewer, target, peer, adrift):
    viewer.get("/sync/")
    with CaptureQueriesContext(connection) as few:
        viewer.get("/sync/")
    Drift.objects.bulk_create(
        Drift(reconciliation=adrift, public_id=f"X{n}", domain="supplier", kind="unexpected") for n in range(80)
    )
    with CaptureQueriesContext(connection) as many:
        viewer.get("/sync/")
    assert len(few) == len(many)
