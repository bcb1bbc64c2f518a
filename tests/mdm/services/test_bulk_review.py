"""Bulk acceptance takes only what agrees in every field, and each item by itself."""

from __future__ import annotations

import pytest

from mdm.exceptions import Forbidden, NeedsReason
from mdm.models import AuditEntry, GoldenRecord, SourceRecord, WorkItem
from mdm.services import bulk_review, review
from tests.mdm import kit

pytestmark = pytest.mark.django_db
State = WorkItem.State


def agreeing(code: str = "D1") -> WorkItem:
    """A review of a record that says what the golden record says, letter for letter."""
    item = kit.doubtful(code=code)
    source = SourceRecord.objects.get(pk=item.source_id)
    source.values = dict(kit.CATHETER)
    source.save(update_fields=["values"])
    best = item.candidates[0] | {"vetoes": []}
    best["evidence"] = [e | {"level": "exact"} for e in best["evidence"]]
    WorkItem.objects.filter(pk=item.pk).update(candidates=[best])
    return WorkItem.objects.get(pk=item.pk)


def test_what_agrees_in_every_field_is_accepted_after_a_dry_run():
    item = agreeing()
    plan = bulk_review.plan(items=[item.pk], actor=kit.steward())
    assert [(clear.item, clear.version) for clear in plan.accept] == [(item.pk, item.version)]
    item.refresh_from_db()
    assert item.state == State.OPEN, "a plan changes nothing"
    done = bulk_review.accept_agreeing(seen={item.pk: item.version}, actor=kit.steward(), reason="All the same")
    assert done.accepted == (item.pk,)
    assert kit.golden("scm", "D1") == kit.golden("erp", "E1")
    assert AuditEntry.objects.filter(action="review.accept", reason="All the same").exists()


def test_a_field_that_differs_stays_with_a_person():
    item = kit.doubtful()
    plan = bulk_review.plan(items=[item.pk], actor=kit.steward())
    assert not plan.accept
    assert plan.left == {"A field differs": 1}
    done = bulk_review.accept_agreeing(seen={item.pk: item.version}, actor=kit.steward(), reason="Sure")
    assert not done.accepted
    item.refresh_from_db()
    assert item.state == State.OPEN


def test_a_value_that_the_engine_does_not_compare_counts_too():
    item = agreeing()
    source = SourceRecord.objects.get(pk=item.source_id)
    source.values = source.values | {"base_uom": "BX"}
    source.save(update_fields=["values"])
    assert bulk_review.plan(items=[item.pk], actor=kit.steward()).left == {"A field differs": 1}


def test_a_close_rival_stays_with_a_person():
    item = agreeing()
    best = item.candidates[0]
    WorkItem.objects.filter(pk=item.pk).update(candidates=[best, best | {"score": best["score"] - 1}])
    assert bulk_review.plan(items=[item.pk], actor=kit.steward()).left == {"Another record is nearly as likely": 1}


def test_an_implant_stays_with_a_person():
    item = agreeing()
    source = SourceRecord.objects.get(pk=item.source_id)
    source.values = source.values | {"implant": True}
    source.save(update_fields=["values"])
    assert bulk_review.plan(items=[item.pk], actor=kit.steward()).left == {"Critical": 1}


def test_what_would_join_an_implant_stays_with_a_person():
    item = agreeing()
    GoldenRecord.objects.filter(pk=item.candidates[0]["golden"]).update(criticality=GoldenRecord.Criticality.HIGH)
    assert bulk_review.plan(items=[item.pk], actor=kit.steward()).left == {"Critical": 1}


def test_what_somebody_else_holds_is_left_alone():
    item = agreeing()
    omar = kit.person("omar", "steward")
    review.assign(item=item, assignee=omar, actor=omar)
    assert bulk_review.plan(items=[item.pk], actor=kit.steward()).left == {"Somebody else has taken it": 1}


def test_an_item_that_changed_after_the_dry_run_is_left_and_takes_no_other_with_it():
    item = agreeing()
    done = bulk_review.accept_agreeing(seen={item.pk: item.version - 1}, actor=kit.steward(), reason="Sure")
    assert not done.accepted
    assert sum(done.left.values()) == 1


def test_bulk_acceptance_needs_a_reason_and_the_permission():
    item = agreeing()
    with pytest.raises(NeedsReason):
        bulk_review.accept_agreeing(seen={item.pk: item.version}, actor=kit.steward(), reason=" ")
    with pytest.raises(Forbidden):
        bulk_review.plan(items=[item.pk], actor=kit.person("vera", "viewer"))
