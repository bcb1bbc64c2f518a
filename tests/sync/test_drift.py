"""The three answers to drift: ours again, theirs after approval, or theirs for a while."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from mdm.exceptions import Forbidden, InvalidValue, NeedsReason, Refused, Stale
from mdm.models import AuditEntry, ChangeRequest, GoldenRecord, User, WorkItem
from mdm.services import requests
from sync import drift, pins, reconcile, services
from sync.models import Drift, Letter, LocalException, Reconciliation, Target
from tests.mdm import kit as core
from tests.sync import kit
from tests.sync.peers import Peer, spoil

WEEK = dt.timedelta(days=7)


@pytest.fixture
def catheter(target: Target, peer: Peer) -> GoldenRecord:
    """A golden record with a source, which the target has."""
    core.feed("lawson", {"L1": core.CATHETER | {"category": "Urology", "latex": "free"}})
    golden = core.golden("lawson", "L1")
    kit.deliver(target)
    return golden


def compare(target: Target) -> Reconciliation:
    return reconcile.compare(target, actor=User.objects.system())


def points_of(run: Reconciliation, *chosen: str) -> list[drift.Point]:
    rows = run.drifts.select_related("record", "reconciliation__target")
    found = drift.open_points(rows)
    return [point for point in found if not chosen or point.field in chosen]


def values_at(peer: Peer, golden: GoldenRecord) -> dict[str, object]:
    return peer.records[golden.public_id].values


def keep(run: Reconciliation, *fields: str, until: dt.timedelta = WEEK) -> drift.Answered:
    steward = core.steward()
    said = {"owner": steward, "actor": steward, "reason": "They count it so"}
    return drift.pin(points=points_of(run, *fields), until=timezone.now() + until, **said)


# ---------------------------------------------------------------------------------------------------------------- ours


def test_ours_is_sent_again_as_a_whole(target: Target, peer: Peer, catheter: GoldenRecord) -> None:
    spoil(peer, catheter.public_id, category="Other", brand="None")
    run = compare(target)
    assert drift.push(run=run, points=points_of(run, "category"), actor=core.steward(), reason="Ours is right") == 1
    kit.deliver(target)
    assert values_at(peer, catheter)["category"] == "Urology"
    assert compare(target).drifted == 0
    row = Drift.objects.get(reconciliation=run)
    assert (row.resolution, set(row.answers)) == ("pushed", {"brand", "category"})
    assert AuditEntry.objects.get(action="drift.push", golden=catheter).after["answer"] == "pushed"


def test_ours_for_all_is_asked_for_chunk_by_chunk(target: Target, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    goldens = kit.create_many("supplier", 5)
    kit.deliver(target)
    for golden in goldens:
        spoil(peer, golden.public_id, name="Other")
    run = compare(target)
    monkeypatch.setattr(services, "CHUNK", 2)
    assert drift.push(run=run, actor=core.steward(), reason="Ours is right") == 5
    assert AuditEntry.objects.filter(action="delivery.replay").count() == 3
    assert not run.drifts.filter(resolution="").exists()
    kit.deliver(target)
    assert compare(target).drifted == 0


@pytest.mark.parametrize(("policy", "sent"), [("ask", 2), ("ours", 3)])
def test_the_night_leaves_drift_that_waits_for_an_answer_where_the_target_is_to_be_asked_about(
    target: Target, peer: Peer, policy: str, sent: int
) -> None:
    goldens = kit.create_many("supplier", 3)
    kit.deliver(target)
    spoil(peer, goldens[0].public_id, name="Theirs")
    run = compare(target)
    target.on_drift = policy
    assert services.nightly_sync(target=target, actor=User.objects.system()) == sent
    told = AuditEntry.objects.get(action="delivery.full_sync")
    assert (told.after["left"], "wait for an answer" in told.reason) == (3 - sent, policy == "ask")
    kit.deliver(target)
    assert (values_at(peer, goldens[0])["name"] == "Theirs") is (policy == "ask")
    drift.push(run=run, actor=core.steward(), reason="Ours is right")
    assert not services.unanswered_drift(target)


# -------------------------------------------------------------------------------------------------------------- theirs


def test_theirs_waits_for_a_second_person_and_then_is_everybodys(
    target: Target, peer: Peer, catheter: GoldenRecord
) -> None:
    spoil(peer, catheter.public_id, category="Continence")
    run = compare(target)
    given = drift.take(points=points_of(run), actor=core.steward(), reason="They know better")
    assert (given.done, given.problems) == (1, ())
    assert core.fresh(catheter).attributes.category == "Urology"
    request = ChangeRequest.objects.get()
    assert (request.kind, request.diff) == ("target_value", {"category": {"before": "Urology", "after": "Continence"}})
    requests.approve(request=request, actor=core.approver())
    assert core.fresh(catheter).attributes.category == "Continence"
    kit.deliver(target)
    assert compare(target).drifted == 0


def test_a_guarded_value_needs_no_third_person(target: Target, peer: Peer, catheter: GoldenRecord) -> None:
    spoil(peer, catheter.public_id, latex="contains")
    drift.take(points=points_of(compare(target)), actor=core.steward(), reason="Read the label")
    requests.approve(request=ChangeRequest.objects.get(), actor=core.approver())
    assert core.fresh(catheter).attributes.latex == "contains"
    assert not ChangeRequest.objects.filter(state="open").exists()


def test_two_values_of_a_record_are_approved_one_after_the_other(
    target: Target, peer: Peer, catheter: GoldenRecord
) -> None:
    spoil(peer, catheter.public_id, category="Continence", brand="Halden")
    drift.take(points=points_of(compare(target)), actor=core.steward(), reason="They know better")
    for request in ChangeRequest.objects.order_by("pk"):
        requests.approve(request=request, actor=core.approver())
    attributes = core.fresh(catheter).attributes
    assert (attributes.category, attributes.brand) == ("Continence", "Halden")


def test_what_changed_here_meanwhile_is_not_overwritten(target: Target, peer: Peer, catheter: GoldenRecord) -> None:
    spoil(peer, catheter.public_id, category="Continence")
    drift.take(points=points_of(compare(target)), actor=core.steward(), reason="They know better")
    core.feed("lawson", {"L1": core.CATHETER | {"category": "Surgery", "latex": "free"}})
    with pytest.raises(Stale, match="something else now"):
        requests.approve(request=ChangeRequest.objects.get(), actor=core.approver())


def test_what_cannot_be_taken_over_is_told_and_the_rest_is_proposed(
    target: Target, peer: Peer, catheter: GoldenRecord
) -> None:
    spoil(peer, catheter.public_id, category="Continence", latex="maybe", supplier_parts=[{"number": "1"}])
    run = compare(target)
    given = drift.take(points=points_of(run), actor=core.steward(), reason="They know better")
    assert given.done == 1
    assert len(given.problems) == 2
    row = run.drifts.get()
    assert (row.answers, row.resolution) == ({"category": "proposed"}, "")
    assert set(row.open_fields) == {"latex", "supplier_parts"}


def test_the_same_value_is_asked_for_once(target: Target, peer: Peer, catheter: GoldenRecord) -> None:
    spoil(peer, catheter.public_id, category="Continence")
    for _ in range(2):
        drift.take(points=points_of(compare(target)), actor=core.steward(), reason="They know better")
    spoil(peer, catheter.public_id, category="Surgery")
    given = drift.take(points=points_of(compare(target)), actor=core.steward(), reason="No, this")
    assert ChangeRequest.objects.count() == 1
    assert "waits for approval" in given.problems[0]


# ----------------------------------------------------------------------------------------------------- theirs, a while


def test_what_a_target_may_keep_is_no_drift_and_is_sent_back_to_it(
    target: Target, peer: Peer, catheter: GoldenRecord
) -> None:
    spoil(peer, catheter.public_id, category="Continence")
    assert keep(compare(target)).done == 1
    assert compare(target).drifted == 0
    core.feed("lawson", {"L1": core.CATHETER | {"category": "Surgery", "brand": "Halden", "latex": "free"}})
    kit.deliver(target)
    held = values_at(peer, catheter)
    assert (held["category"], held["brand"]) == ("Continence", "Halden")
    assert compare(target).drifted == 0
    spoil(peer, catheter.public_id, category="Yet another")
    assert compare(target).drifts.get().fields == {"category": ["Continence", "Yet another"]}


def test_a_reference_is_kept_with_its_name(target: Target, peer: Peer) -> None:
    one, two, child = kit.create(name="One"), kit.create(name="Two"), kit.create(name="Child")
    kit.update(child, parent=one)
    kit.deliver(target)
    spoil(peer, child.public_id, parent=two.public_id)
    keep(compare(target))
    assert LocalException.objects.get().value == {"id": two.public_id, "name": "Two"}
    kit.update(child, name="Child Inc")
    kit.deliver(target)
    assert values_at(peer, child)["parent"] == two.public_id
    assert compare(target).drifted == 0


def test_what_two_people_decide_about_is_not_left_to_one(target: Target, peer: Peer, catheter: GoldenRecord) -> None:
    spoil(peer, catheter.public_id, latex="contains", category="Other")
    answered = keep(compare(target))
    assert answered.done == 1
    assert answered.problems == (f"{catheter.public_id}: two people decide about latex. Take theirs, or send ours.",)
    assert [row.field for row in LocalException.objects.all()] == ["category"]


def test_who_may_not_decide_about_targets_owns_no_exception(target: Target, peer: Peer, catheter: GoldenRecord) -> None:
    spoil(peer, catheter.public_id, category="Other")
    points, steward = points_of(compare(target)), core.steward()
    with pytest.raises(InvalidValue, match="may not answer for targets"):
        drift.pin(
            points=points, owner=core.person("v", "viewer"), until=timezone.now() + WEEK, actor=steward, reason="So"
        )


def test_when_its_time_is_over_the_owner_is_asked_and_it_is_drift_again(
    target: Target, peer: Peer, catheter: GoldenRecord
) -> None:
    spoil(peer, catheter.public_id, category="Continence")
    keep(compare(target))
    core.feed("lawson", {"L1": core.CATHETER | {"category": "Urology", "brand": "Halden", "latex": "free"}})
    kit.deliver(target)  # a letter that repeats theirs
    assert pins.expire(now=timezone.now()) == 0
    assert pins.expire(now=timezone.now() + WEEK) == 1
    item = WorkItem.objects.get(kind=WorkItem.Kind.LOCAL_EXCEPTION)
    assert (item.assignee, item.golden, item.is_live) == (core.steward(), catheter, True)
    run = compare(target)
    assert run.drifts.get().fields == {"category": ["Urology", "Continence"]}
    keep(run)
    assert not core.fresh(item).is_live
    assert compare(target).drifted == 0


def test_renewing_replaces_the_exception(target: Target, peer: Peer, catheter: GoldenRecord) -> None:
    spoil(peer, catheter.public_id, category="Continence")
    keep(compare(target))
    spoil(peer, catheter.public_id, category="Yet another")
    keep(compare(target))
    assert list(LocalException.objects.filter(ended_at=None).values_list("value", flat=True)) == ["Yet another"]
    assert LocalException.objects.count() == 2


def test_an_exception_ended_early_sends_ours_with_the_next_version(
    target: Target, peer: Peer, catheter: GoldenRecord
) -> None:
    spoil(peer, catheter.public_id, category="Continence")
    keep(compare(target))
    pinned = LocalException.objects.get()
    pins.end(exception=pinned, actor=core.steward(), reason="They mended it")
    with pytest.raises(Stale):
        pins.end(exception=pinned, actor=core.steward(), reason="Again")
    assert compare(target).drifted == 1
    core.feed("lawson", {"L1": core.CATHETER | {"category": "Urology", "brand": "Halden", "latex": "free"}})
    kit.deliver(target)
    assert values_at(peer, catheter)["category"] == "Urology"
    assert pins.OURS not in Letter.objects.get(lane__record=catheter).payload


def test_an_answer_needs_a_reason_a_right_something_to_answer_and_an_end_in_sight(
    target: Target, peer: Peer, catheter: GoldenRecord
) -> None:
    spoil(peer, catheter.public_id, category="Continence")
    run, steward = compare(target), core.steward()
    with pytest.raises(NeedsReason):
        drift.take(points=points_of(run), actor=steward, reason=" ")
    with pytest.raises(Refused, match="Nothing was chosen"):
        drift.take(points=[], actor=steward, reason="x")
    with pytest.raises(Forbidden):
        drift.take(points=points_of(run), actor=kit.make_user("mdm.manage_sync"), reason="x")
    for days in (-1, 400):
        with pytest.raises(InvalidValue, match="within a year"):
            keep(run, until=dt.timedelta(days=days))
    assert not Drift.objects.exclude(answers={}).exists()
