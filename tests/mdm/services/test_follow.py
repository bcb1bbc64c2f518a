"""References follow the records they name, through merges and back."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from mdm import tasks
from mdm.models import GoldenRecord, Override, WorkItem
from mdm.services import change, follow, merge, review, split
from tests.mdm import kit

pytestmark = pytest.mark.django_db

ITEM = kit.CATHETER | {"preferred_supplier": "V1", "supplier_parts": [{"supplier": "V1", "number": "9"}]}


def firms() -> tuple[GoldenRecord, GoldenRecord]:
    """(the firm that the ERP calls V1, another and older one)."""
    kit.feed("erp", {"V1": {"name": "Brightwater Surgical"}}, "supplier")
    kit.feed("scm", {"T1": {"name": "Zephyr Instruments"}}, "supplier")
    loser, survivor = kit.golden("erp", "V1", "supplier"), kit.golden("scm", "T1", "supplier")
    GoldenRecord.objects.filter(pk=survivor.pk).update(created_at=timezone.now() - dt.timedelta(days=1))
    return loser, survivor


def join(survivor: GoldenRecord, loser: GoldenRecord) -> None:
    merge.merge(survivor=survivor, loser=loser, actor=kit.steward(), reason="One firm")


def named(golden: GoldenRecord) -> set[GoldenRecord | None]:
    item = kit.fresh(golden).item
    return {item.preferred_supplier, *(part.supplier for part in item.supplier_parts.all())}


def test_items_name_the_survivor_after_a_background_batch_and_get_a_version_then() -> None:
    loser, survivor = firms()
    kit.feed("erp", {"E1": ITEM})
    item = kit.golden("erp", "E1")
    join(survivor, loser)
    assert kit.fresh(item).version == 1  # the merge itself neither locks nor versions what names the two
    assert follow.follow_merges() == 1
    assert (named(item), kit.fresh(item).version) == ({survivor}, 2)
    assert follow.follow_merges() == 0


def test_a_batch_is_as_large_as_asked() -> None:
    loser, survivor = firms()
    kit.feed("erp", {f"E{n}": ITEM | {"catalogue_number": f"Q{n}7", "description": f"Tool {n}{n}"} for n in range(3)})
    join(survivor, loser)
    assert [follow.follow_merges(limit=2), follow.follow_merges(limit=2), follow.follow_merges(limit=2)] == [2, 1, 0]


def test_an_unmerge_gives_the_references_back_at_once() -> None:
    loser, survivor = firms()
    kit.feed("erp", {"E1": ITEM})
    join(survivor, loser)
    follow.follow_merges()
    split.unmerge(loser=loser, actor=kit.steward(), reason="Two firms")
    assert named(kit.golden("erp", "E1")) == {loser}
    assert not kit.rebuild()


def test_a_split_takes_the_references_by_its_codes_along() -> None:
    kit.feed("erp", {"V1": {"name": "Brightwater Surgical"}}, "supplier")
    kit.feed("scm", {"T1": {"name": "Zephyr Instruments"}}, "supplier")
    one, two = kit.golden("erp", "V1", "supplier"), kit.golden("scm", "T1", "supplier")
    join(one, two)
    kit.feed("scm", {"S1": kit.STAPLER | {"preferred_supplier": "T1"}})
    assert named(kit.golden("scm", "S1")) == {one}
    new = split.split(golden=one, sources=[kit.source("scm", "T1", "supplier")], actor=kit.steward(), reason="Two")
    assert named(kit.golden("scm", "S1")) == {new}


def test_a_stewards_reference_follows_too() -> None:
    loser, survivor = firms()
    kit.feed("erp", {"E1": kit.CATHETER})
    item = kit.golden("erp", "E1")
    change.override(golden=item, path="preferred_supplier", value=loser.public_id, actor=kit.steward(), reason="Deal")
    join(survivor, loser)
    assert follow.follow_merges() == 1
    assert (named(item), follow.follow_merges()) == ({survivor}, 0)


def test_upkeep_does_what_falls_due() -> None:
    item = kit.doubtful()
    review.snooze(item=item, until=timezone.now() + dt.timedelta(days=1), actor=kit.steward())
    WorkItem.objects.update(snoozed_until=timezone.now())
    golden = kit.golden("erp", "E1")
    until = timezone.now() + dt.timedelta(days=1)
    change.override(golden=golden, path="brand", value="SoftFlow", actor=kit.steward(), reason="x", until=until)
    Override.objects.update(until=timezone.now())
    tasks.upkeep()
    assert kit.fresh(item).state == WorkItem.State.OPEN
    assert kit.fresh(golden).item.brand == ""
