"""What waits for what: nothing reaches a target before the records that it refers to."""

from __future__ import annotations

from datetime import timedelta
from graphlib import CycleError, TopologicalSorter

import pytest
from django.utils import timezone

from mdm.canonical import DOMAINS
from mdm.models import GoldenRecord
from sync import gates
from sync.adapters.base import ErrorClass, Outcome, State
from sync.models import Lane, Target
from tests.sync import kit
from tests.sync.peers import Peer

NOT_YET = Outcome(State.RETRY, error="not yet", error_class=ErrorClass.REFUSED)


def test_the_gate_graph_has_no_cycle_between_domains() -> None:
    graph = {d: {other for _, _, other in gates.gated(d) if other != d} for d in DOMAINS}
    assert list(TopologicalSorter(graph).static_order())  # raises CycleError otherwise
    assert graph["location"] == {"cost_center"}
    assert graph["item"] == {"supplier"}


def test_without_the_soft_reference_there_would_be_a_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "SOFT", set())
    graph = {d: {other for _, _, other in gates.gated(d) if other != d} for d in DOMAINS}
    with pytest.raises(CycleError):
        list(TopologicalSorter(graph).static_order())


def arrival(peer: Peer) -> list[str]:
    return [m.record for m in peer.received]


def test_an_item_waits_for_its_supplier(target: Target, peer: Peer) -> None:
    supplier = kit.create("supplier")
    item = kit.create("item", preferred_supplier=supplier)
    peer.answers[supplier.public_id] = NOT_YET
    kit.deliver(target)
    lane = kit.lane(target, item)
    assert (lane.state, lane.waits_for, lane.attempts) == ("held", supplier, 0)
    assert supplier.public_id in lane.error

    peer.answers.clear()
    kit.make_due(target)
    kit.deliver(target)
    assert arrival(peer) == [supplier.public_id, item.public_id]
    assert kit.lane(target, item).in_step


def test_parents_go_before_children_whatever_came_due_first(target: Target, peer: Peer) -> None:
    system = kit.create("location", "System", location_type="health_system")
    facility = kit.create("location", "Facility", parent=system)
    unit = kit.create("location", "Unit", parent=facility)
    for golden, minutes in ((unit, 3), (facility, 2), (system, 1)):
        Lane.objects.filter(record=golden).update(due_at=timezone.now() - timedelta(minutes=minutes))
    kit.deliver(target)
    assert arrival(peer) == [system.public_id, facility.public_id, unit.public_id]


def test_a_cost_center_does_not_wait_for_its_location(target: Target, peer: Peer) -> None:
    location = kit.create("location", "Unit")
    center = kit.create("cost_center", "Surgery", location=location)
    location.location.__class__.objects.filter(golden=location).update(cost_center=center)
    kit.deliver(target)
    assert arrival(peer) == [center.public_id, location.public_id]


def test_only_references_that_the_target_subscribes_to_count(target: Target, peer: Peer) -> None:
    Target.objects.update(subscriptions={"item": {}})
    target.refresh_from_db()
    item = kit.create("item", preferred_supplier=kit.create("supplier"))
    kit.deliver(target)
    assert arrival(peer) == [item.public_id]


def test_a_reference_outside_the_filter_holds_nothing_back(target: Target, peer: Peer) -> None:
    Target.objects.update(subscriptions={"item": {}, "supplier": {"supplier_type": ["gpo"]}})
    target.refresh_from_db()
    item = kit.create("item", preferred_supplier=kit.create("supplier", supplier_type="distributor"))
    kit.deliver(target)
    assert arrival(peer) == [item.public_id]


def test_a_draft_holds_back_what_names_it(target: Target, peer: Peer) -> None:
    draft = kit.create("supplier")
    GoldenRecord.objects.filter(pk=draft.pk).update(status="draft")
    Lane.objects.all().delete()
    item = kit.create("item", preferred_supplier=draft)
    kit.deliver(target)
    assert kit.lane(target, item).state == "held"

    GoldenRecord.objects.filter(pk=draft.pk).update(status="live")
    kit.update(draft)
    kit.deliver(target)
    assert arrival(peer) == [draft.public_id, item.public_id]


def test_a_new_version_that_names_nobody_is_not_held_any_more(target: Target, peer: Peer) -> None:
    supplier = kit.create("supplier")
    item = kit.create("item", preferred_supplier=supplier)
    peer.answers[supplier.public_id] = NOT_YET
    kit.deliver(target)
    kit.update(item, preferred_supplier=None)
    kit.deliver(target)
    assert arrival(peer) == [item.public_id]


def test_a_missed_release_is_made_up_for(target: Target, peer: Peer) -> None:
    supplier = kit.create("supplier")
    item = kit.create("item", preferred_supplier=supplier)
    kit.deliver(target)
    # as if the hold had been written just after the supplier's acknowledgement released those who waited
    Lane.objects.filter(record=item).update(state="held", waits_for=supplier, due_at=None, acked=0, acked_generation=0)
    kit.deliver(target)
    assert kit.lane(target, item).in_step


def test_all_that_wait_for_one_record_are_released_together(target: Target, peer: Peer) -> None:
    supplier = kit.create("supplier")
    items = kit.create_many("item", 300)
    items[0].item.__class__.objects.update(preferred_supplier=supplier)
    peer.answers[supplier.public_id] = NOT_YET
    kit.deliver(target)
    assert Lane.objects.filter(state="held").count() == 300
    peer.answers.clear()
    kit.make_due(target)
    kit.deliver(target)
    assert arrival(peer)[0] == supplier.public_id
    assert len(peer.records) == 301


def test_nothing_waits_for_what_had_ended_before_the_target_could_hear_of_it(target: Target, peer: Peer) -> None:
    supplier = kit.create("supplier")
    item = kit.create("item", preferred_supplier=supplier)
    kit.update(supplier, kit.Kind.RETIRED)
    later = kit.make_target("later")  # is told of live records only
    kit.deliver(later)
    assert arrival(kit.peer_of(later)) == [item.public_id]


def test_what_waits_for_a_draft_goes_on_when_the_draft_is_given_up(target: Target, peer: Peer) -> None:
    draft = kit.create("supplier")
    GoldenRecord.objects.filter(pk=draft.pk).update(status="draft", approved_version=0)
    Lane.objects.all().delete()
    item = kit.create("item", preferred_supplier=draft)
    kit.deliver(target)
    assert kit.lane(target, item).state == "held"

    GoldenRecord.objects.filter(pk=draft.pk).update(status="retired")
    kit.deliver(target)
    assert arrival(peer) == [item.public_id]
