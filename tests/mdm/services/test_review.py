"""Reviews: what a steward's decision does, what it refuses, and how it is taken back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from mdm.exceptions import Forbidden, NeedsReason, Refused, Stale
from mdm.models import (
    AuditEntry,
    ChangeRequest,
    GoldenRecord,
    Judgement,
    Override,
    Relation,
    SourceRecord,
    Substitution,
    WorkItem,
)
from mdm.services import change, ingest, merge, requests, review, substitution
from mdm.services.undo import undo
from tests.mdm import kit

pytestmark = pytest.mark.django_db

State = WorkItem.State


def same_as_both() -> WorkItem:
    """A record that resembles two golden records equally: a register keeps two entries of the same item."""
    kit.feed("register", {"R1": kit.CATHETER, "R2": kit.CATHETER}, deduplicated=True)
    kit.feed("scm", {"D1": kit.SAME_CATHETER})
    item = kit.review("scm", "D1")
    assert len(item.candidates) == 2
    return item


# -------------------------------------------------------------------------------------------------------------- accept


def test_accepting_links_the_record_and_remembers_who_said_so() -> None:
    item = kit.doubtful()
    golden = kit.golden("erp", "E1")
    done = review.accept(item=item, actor=kit.steward(), expected_version=item.version, reason="Same tray")
    source = kit.source("scm", "D1")
    assert (source.golden, source.link_reason, source.state) == (golden, "steward", "linked")
    assert (done.state, done.resolution, done.resolved_by) == (State.DONE, "accepted", kit.steward())
    judgement = Judgement.objects.get()
    assert (judgement.verdict, judgement.author, judgement.reason) == ("same", kit.steward(), "Same tray")
    assert kit.versions(golden)[-1] == (2, "updated")
    assert kit.codes(golden)["scm-item"] == ["D1"]


def test_accepting_another_than_the_shown_candidate_links_to_that_one() -> None:
    item = kit.doubtful()
    kit.feed("erp", {"E9": kit.STAPLER})
    review.accept(item=item, golden=kit.golden("erp", "E9"), actor=kit.steward(), expected_version=item.version)
    assert kit.golden("scm", "D1") == kit.golden("erp", "E9")


def test_a_record_of_another_domain_can_not_be_accepted() -> None:
    item = kit.doubtful()
    kit.feed("erp", {"V1": {"name": "Brightwater Surgical"}}, "supplier")
    with pytest.raises(Refused):
        review.accept(item=item, golden=kit.golden("erp", "V1", "supplier"), actor=kit.steward())


def test_picked_values_become_overrides_only_where_they_do_not_survive_by_themselves() -> None:
    item = kit.doubtful()
    golden = kit.golden("erp", "E1")
    picks = {"manufacturer": "Halden Medical, Incorporated", "base_uom": golden.item.base_uom}
    review.accept(item=item, actor=kit.steward(), picks=picks)
    assert kit.fresh(golden).item.manufacturer == "Halden Medical, Incorporated"
    assert list(Override.objects.values_list("path", flat=True)) == ["manufacturer"]


def test_a_pick_that_ends_gives_way_to_what_survives_by_itself_on_its_day() -> None:
    item, day = kit.doubtful(), timezone.localdate() + dt.timedelta(days=5)
    golden, by_rule = kit.golden("erp", "E1"), "FOLEY CATHETER"
    picks, ends = {"brand": by_rule, "manufacturer": "Halden Medical, Incorporated"}, {"brand": day.isoformat()}
    review.accept(item=item, actor=kit.steward(), picks=picks, ends=ends)
    assert kit.fresh(golden).item.brand == by_rule
    before = merge.day_begins(day.isoformat()) - dt.timedelta(seconds=1)
    assert change.expire_overrides(now=before) == 0
    assert change.expire_overrides(now=merge.day_begins(day.isoformat())) == 1
    assert kit.fresh(golden).item.brand != by_rule
    assert kit.fresh(golden).item.manufacturer == "Halden Medical, Incorporated"


def test_a_pick_whose_day_has_come_when_a_second_person_approves_is_left_out() -> None:
    one, two = kit.twins(kit.CATHETER | {"implant": True})
    day = timezone.localdate().isoformat()
    item = kit.duplicate(one, two)
    done = review.accept(item=item, actor=kit.steward(), picks={"brand": "SoftFlow"}, ends={"brand": day})
    assert done.resolution == "proposed"
    change.approve(request=ChangeRequest.objects.get(), actor=kit.approver())
    assert not Override.objects.filter(path="brand").exists()


def test_a_candidate_that_was_merged_meanwhile_stands_for_its_survivor() -> None:
    item = kit.doubtful()
    kit.feed("mms", {"M1": kit.STAPLER})
    loser, survivor = kit.golden("mms", "M1"), kit.golden("erp", "E1")
    WorkItem.objects.filter(pk=item.pk).update(candidates=[item.candidates[0] | {"golden": loser.pk}])
    merge.merge(survivor=survivor, loser=loser, actor=kit.steward(), reason="One thing")
    review.accept(item=item, actor=kit.steward())
    assert kit.golden("scm", "D1") == survivor


# -------------------------------------------------------------------------------------------------------------- reject


def test_rejecting_the_last_candidate_makes_a_record_of_its_own() -> None:
    item = kit.doubtful()
    done = review.reject(item=item, actor=kit.steward(), expected_version=item.version)
    assert done.resolution == "rejected"
    assert kit.golden("scm", "D1") != kit.golden("erp", "E1")
    assert Judgement.objects.get().verdict == "different"


def test_rejecting_one_candidate_shows_the_next_with_its_own_score() -> None:
    item = same_as_both()
    first, second = item.candidates
    left = review.reject(item=item, actor=kit.steward(), expected_version=item.version)
    assert (left.state, left.candidates, left.score, left.golden_id) == (
        State.OPEN,
        [second],
        second["score"],
        second["golden"],
    )
    with pytest.raises(Stale):
        review.accept(item=left, actor=kit.steward(), expected_version=item.version)
    done = review.reject(item=left, actor=kit.steward(), expected_version=left.version)
    assert done.resolution == "rejected"
    assert kit.golden("scm", "D1").pk not in (first["golden"], second["golden"])


def test_only_a_shown_candidate_can_be_rejected() -> None:
    item = kit.doubtful()
    kit.feed("erp", {"E9": kit.STAPLER})
    with pytest.raises(Refused):
        review.reject(item=item, golden=kit.golden("erp", "E9"), actor=kit.steward())


def test_creating_new_rejects_all_candidates_at_once() -> None:
    item = same_as_both()
    done = review.create_new(item=item, actor=kit.steward(), expected_version=item.version)
    assert done.resolution == "new"
    assert Judgement.objects.filter(verdict="different").count() == 2
    assert kit.golden("scm", "D1").pk == done.details["golden"]


def test_a_rejected_pair_is_never_proposed_again() -> None:
    review.reject(item=kit.doubtful(), actor=kit.steward())
    kit.feed("scm", {"D1": kit.SAME_CATHETER})  # now word for word the same item
    assert kit.golden("scm", "D1") != kit.golden("erp", "E1")
    assert not WorkItem.objects.filter(kind__in=("possible_match", "possible_duplicate"), state=State.OPEN).exists()


def test_a_rejected_pair_is_not_accepted_by_another_way_until_it_is_reopened() -> None:
    item = same_as_both()
    golden = GoldenRecord.objects.get(pk=item.candidates[0]["golden"])
    left = review.reject(item=item, actor=kit.steward())
    with pytest.raises(Refused, match="not the same"):
        review.accept(item=left, golden=golden, actor=kit.steward())
    review.reopen(judgement=Judgement.objects.get(), actor=kit.steward(), reason="Misread")
    review.accept(item=left, golden=golden, actor=kit.steward())
    assert kit.golden("scm", "D1") == golden


# --------------------------------------------------------------------------------------------------- duplicates, links


def test_accepting_a_duplicate_merges_and_the_picked_value_survives() -> None:
    one, two = kit.twins()
    done = review.accept(item=kit.duplicate(one, two), actor=kit.steward(), picks={"brand": "SoftFlow"})
    assert (done.state, done.resolution) == (State.DONE, "merged")
    assert kit.fresh(two).merged_into == one
    assert kit.fresh(one).item.brand == "SoftFlow"


def test_a_critical_duplicate_is_proposed_and_its_picks_wait_with_it() -> None:
    one, two = kit.twins(kit.CATHETER | {"implant": True})
    done = review.accept(item=kit.duplicate(one, two), actor=kit.steward(), picks={"brand": "SoftFlow"})
    assert done.resolution == "proposed"
    assert kit.fresh(two).status == "live"
    assert not Override.objects.exists()
    change.approve(request=ChangeRequest.objects.get(), actor=kit.approver())
    assert kit.fresh(two).merged_into == one
    assert (Override.objects.get().author, kit.fresh(one).item.brand) == (kit.steward(), "SoftFlow")


def test_rejecting_a_duplicate_keeps_the_two_apart() -> None:
    one, two = kit.twins()
    review.reject(item=kit.duplicate(one, two), actor=kit.steward())
    with pytest.raises(Refused, match="not the same"):
        merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="Surely")


def test_a_duplicate_whose_two_were_merged_meanwhile_is_stale() -> None:
    one, two = kit.twins()
    kit.feed("mms", {"M1": kit.STAPLER | {"catalogue_number": "Z-1", "description": "Drill bit 2.5 mm"}})
    three = kit.golden("mms", "M1")
    item = kit.duplicate(two, three)
    for loser in (two, three):
        merge.merge(survivor=one, loser=loser, actor=kit.steward(), reason="One thing")
    with pytest.raises(Stale):
        review.reject(item=item, actor=kit.steward())


def weak_link() -> WorkItem:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    kit.feed("scm", {"S1": kit.STAPLER})
    return WorkItem.objects.get(kind=WorkItem.Kind.WEAK_LINK)


def test_keeping_a_weak_link_is_remembered() -> None:
    assert review.accept(item=weak_link(), actor=kit.steward()).resolution == "kept"
    assert Judgement.objects.get().verdict == "same"
    assert kit.golden("scm", "S1") == kit.golden("erp", "E1")


def test_rejecting_a_weak_link_splits_the_record_off_for_good() -> None:
    done = review.reject(item=weak_link(), actor=kit.steward())
    assert done.resolution == "split"
    assert kit.golden("scm", "S1").pk == done.details["golden"]
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    assert kit.golden("scm", "S1") != kit.golden("erp", "E1")


# -------------------------------------------------------------------------------------------------------------- relate


def test_relating_keeps_a_record_apart_and_says_how_they_belong() -> None:
    item = kit.doubtful()
    review.relate(item=item, kind="parent", actor=kit.steward(), reason="Other size", expected_version=item.version)
    relation = Relation.objects.get()
    assert (relation.kind, relation.subject, relation.object) == (
        "parent", kit.golden("scm", "D1"), kit.golden("erp", "E1"),
    )  # fmt: skip
    assert Judgement.objects.get().verdict == "different"


def test_a_substitute_that_a_review_finds_is_proposed_to_a_second_person() -> None:
    item = kit.doubtful()
    done = review.relate(item=item, kind="substitute", actor=kit.steward(), reason="Other size")
    assert not Relation.objects.exists()
    request = ChangeRequest.objects.get(pk=done.details["request"])
    assert (request.kind, request.subject, request.other) == (
        "substitute", kit.golden("erp", "E1"), kit.golden("scm", "D1"),
    )  # fmt: skip
    undo(item=done, actor=kit.steward())
    assert kit.fresh(request).state == "withdrawn"


def test_a_review_is_not_undone_under_a_substitute_in_force() -> None:
    one, two = kit.twins()
    done = review.relate(item=kit.duplicate(one, two), kind="substitute", actor=kit.steward(), reason="Same use")
    requests.approve(request=ChangeRequest.objects.get(pk=done.details["request"]), actor=kit.approver())
    with pytest.raises(Refused, match="End it on the page"):
        undo(item=done, actor=kit.steward())
    substitution.end(substitution=Substitution.objects.get(), actor=kit.steward(), reason="Recalled")
    assert undo(item=done, actor=kit.steward()).state == "open"


def test_relating_duplicates_keeps_both() -> None:
    one, two = kit.twins()
    done = review.relate(item=kit.duplicate(one, two), kind="related", actor=kit.steward(), reason="Same line")
    assert done.resolution == "rejected"
    assert Relation.objects.get().object == two


def test_relations_at_sites_stand_beside_one_for_everywhere_and_undo_takes_only_what_the_decision_made() -> None:
    one, two = kit.twins()
    sites = [Relation(kind="related", subject=one, object=two, author=kit.steward(), site=site) for site in _sites()]
    Relation.objects.bulk_create(sites)
    done = review.relate(item=kit.duplicate(one, two), kind="related", actor=kit.steward(), reason="Same line")
    assert Relation.objects.count() == 3
    undo(item=done, actor=kit.steward())
    assert set(Relation.objects.all()) == set(sites)
    Relation.objects.create(kind="related", subject=one, object=two, author=kit.steward())
    done.refresh_from_db()
    again = review.relate(item=done, kind="related", actor=kit.steward(), reason="Same line")
    undo(item=again, actor=kit.steward())
    assert Relation.objects.filter(site=None).exists()


def _sites() -> list[GoldenRecord]:
    kit.feed("erp", {"L1": {"name": "Riverside Campus"}, "L2": {"name": "Harbor Clinic"}}, "location")
    return [kit.golden("erp", code, "location") for code in ("L1", "L2")]


def test_relating_needs_a_reason_and_a_kind_that_there_is() -> None:
    item = kit.doubtful()
    with pytest.raises(NeedsReason):
        review.relate(item=item, kind="related", actor=kit.steward(), reason=" ")
    with pytest.raises(Refused, match="substitute"):
        review.relate(item=item, kind="cousin", actor=kit.steward(), reason="Because")


# -------------------------------------------------------------------------------------- snooze, assign, comment, stale


def test_a_snoozed_item_comes_back_when_its_time_has_come() -> None:
    item = kit.doubtful()
    until = timezone.now() + dt.timedelta(days=2)
    assert review.snooze(item=item, until=until, actor=kit.steward()).state == State.SNOOZED
    assert review.wake(now=until - dt.timedelta(minutes=1)) == 0
    assert review.wake(now=until) == 1
    assert (kit.fresh(item).state, kit.fresh(item).snoozed_until) == (State.OPEN, None)


def test_nothing_is_snoozed_into_the_past() -> None:
    with pytest.raises(Refused):
        review.snooze(item=kit.doubtful(), until=timezone.now(), actor=kit.steward())


def test_assigning_changes_nobody_elses_view_of_the_content() -> None:
    item = kit.doubtful()
    assigned = review.assign(item=item, assignee=kit.steward(), actor=kit.steward())
    assert (assigned.assignee, assigned.version) == (kit.steward(), item.version)
    assert review.assign(item=item, assignee=None, actor=kit.steward()).assignee is None


def test_a_comment_is_kept_with_its_author_and_needs_text() -> None:
    item = kit.doubtful()
    made = review.comment(item=item, text="Ask the OR", actor=kit.steward())
    assert (made.author, item.comments.get().text) == (kit.steward(), "Ask the OR")
    with pytest.raises(NeedsReason):
        review.comment(item=item, text="  ", actor=kit.steward())


def test_a_decision_about_what_the_steward_has_not_seen_is_stale() -> None:
    item = kit.doubtful()
    kit.feed("scm", {"D1": kit.SAME_CATHETER | {"description": "Foley catheter, 18 Fr, 5 mL, silicone, sterile"}})
    assert kit.fresh(item).version == item.version + 1
    with pytest.raises(Stale):
        review.accept(item=item, actor=kit.steward(), expected_version=item.version)


def test_an_item_is_decided_once() -> None:
    item = kit.doubtful()
    review.accept(item=item, actor=kit.steward())
    for again in (review.accept, review.reject, review.create_new):
        with pytest.raises(Stale, match="already"):
            again(item=item, actor=kit.steward())


DECISIONS: dict[str, Callable[..., Any]] = {
    "accept": review.accept,
    "reject": review.reject,
    "create_new": review.create_new,
    "relate": lambda **k: review.relate(kind="related", reason="x", **k),
    "snooze": lambda **k: review.snooze(until=timezone.now() + dt.timedelta(days=1), **k),
    "assign": lambda **k: review.assign(assignee=None, **k),
    "undo": undo,
}


@pytest.mark.parametrize("name", DECISIONS)
def test_who_may_not_decide_is_refused_and_nothing_changes(name: str) -> None:
    item = kit.doubtful()
    for role in ("viewer", "approver", "integration", "administrator"):
        with pytest.raises(Forbidden):
            DECISIONS[name](item=item, actor=kit.person(role, role))
    assert kit.fresh(item).version == item.version
    assert not Judgement.objects.exists()


# ----------------------------------------------------------------------------------------------------- undo and reopen


def state(item: WorkItem) -> tuple[object, ...]:
    item = kit.fresh(item)
    source = item.source
    live = GoldenRecord.objects.filter(status="live").order_by("pk")
    return (
        (item.state, item.candidates, item.golden_id, item.score),
        source and (source.state, source.golden_id, source.link_reason),
        Judgement.objects.filter(reopened_at__isnull=True).count(),
        Override.objects.filter(withdrawn_at__isnull=True).count(),
        Relation.objects.count(),
        {golden.pk: kit.codes(golden) for golden in live},
    )


@pytest.mark.parametrize(
    "decide",
    [
        lambda item: review.accept(item=item, actor=kit.steward(), picks={"brand": "SoftFlow"}),
        lambda item: review.reject(item=item, actor=kit.steward()),
        lambda item: review.create_new(item=item, actor=kit.steward()),
        lambda item: review.relate(item=item, kind="related", actor=kit.steward(), reason="Same line"),
    ],
    ids=["accept", "reject", "create_new", "relate"],
)
def test_undoing_a_decision_about_a_match_restores_what_was(decide: Callable[[WorkItem], WorkItem]) -> None:
    item = same_as_both()
    before = state(item)
    decided = decide(item)
    undone = undo(item=decided, actor=kit.steward())
    assert state(undone) == before
    assert undone.version > decided.version
    assert not kit.rebuild()


def test_undoing_after_all_candidates_were_rejected_one_by_one_shows_them_all_again() -> None:
    item = same_as_both()
    before = state(item)
    left = review.reject(item=item, actor=kit.steward())
    done = review.reject(item=left, actor=kit.steward())
    assert state(undo(item=done, actor=kit.steward())) == before


def test_undoing_a_kept_link_and_a_rejected_duplicate_lifts_the_judgements() -> None:
    kept = review.accept(item=weak_link(), actor=kit.steward())
    undo(item=kept, actor=kit.steward())
    assert not Judgement.objects.filter(reopened_at__isnull=True).exists()


def test_undoing_a_confirmed_duplicate_unmerges_without_judging_them_apart() -> None:
    one, two = kit.twins()
    item = kit.duplicate(one, two)
    before = state(item)
    done = review.accept(item=item, actor=kit.steward())
    assert state(undo(item=done, actor=kit.steward())) == before
    assert kit.versions(two)[-1][1] == "unmerged"


def test_an_earlier_judgement_survives_the_undoing_of_a_later_decision() -> None:
    one, two = kit.twins()
    review.reject(item=kit.duplicate(one, two), actor=kit.steward())
    again = review.reject(item=kit.duplicate(one, two), actor=kit.steward())
    undo(item=again, actor=kit.steward())
    assert Judgement.objects.filter(reopened_at__isnull=True).count() == 1


def test_undoing_takes_only_the_record_back_not_what_joined_it_since() -> None:
    done = review.create_new(item=kit.doubtful(), actor=kit.steward())
    golden = kit.golden("scm", "D1")
    kit.feed("mms", {"M1": kit.STAPLER})
    merge.merge(survivor=golden, loser=kit.golden("mms", "M1"), actor=kit.steward(), reason="One thing")
    undo(item=done, actor=kit.steward())
    assert kit.source("scm", "D1").state == SourceRecord.State.REVIEW
    assert (kit.golden("mms", "M1"), kit.fresh(golden).status) == (golden, "live")


def test_undo_refuses_when_the_record_was_moved_since() -> None:
    done = review.create_new(item=kit.doubtful(), actor=kit.steward())
    kit.feed("erp", {"E9": kit.STAPLER})
    pair = kit.golden("erp", "E9"), kit.golden("scm", "D1")
    split_off = kit.source("scm", "D1")
    GoldenRecord.objects.filter(pk=pair[0].pk).update(created_at=timezone.now() - dt.timedelta(days=9))
    merge.merge(survivor=pair[0], loser=pair[1], actor=kit.steward(), reason="One thing")
    assert kit.fresh(split_off).golden == pair[0]
    with pytest.raises(Refused, match="moved since"):
        undo(item=done, actor=kit.steward())


def test_undo_refuses_when_the_same_question_is_open_again() -> None:
    one, two = kit.twins()
    done = review.reject(item=kit.duplicate(one, two), actor=kit.steward())
    kit.duplicate(one, two)
    with pytest.raises(Refused, match="asked again"):
        undo(item=done, actor=kit.steward())


def test_undo_refuses_where_nothing_was_decided() -> None:
    with pytest.raises(Refused):
        undo(item=kit.doubtful(), actor=kit.steward())


def test_a_judgement_is_reopened_once_and_with_a_reason() -> None:
    review.reject(item=kit.doubtful(), actor=kit.steward())
    judgement = Judgement.objects.get()
    with pytest.raises(NeedsReason):
        review.reopen(judgement=judgement, actor=kit.steward(), reason="")
    review.reopen(judgement=judgement, actor=kit.steward(), reason="Misread the label")
    with pytest.raises(Stale):
        review.reopen(judgement=judgement, actor=kit.steward(), reason="Again")
    assert kit.fresh(judgement).reopened_by == kit.steward()


def test_a_record_that_its_system_takes_back_needs_no_review() -> None:
    item = kit.doubtful()
    run = kit.land("scm", {})
    ingest.finish(ingest=run, missing="retire", seen=set())
    assert kit.fresh(item).state == State.CANCELLED
    assert kit.source("scm", "D1").state == SourceRecord.State.RETIRED


def test_every_decision_leaves_an_audit_row_with_its_reason() -> None:
    item = kit.doubtful()
    review.accept(item=item, actor=kit.steward(), reason="Same tray")
    entry = AuditEntry.objects.get(object_type="workitem", object_id=str(item.pk), action="review.accept")
    assert (entry.actor, entry.reason, entry.after["resolution"]) == (kit.steward(), "Same tray", "accepted")


# -------------------------------------------------------------------------------------------------------------- races


@pytest.mark.django_db(transaction=True)
def test_of_two_stewards_deciding_at_once_one_decides_and_the_other_is_told() -> None:
    item, steward = kit.doubtful(), kit.steward()
    accepted, rejected = kit.in_threads(
        lambda: review.accept(item=item, actor=steward, expected_version=item.version),
        lambda: review.reject(item=item, actor=steward, expected_version=item.version),
    )
    assert sorted([isinstance(accepted, Stale), isinstance(rejected, Stale)]) == [False, True]
    assert Judgement.objects.count() == 1
    assert not kit.rebuild()


@pytest.mark.django_db(transaction=True)
def test_a_decision_and_a_resolver_that_looks_at_the_same_record_end_with_one_link() -> None:
    from mdm.services import resolve

    for attempt in range(3):
        kit.feed("erp", {f"E{attempt}": kit.CATHETER | {"catalogue_number": f"HM-{attempt}65-S16"}})
        doubtful = {
            "description": "Foley catheter, 18 Fr, 5 mL, silicone-coated",
            "catalogue_number": f"HM{attempt}65S16",
        }
        kit.feed("scm", {f"D{attempt}": kit.SAME_CATHETER | doubtful})
        item, steward = kit.review("scm", f"D{attempt}"), kit.steward()
        SourceRecord.objects.filter(pk=item.source_id).update(state=SourceRecord.State.PENDING)
        decided, resolved = kit.in_threads(
            lambda item=item, steward=steward: review.accept(item=item, actor=steward),
            lambda steward=steward: resolve.resolve_pending(domain="item", actor=steward),
        )
        assert not isinstance(resolved, Exception)
        assert isinstance(decided, (WorkItem, Stale))
        if isinstance(decided, Stale):
            review.accept(item=kit.review("scm", f"D{attempt}"), actor=steward)
        assert kit.golden("scm", f"D{attempt}") == kit.golden("erp", f"E{attempt}")
    assert not kit.rebuild()
