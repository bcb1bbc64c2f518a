"""Merging: who survives, what follows, what leads where, and what is refused."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from mdm import lookup
from mdm.exceptions import Forbidden, MergedRecord, NeedsReason, Refused, Stale
from mdm.models import AuditEntry, ChangeEvent, ChangeRequest, GoldenRecord, Override, WorkItem
from mdm.services import change, merge, review
from tests.mdm import kit

pytestmark = pytest.mark.django_db

IMPLANT = kit.STAPLER | {"implant": True}


def join(one: GoldenRecord, two: GoldenRecord) -> GoldenRecord | ChangeRequest:
    return merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")


# -------------------------------------------------------------------------------------------------------- who survives


def test_the_older_of_two_published_records_survives_whoever_the_caller_names() -> None:
    older, newer = kit.twins()
    assert join(newer, older) == older
    assert kit.fresh(newer).merged_into == older


def test_a_published_record_survives_an_older_draft() -> None:
    draft, live = kit.twins({"manufacturer": "Halden Medical Inc", "catalogue_number": "X-1"})
    assert (draft.status, live.status) == ("draft", "live")
    assert join(draft, live) == live


def test_a_live_record_survives_an_older_retired_one() -> None:
    older, newer = kit.twins()
    change.retire(golden=older, actor=kit.steward(), reason="Gone")
    assert join(older, newer) == newer
    assert kit.fresh(newer).status == "live"


# -------------------------------------------------------------------------------------------------------- what follows


def test_codes_are_closed_at_the_loser_and_opened_at_the_survivor() -> None:
    survivor, loser = kit.merged()
    assert kit.codes(survivor) == {"erp-item": ["E1"], "scm-item": ["S1"]}
    assert kit.codes(loser) == {}
    closed = loser.codes.get(code="S1")
    assert closed.known_to == survivor.codes.get(code="S1").known_from


def test_identifiers_of_both_are_those_that_the_survivor_states() -> None:
    gtin, other = "00614141999996", "00814141999990"
    survivor, _ = kit.merged(kit.CATHETER | {"gtin": gtin}, kit.STAPLER | {"gtin": other})
    assert sum(kit.codes(survivor)["gtin"] == [code] for code in (gtin, other)) == 1
    assert survivor.item.gtin in kit.codes(survivor)["gtin"]


def test_codes_that_a_target_gave_move_along() -> None:
    from mdm.services import crosswalk

    survivor, loser = kit.twins()
    crosswalk.add_target_codes(
        code_system=kit.code_system("ehr"), codes={loser.pk: [("CDM-9", "EA")]}, actor=kit.steward()
    )
    join(survivor, loser)
    assert kit.codes(survivor)["ehr-item"] == ["CDM-9"]


def test_the_survivors_preferred_code_stays_the_preferred_one() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    survivor, loser = kit.golden("erp", "E1"), kit.golden("erp", "E2")
    join(survivor, loser)
    preferred = survivor.codes.filter(known_to__isnull=True, preferred=True, code_system__slug="erp-item")
    assert [row.code for row in preferred] == ["E1"]


def test_overrides_of_the_loser_are_inherited_except_where_the_survivor_has_its_own() -> None:
    survivor, loser = kit.twins()
    for golden, path, value in ((survivor, "brand", "Own"), (loser, "brand", "Later"), (loser, "category", "Closure")):
        change.override(golden=golden, path=path, value=value, actor=kit.steward(), reason="Seen")
    join(survivor, loser)
    item = kit.fresh(survivor).item
    assert (item.brand, item.category) == ("Own", "Closure")
    assert set(Override.objects.values_list("golden", flat=True)) == {survivor.pk, loser.pk}  # never moved


def test_both_records_events_share_the_change_and_only_the_loser_is_told_as_merged() -> None:
    survivor, loser = kit.merged()
    one, two = (ChangeEvent.objects.filter(record=g).latest("version") for g in (survivor, loser))
    assert one.change_id == two.change_id
    assert (one.kind, two.kind) == ("updated", "merged")


# ---------------------------------------------------------------------------------------------------- what leads where


def test_a_merged_id_redirects_and_its_codes_resolve() -> None:
    survivor, loser = kit.merged()
    assert loser.survivor == survivor
    assert lookup.resolve("scm-item", "S1").id == survivor.public_id


def test_chains_are_kept_flat() -> None:
    first, second = kit.twins()
    kit.feed("mms", {"M1": kit.STAPLER | {"catalogue_number": "Z-1", "description": "Drill bit 2.5 mm"}})
    third = kit.golden("mms", "M1")
    join(second, third)
    join(first, second)
    assert set(GoldenRecord.objects.filter(merged_into=first)) == {second, third}
    assert kit.codes(first) == {"erp-item": ["E1"], "mms-item": ["M1"], "scm-item": ["S1"]}


def test_doubtful_records_that_pointed_at_the_loser_are_looked_at_again() -> None:
    item = kit.doubtful()
    kit.feed("mms", {"M1": kit.STAPLER})
    survivor, loser = kit.golden("mms", "M1"), kit.golden("erp", "E1")
    GoldenRecord.objects.filter(pk=survivor.pk).update(created_at=timezone.now() - dt.timedelta(days=1))
    join(survivor, loser)
    assert kit.source("scm", "D1").state == "pending"
    from mdm.services import resolve

    resolve.resolve_all(domain="item", actor=kit.steward())
    assert kit.fresh(item).candidates[0]["golden"] == survivor.pk


def test_other_questions_about_the_loser_stay_open_and_now_mean_the_survivor() -> None:
    survivor, loser = kit.twins()
    kit.feed("mms", {"M1": kit.STAPLER | {"catalogue_number": "Z-1", "description": "Drill bit 2.5 mm"}})
    third = kit.golden("mms", "M1")
    asked, answered = kit.duplicate(loser, third), kit.duplicate(survivor, loser)
    join(survivor, loser)
    assert kit.fresh(answered).state == WorkItem.State.CANCELLED
    review.accept(item=asked, actor=kit.steward())
    assert kit.fresh(third).merged_into == survivor


def test_change_requests_about_the_loser_end_and_so_do_its_holds() -> None:
    survivor, loser = kit.twins(second=kit.STAPLER | {"latex": "free"})
    change.override(golden=loser, path="latex", value="contains", actor=kit.steward(), reason="Label")
    request = ChangeRequest.objects.get()
    join(survivor, loser)
    assert kit.fresh(request).state == "withdrawn"
    assert not request.work_items.filter(state__in=WorkItem.LIVE).exists()
    assert not Override.objects.filter(kind="hold", withdrawn_at__isnull=True).exists()


def test_quality_issues_of_the_loser_are_closed() -> None:
    _, loser = kit.merged(second=kit.STAPLER | {"packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX"}]})
    assert loser.quality_issues.exists()
    assert not loser.quality_issues.filter(closed_at__isnull=True).exists()


# ----------------------------------------------------------------------------------------------------- what is refused


def test_a_rejected_pair_is_refused_also_through_what_was_merged_before() -> None:
    first, second = kit.twins()
    kit.feed("mms", {"M1": kit.STAPLER | {"catalogue_number": "Z-1", "description": "Drill bit 2.5 mm"}})
    third = kit.golden("mms", "M1")
    review.reject(item=kit.duplicate(first, third), actor=kit.steward())
    join(second, third)
    with pytest.raises(Refused, match="not the same"):
        join(first, second)


def test_no_record_is_merged_with_itself_or_with_one_of_another_domain() -> None:
    golden, _ = kit.twins()
    with pytest.raises(Refused, match="itself"):
        join(golden, golden)
    kit.feed("erp", {"V1": {"name": "Brightwater Surgical"}}, "supplier")
    with pytest.raises(Refused, match="domains"):
        join(golden, kit.golden("erp", "V1", "supplier"))


def test_a_merged_record_takes_no_further_writes() -> None:
    survivor, loser = kit.merged()
    with pytest.raises(MergedRecord) as joined:
        join(survivor, loser)
    with pytest.raises(MergedRecord) as changed:
        change.override(golden=loser, path="brand", value="X", actor=kit.steward(), reason="Y")
    named = {"record": loser.public_id, "survivor": survivor.public_id}
    assert (joined.value.details, changed.value.details) == (named, named)


def test_a_merge_of_records_that_changed_since_they_were_seen_is_stale() -> None:
    one, two = kit.twins()
    seen = {one.pk: one.version, two.pk: two.version}
    change.override(golden=two, path="brand", value="X", actor=kit.steward(), reason="Y")
    with pytest.raises(Stale):
        merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing", expected_versions=seen)


def test_a_merge_needs_a_reason_and_the_permission() -> None:
    one, two = kit.twins()
    with pytest.raises(NeedsReason):
        merge.merge(survivor=one, loser=two, actor=kit.steward(), reason=" ")
    for role in ("viewer", "approver", "integration", "administrator"):
        with pytest.raises(Forbidden):
            merge.merge(survivor=one, loser=two, actor=kit.person(role, role), reason="One thing")


# ------------------------------------------------------------------------------------------------------- second person


def test_a_critical_merge_waits_for_a_second_person() -> None:
    one, two = kit.twins(second=IMPLANT)
    request = join(one, two)
    assert isinstance(request, ChangeRequest)
    assert join(one, two) == request  # asking again asks nothing new
    assert kit.fresh(two).status == "live"
    assert WorkItem.objects.get(change_request=request).priority == WorkItem.Priority.HIGH
    change.approve(request=request, actor=kit.approver())
    assert kit.fresh(two).merged_into == one
    assert kit.fresh(request).approver == kit.approver()
    assert AuditEntry.objects.filter(golden=two, action="change_request.approved", actor=kit.approver()).exists()


def test_approval_is_refused_when_either_record_changed_since() -> None:
    one, two = kit.twins(second=IMPLANT)
    request = join(one, two)
    assert isinstance(request, ChangeRequest)
    kit.feed("erp", {"E1": kit.CATHETER | {"brand": "New"}})
    with pytest.raises(Stale, match="version"):
        change.approve(request=request, actor=kit.approver())
    assert kit.fresh(request).state == "open"


# --------------------------------------------------------------------------------------------------------------- races


@pytest.mark.django_db(transaction=True)
def test_a_record_linked_to_the_loser_during_the_merge_ends_up_with_the_survivor() -> None:
    from mdm.services import resolve

    steward = kit.steward()
    for attempt in range(4):
        other = {
            "description": f"THING {attempt} OF ITS OWN",
            "manufacturer": "Zeta",
            "catalogue_number": f"ZZ-{attempt}-77",
        }
        kit.feed("erp", {f"A{attempt}": other})
        kit.feed("erp", {f"B{attempt}": kit.CATHETER | {"catalogue_number": f"HM-{attempt}-S16"}})
        survivor, loser = kit.golden("erp", f"A{attempt}"), kit.golden("erp", f"B{attempt}")
        kit.land("scm", {f"S{attempt}": kit.SAME_CATHETER | {"catalogue_number": f"HM{attempt}S16"}})
        merged, counts = kit.in_threads(
            lambda survivor=survivor, loser=loser: merge.merge(
                survivor=survivor, loser=loser, actor=steward, reason="x"
            ),
            lambda: resolve.resolve_pending(domain="item", actor=steward),
        )
        assert merged == survivor
        assert not isinstance(counts, Exception)
        assert kit.source("scm", f"S{attempt}").golden_id != loser.pk
        assert not GoldenRecord.objects.filter(status="merged", sources__isnull=False).exists()
    assert not kit.rebuild()


@pytest.mark.django_db(transaction=True)
def test_two_stewards_merging_crosswise_make_one_merge() -> None:
    one, two = kit.twins()
    steward = kit.steward()
    results = kit.in_threads(
        lambda: merge.merge(survivor=one, loser=two, actor=steward, reason="x"),
        lambda: merge.merge(survivor=two, loser=one, actor=steward, reason="x"),
    )
    assert sorted(type(r).__name__ for r in results) == ["GoldenRecord", "MergedRecord"]
