"""What the database itself holds to, whatever the code does."""

from __future__ import annotations

import datetime as dt
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.utils import timezone

from mdm.changes import Change
from mdm.models import (
    AuditEntry,
    ChangeRequest,
    GoldenRecord,
    Judgement,
    Override,
    Relation,
    SourceRevision,
    SourceSystem,
    WorkItem,
)
from mdm.services import change, merge, review
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def refused(model: type[Model], pk: object, says: str = "", **values: object) -> None:
    rows = model._default_manager.filter(pk=pk)
    change = partial(rows.update, **values) if values else partial(rows._raw_delete, "default")  # past Django's guard
    with pytest.raises(IntegrityError, match=says or None), transaction.atomic():
        change()


# ---------------------------------------------------------------------------------------------------- append-only


def test_the_audit_is_append_only() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    entry = AuditEntry.objects.filter(golden__isnull=False).first()
    assert entry is not None
    refused(AuditEntry, entry.pk, "append-only", reason="Something else")
    refused(AuditEntry, entry.pk, "append-only")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE mdm_auditentry SET at = now()")


def test_what_a_source_said_before_is_never_rewritten() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("erp", {"E1": kit.CATHETER | {"brand": "New"}})
    revision = SourceRevision.objects.get()
    refused(SourceRevision, revision.pk, "append-only", values={})
    refused(SourceRevision, revision.pk, "append-only")


def test_judgements_are_reopened_never_deleted() -> None:
    review.reject(item=kit.doubtful(), actor=kit.steward())
    refused(Judgement, Judgement.objects.get().pk, "append-only")


# ----------------------------------------------------------------------------------------------------- constraints


def test_a_merged_record_names_its_survivor_and_no_other_does() -> None:
    one, two = kit.twins()
    refused(GoldenRecord, two.pk, "merged_names_its_survivor", status="merged")
    refused(GoldenRecord, two.pk, "merged_names_its_survivor", merged_into=one)


def test_a_status_or_domain_that_is_none_is_refused() -> None:
    one, _ = kit.twins()
    refused(GoldenRecord, one.pk, "status_is_known", status="gone")
    refused(GoldenRecord, one.pk, "domain_is_known", domain="patient")


def test_what_is_approved_is_not_ahead_of_what_there_is() -> None:
    one, _ = kit.twins()
    refused(GoldenRecord, one.pk, "approved_is_not_ahead", approved_version=one.version + 1)


def test_a_judgement_joins_an_ordered_pair_once() -> None:
    review.reject(item=kit.doubtful(), actor=kit.steward())
    standing = Judgement.objects.get()
    refused(Judgement, standing.pk, "pair_is_ordered", first=standing.second, second=standing.first)
    standing.pk = None
    with pytest.raises(IntegrityError, match="one_live_per_pair"), transaction.atomic():
        standing.save(force_insert=True)


def test_one_override_of_a_kind_is_in_force_per_path() -> None:
    one, _ = kit.twins()
    change.override(golden=one, path="brand", value="A", actor=kit.steward(), reason="x")
    with pytest.raises(IntegrityError, match="one_live_per_path_and_kind"), transaction.atomic():
        Override.objects.create(golden=one, path="brand", value="B", author=kit.steward(), reason="x")


def test_one_live_work_item_per_subject_and_a_closed_one_says_when() -> None:
    item = kit.doubtful()
    refused(WorkItem, item.pk, "closed_says_when", state="done")
    item.pk = None
    with pytest.raises(IntegrityError, match="one_live_per_subject"), transaction.atomic():
        item.save(force_insert=True)


def test_one_open_change_request_per_subject() -> None:
    one, _ = kit.twins(kit.CATHETER | {"implant": True})
    request = change.retire(golden=one, actor=kit.steward(), reason="Recalled")
    assert isinstance(request, ChangeRequest)
    request.pk = None
    with pytest.raises(IntegrityError, match="one_open_per_subject"), transaction.atomic():
        request.save(force_insert=True)


def test_a_relation_joins_two_records() -> None:
    one, _ = kit.twins()
    with pytest.raises(IntegrityError, match="joins_two_records"), transaction.atomic():
        Relation.objects.create(kind="related", subject=one, object=one, author=kit.steward(), reason="x")


def test_trust_is_a_percentage() -> None:
    refused(SourceSystem, kit.code_system("erp").system_id, "trust_is_a_percentage", trust=101)


# --------------------------------------------------------------------------------------------------------- history


def test_every_version_has_its_history_row_with_who_and_which_change() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    golden = kit.golden("erp", "E1")
    change.override(golden=golden, path="brand", value="A", actor=kit.steward(), reason="Label")
    merge_loser = kit.twins()[1]
    merge.merge(survivor=golden, loser=merge_loser, actor=kit.steward(), reason="One thing")
    for record in (golden, merge_loser):
        rows = {row.version: row for row in record.history.all()}
        for event in record.events.all():
            assert rows[event.version].history_change_reason == str(event.change_id)
        assert len(rows) == record.events.count() == kit.fresh(record).version
    assert golden.history.get(version=2).history_user == kit.steward()
    assert merge_loser.history.latest().merged_into == golden


def test_the_record_can_be_seen_as_of_any_moment_with_its_children() -> None:
    ladder = [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 10}]
    kit.feed("erp", {"E1": kit.CATHETER | {"packaging": ladder, "brand": "Old"}})
    golden, then = kit.golden("erp", "E1"), timezone.now()
    kit.feed("erp", {"E1": kit.CATHETER | {"packaging": [ladder[0], {"uom": "CA", "quantity": 40}], "brand": "New"}})
    now = timezone.now()
    item = kit.fresh(golden).item
    seen = {at: golden.item.history.as_of(at) for at in (then, now)}
    assert [seen[at].brand for at in (then, now)] == ["Old", "New"]
    levels = type(item.packaging.first()).history
    at_first = {(row.uom, row.quantity) for row in levels.as_of(then) if row.item_id == golden.pk}
    at_last = {(row.uom, row.quantity) for row in levels.as_of(now) if row.item_id == golden.pk}
    assert (at_first, at_last) == ({("EA", 1), ("BX", 10)}, {("EA", 1), ("CA", 40)})
    assert golden.item.history.count() == 2
    with pytest.raises(type(item).DoesNotExist):
        golden.item.history.as_of(then - dt.timedelta(days=1))


def test_what_does_not_change_gets_no_history_row() -> None:
    kit.feed("erp", {"E1": kit.CATHETER | {"packaging": [{"uom": "EA", "quantity": 1}]}})
    golden = kit.golden("erp", "E1")
    kit.feed("erp", {"E1": kit.CATHETER | {"packaging": [{"uom": "EA", "quantity": 1}], "brand": "New"}})
    level = golden.item.packaging.get()
    assert (golden.item.history.count(), level.history.count()) == (2, 1)


def test_everything_that_one_action_writes_carries_its_change() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    golden = kit.golden("erp", "E1")
    made = Change.begin(kit.steward(), "test", "x" * 600)
    assert (len(made.reason), made.entry(golden=golden).change_id) == (500, made.id)
    first = golden.events.get()
    assert AuditEntry.objects.filter(golden=golden, change_id=first.change_id).exists()
    assert golden.codes.get().change_id == first.change_id
