"""Overrides, holds, change requests and retirement."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from mdm.exceptions import Forbidden, InvalidValue, NeedsReason, OwnChange, Refused, Stale
from mdm.models import AuditEntry, ChangeRequest, GoldenRecord, Override, User, WorkItem
from mdm.services import change, ingest
from tests.mdm import kit

pytestmark = pytest.mark.django_db

LATEX_FREE = kit.CATHETER | {"latex": "free"}


def catheter(values: dict[str, Any] = kit.CATHETER) -> GoldenRecord:
    kit.feed("erp", {"E1": values})
    return kit.golden("erp", "E1")


def override(golden: GoldenRecord, path: str, value: object, **options: Any) -> GoldenRecord:
    return change.override(golden=golden, path=path, value=value, actor=kit.steward(), reason="Label", **options)


# ---------------------------------------------------------------------------------------------------------- overrides


def test_an_override_replaces_the_sources_value_and_says_whose_it_is() -> None:
    golden = override(catheter(), "manufacturer", "Halden Medical GmbH")
    assert (golden.item.manufacturer, golden.version) == ("Halden Medical GmbH", 2)
    why = golden.provenance["manufacturer"]
    assert (why["source"], why["system"], why["note"]) == ("override", "steward", "Label")
    assert [other["value"] for other in why["others"]] == ["Halden Medical Inc"]


def test_an_override_outlives_the_next_feed() -> None:
    golden = override(catheter(), "manufacturer", "Halden Medical GmbH")
    kit.feed("erp", {"E1": kit.CATHETER | {"manufacturer": "Halden Med.", "brand": "SoftFlow"}})
    item = kit.fresh(golden).item
    assert (item.manufacturer, item.brand) == ("Halden Medical GmbH", "SoftFlow")


def test_a_newer_override_takes_the_place_of_the_older() -> None:
    golden = catheter()
    override(golden, "brand", "One")
    assert override(golden, "brand", "Two").item.brand == "Two"
    assert Override.objects.filter(withdrawn_at__isnull=True).count() == 1


def test_a_withdrawn_override_lets_the_sources_speak_again() -> None:
    golden = override(catheter(), "manufacturer", "Halden Medical GmbH")
    row = Override.objects.get()
    change.withdraw_override(override=row, actor=kit.steward(), reason="Mistake")
    assert kit.fresh(golden).item.manufacturer == "Halden Medical Inc"
    with pytest.raises(Stale):
        change.withdraw_override(override=row, actor=kit.steward(), reason="Again")


def test_an_empty_override_states_that_there_is_no_value() -> None:
    golden = override(catheter(), "manufacturer", None)
    assert golden.item.manufacturer == ""
    assert golden.provenance["manufacturer"]["source"] == "override"


def test_an_override_ends_when_its_time_is_over() -> None:
    now = timezone.now()
    golden = override(catheter(), "manufacturer", "Halden Medical GmbH", until=now + dt.timedelta(days=1))
    assert change.expire_overrides(now=now) == 0
    Override.objects.update(until=now - dt.timedelta(seconds=1))
    assert change.expire_overrides(now=now) == 1
    assert (kit.fresh(golden).item.manufacturer, kit.fresh(golden).version) == ("Halden Medical Inc", 3)
    assert change.expire_overrides(now=now) == 0


def test_an_override_whose_time_is_over_counts_no_more_even_before_it_is_ended() -> None:
    golden = override(catheter(), "manufacturer", "Halden Medical GmbH", until=timezone.now() + dt.timedelta(days=1))
    Override.objects.update(until=timezone.now())
    kit.feed("erp", {"E1": kit.CATHETER | {"brand": "SoftFlow"}})
    assert kit.fresh(golden).item.manufacturer == "Halden Medical Inc"


def test_a_childs_value_is_overridden_by_its_path() -> None:
    golden = catheter(kit.CATHETER | {"packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX"}]})
    golden = override(golden, "packaging[BX].quantity", "12")
    assert list(golden.item.packaging.values_list("uom", "quantity")) == [("EA", 1), ("BX", 12)]
    golden = override(golden, "packaging[CA].quantity", 4)
    assert golden.item.packaging.get(uom="CA").quantity == 4
    assert not kit.rebuild()


def test_an_unknown_pack_quantity_stays_unknown() -> None:
    golden = catheter(kit.CATHETER | {"packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX"}]})
    assert golden.item.packaging.get(uom="BX").quantity is None
    assert golden.quality_issues.get(closed_at__isnull=True).path == "packaging[BX].quantity"


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("colour", "red", "no attribute"),
        ("sterile", "perhaps", "yes nor no"),
        ("latex", "some", "none of the choices"),
        ("unspsc", "1" * 9, "8 fit"),
        ("packaging", [{"uom": "BX", "quantity": 0}], "whole number"),
        ("packaging[BX]", 12, "no attribute"),
        ("packaging[BX].uom", "CA", "can be overridden"),
        ("packaging[BX].colour", "red", "can be overridden"),
        ("packaging[box].quantity", 12, "packaging\\[BX\\]"),
        ("packaging[??].quantity", 12, "names no packaging"),
        ("preferred_supplier", "Brightwater", "public id"),
        ("supplier_parts[7].price", "1.00", "Correct it in the source"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_the_remedy(path: str, value: object, says: str) -> None:
    golden = catheter()
    with pytest.raises(InvalidValue, match=says):
        override(golden, path, value)
    assert kit.fresh(golden).version == 1


def test_a_reference_is_overridden_by_the_public_id_of_the_record() -> None:
    golden = catheter()
    kit.feed("erp", {"V1": {"name": "Brightwater Surgical"}}, "supplier")
    supplier = kit.golden("erp", "V1", "supplier")
    assert override(golden, "preferred_supplier", supplier.public_id).item.preferred_supplier == supplier


def test_an_override_needs_permission_reason_and_the_version_that_was_seen() -> None:
    golden = catheter()
    with pytest.raises(Forbidden):
        change.override(golden=golden, path="brand", value="X", actor=kit.person("v", "viewer"), reason="x")
    with pytest.raises(NeedsReason):
        change.override(golden=golden, path="brand", value="X", actor=kit.steward(), reason=" ")
    with pytest.raises(Stale):
        override(golden, "brand", "X", expected_version=golden.version - 1)


# -------------------------------------------------------------------------------------------------------------- holds


def asked() -> ChangeRequest:
    return ChangeRequest.objects.get(state="open")


def test_a_guarded_value_of_a_live_record_is_held_until_a_second_person_approves() -> None:
    golden = override(catheter(LATEX_FREE), "latex", "contains")
    assert golden.item.latex == "free"
    request = asked()
    assert (request.diff, request.proposer) == (
        {"latex": {"before": "free", "after": "contains", "system": "steward"}},
        kit.steward(),
    )
    assert request.work_items.get().state == WorkItem.State.OPEN
    assert not kit.rebuild()
    assert asked() == request
    change.approve(request=request, actor=kit.approver())
    assert kit.fresh(golden).item.latex == "contains"
    assert not kit.rebuild()
    assert request.work_items.get().state == WorkItem.State.DONE


def test_a_feed_that_changes_a_guarded_value_is_held_too() -> None:
    golden = catheter(LATEX_FREE)
    kit.feed("erp", {"E1": kit.CATHETER | {"latex": "contains"}})
    assert kit.fresh(golden).item.latex == "free"
    assert asked().diff["latex"]["after"] == "contains"
    assert asked().proposer.is_system


def test_a_guarded_value_that_no_source_states_any_more_is_held_and_stays_so() -> None:
    golden = catheter(LATEX_FREE)
    kit.feed("erp", {"E1": kit.CATHETER})
    request = asked()
    assert request.diff["latex"]["after"] is None
    assert not kit.rebuild()
    assert (asked(), kit.fresh(golden).item.latex) == (request, "free")
    change.approve(request=request, actor=kit.approver())
    assert kit.fresh(golden).item.latex == ""


def test_a_guarded_value_that_was_never_stated_is_simply_filled() -> None:
    golden = catheter()
    kit.feed("erp", {"E1": LATEX_FREE})
    assert kit.fresh(golden).item.latex == "free"
    assert not ChangeRequest.objects.exists()


def test_a_request_ends_by_itself_when_the_inputs_agree_again() -> None:
    golden = catheter(LATEX_FREE)
    kit.feed("erp", {"E1": kit.CATHETER | {"latex": "contains"}})
    request = asked()
    kit.feed("erp", {"E1": LATEX_FREE})
    assert kit.fresh(request).state == "withdrawn"
    assert request.work_items.get().state == WorkItem.State.CANCELLED
    assert kit.fresh(golden).provenance["latex"]["source"] == kit.source("erp", "E1").pk
    assert not kit.rebuild()


def test_withdrawing_the_override_withdraws_its_request() -> None:
    golden = override(catheter(LATEX_FREE), "latex", "contains")
    request = asked()
    change.withdraw_override(override=Override.objects.get(kind="steward"), actor=kit.steward(), reason="Mistake")
    assert kit.fresh(request).state == "withdrawn"
    assert kit.fresh(golden).item.latex == "free"


def test_an_approver_never_approves_a_value_that_was_not_shown() -> None:
    golden = catheter(kit.CATHETER | {"implant": False})
    kit.feed("erp", {"V": {"name": "x"}}, "supplier")
    override(golden, "latex", "free")
    override(golden, "latex", "contains")
    shown = asked()
    change.withdraw_override(
        override=Override.objects.get(kind="steward", withdrawn_at__isnull=True), actor=kit.steward(), reason="x"
    )
    with pytest.raises(Stale):
        change.approve(request=shown, actor=kit.approver())
    assert asked().diff["latex"] == {"before": "free", "after": None, "system": ""}


def test_a_rejected_change_keeps_the_value_by_the_approvers_word() -> None:
    golden = override(catheter(LATEX_FREE), "latex", "contains")
    with pytest.raises(NeedsReason):
        change.reject_change(request=asked(), actor=kit.approver(), reason="")
    change.reject_change(request=asked(), actor=kit.approver(), reason="The label says otherwise")
    row = Override.objects.get(withdrawn_at__isnull=True)
    assert (row.kind, row.author, row.value) == ("steward", kit.approver(), "free")
    kit.feed("erp", {"E1": kit.CATHETER | {"latex": "contains"}})
    assert kit.fresh(golden).item.latex == "free"
    assert not ChangeRequest.objects.filter(state="open").exists()
    assert not kit.rebuild()


def test_a_hold_is_not_withdrawn_like_an_override() -> None:
    override(catheter(LATEX_FREE), "latex", "contains")
    with pytest.raises(Refused):
        change.withdraw_override(override=Override.objects.get(kind="hold"), actor=kit.steward(), reason="x")


def test_an_expired_override_of_a_guarded_value_asks_again() -> None:
    golden = override(catheter(LATEX_FREE), "latex", "contains", until=timezone.now() + dt.timedelta(days=1))
    change.approve(request=asked(), actor=kit.approver())
    Override.objects.update(until=timezone.now())
    change.expire_overrides(now=timezone.now())
    assert kit.fresh(golden).item.latex == "contains"
    assert asked().diff["latex"]["after"] == "free"


# ---------------------------------------------------------------------------------------------------- change requests


def implant() -> GoldenRecord:
    return catheter(kit.CATHETER | {"implant": True})


def proposed() -> ChangeRequest:
    request = change.retire(golden=implant(), actor=kit.person("both", "steward", "approver"), reason="Recalled")
    assert isinstance(request, ChangeRequest)
    return request


def test_nobody_approves_or_rejects_their_own_change() -> None:
    request = proposed()
    for decide in (change.approve, change.reject_change):
        with pytest.raises(OwnChange):
            decide(request=request, actor=kit.person("both", "steward", "approver"), reason="Sure")
    assert kit.fresh(request).state == "open"


def test_the_database_refuses_an_own_approval_too() -> None:
    request = proposed()
    with pytest.raises(IntegrityError, match="nobody_approves_their_own"), transaction.atomic():
        ChangeRequest.objects.filter(pk=request.pk).update(state="approved", approver=request.proposer)
    with pytest.raises(IntegrityError, match="decided_names_who"), transaction.atomic():
        ChangeRequest.objects.filter(pk=request.pk).update(state="approved")


def test_only_approvers_approve_and_concord_itself_never_does() -> None:
    request = proposed()
    for actor in (
        kit.steward(),
        kit.person("viewer", "viewer"),
        kit.person("admin", "administrator"),
        User.objects.system(),
    ):
        with pytest.raises(Forbidden):
            change.approve(request=request, actor=actor)


def test_a_request_is_decided_once() -> None:
    request = proposed()
    change.approve(request=request, actor=kit.approver())
    for decide in (change.approve, change.reject_change):
        with pytest.raises(Stale):
            decide(request=request, actor=kit.approver(), reason="Again")


def test_the_proposer_takes_a_request_back_and_nobody_else() -> None:
    request = proposed()
    with pytest.raises(Refused):
        change.withdraw(request=request, actor=kit.steward())
    assert change.withdraw(request=request, actor=request.proposer).state == "withdrawn"
    assert request.work_items.get().state == WorkItem.State.CANCELLED
    with pytest.raises(Stale):
        change.withdraw(request=request, actor=request.proposer)


# --------------------------------------------------------------------------------------------------------- retirement


def test_a_retired_record_keeps_its_codes_and_its_last_values() -> None:
    golden = change.retire(golden=catheter(), actor=kit.steward(), reason="Recalled")
    assert isinstance(golden, GoldenRecord)
    assert (golden.status, golden.version) == ("retired", 2)
    assert kit.codes(golden) == {"erp-item": ["E1"]}
    assert kit.versions(golden)[-1] == (2, "retired")
    assert not kit.rebuild()
    with pytest.raises(Refused, match="already"):
        change.retire(golden=golden, actor=kit.steward(), reason="Again")


def test_a_critical_record_is_retired_by_two_people() -> None:
    request = proposed()
    assert request.subject is not None
    assert request.subject.status == "live"
    change.approve(request=request, actor=kit.approver())
    assert kit.fresh(request.subject).status == "retired"


def test_a_retirement_is_not_approved_for_a_version_that_nobody_saw() -> None:
    request = proposed()
    kit.feed("erp", {"E1": kit.CATHETER | {"implant": True, "brand": "New"}})
    with pytest.raises(Stale):
        change.approve(request=request, actor=kit.approver())


def test_retiring_a_draft_tells_no_target() -> None:
    golden = catheter({"manufacturer": "Halden Medical Inc", "catalogue_number": "X-1"})
    assert golden.status == "draft"
    change.retire(golden=golden, actor=kit.steward(), reason="Never was")
    event = golden.events.latest("version")
    assert (event.kind, event.published, kit.fresh(golden).approved_version) == ("retired", False, 0)


def missing_from_feed(seen: dict[str, dict[str, Any]]) -> None:
    run = kit.land("erp", seen)
    ingest.finish(ingest=run, missing="retire", seen=set(seen))


def test_a_record_that_fell_silent_lives_again_when_its_system_speaks() -> None:
    golden = catheter()
    missing_from_feed({})
    assert kit.fresh(golden).status == "retired"
    kit.feed("erp", {"E1": kit.CATHETER})
    assert kit.fresh(golden).status == "live"
    assert kit.versions(golden)[-2:] == [(2, "retired"), (3, "published")]


def test_a_record_that_a_person_retired_stays_retired_whatever_the_feed_says() -> None:
    golden = catheter()
    change.retire(golden=golden, actor=kit.steward(), reason="Recalled")
    kit.feed("erp", {"E1": kit.CATHETER | {"brand": "New"}})
    assert kit.fresh(golden).status == "retired"


def test_a_source_that_falls_silent_stops_speaking_where_others_still_do() -> None:
    golden = catheter(kit.CATHETER | {"brand": "SoftFlow"})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    missing_from_feed({})
    golden = kit.fresh(golden)
    assert (golden.status, golden.item.brand) == ("live", "")
    assert golden.item.description == kit.SAME_CATHETER["description"]


def test_a_critical_record_that_falls_silent_is_proposed_for_retirement() -> None:
    golden = implant()
    missing_from_feed({})
    assert kit.fresh(golden).status == "live"
    request = asked()
    assert (request.kind, request.subject) == ("retire", golden)
    change.approve(request=request, actor=kit.approver())
    assert kit.fresh(golden).status == "retired"


def test_every_change_is_in_the_audit_with_who_and_why() -> None:
    golden = override(catheter(), "brand", "SoftFlow")
    entry = AuditEntry.objects.get(golden=golden, version=2)
    assert (entry.actor, entry.action, entry.reason, entry.after) == (
        kit.steward(), "override", "Label", {"kind": "updated", "changed": ["brand"]},
    )  # fmt: skip
