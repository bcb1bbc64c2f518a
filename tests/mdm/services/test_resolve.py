"""Recognising: what is linked, doubted and made new, and what never happens."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection, connections, transaction

from mdm import engine
from mdm.models import (
    AuditEntry,
    ChangeEvent,
    Crosswalk,
    GoldenRecord,
    Item,
    SourceRecord,
    SourceRevision,
    User,
    WorkItem,
)
from mdm.services import crosswalk, ingest, resolve
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def test_the_same_item_of_two_systems_becomes_one_golden_record() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    assert kit.golden("scm", "S1") == kit.golden("erp", "E1")
    assert GoldenRecord.objects.filter(domain="item").count() == 2


def test_a_sibling_of_another_size_is_never_linked_automatically() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": kit.OTHER_SIZE})
    assert kit.source("scm", "S1").golden_id != kit.golden("erp", "E1").pk


def test_an_implant_needs_more_certainty_than_a_glove() -> None:
    likely = {"description": "Foley catheter silicone 16 Fr", "manufacturer": "Halden Medical"}
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": likely | {"implant": True}})
    item = kit.review("scm", "S1")
    assert (item.golden, item.priority) == (kit.golden("erp", "E1"), WorkItem.Priority.HIGH)
    kit.feed("mms", {"M1": likely | {"implant": False}})
    assert kit.golden("mms", "M1") == kit.golden("erp", "E1")


def test_a_system_that_does_not_say_so_joins_an_implant_no_sooner() -> None:
    kit.feed("erp", {"E1": kit.CATHETER | {"implant": True}})
    kit.feed("scm", {"S1": {"description": "Foley catheter silicone 16 Fr", "manufacturer": "Halden Medical"}})
    assert kit.review("scm", "S1").golden == kit.golden("erp", "E1")


def test_codes_of_both_systems_lead_to_the_golden_record() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    codes = Crosswalk.objects.filter(golden=kit.golden("erp", "E1"), known_to__isnull=True, source__isnull=False)
    assert {(row.code_system.slug, row.code) for row in codes} == {("erp-item", "E1"), ("scm-item", "S1")}


def test_a_doubtful_record_waits_for_a_steward_with_the_evidence_of_its_score() -> None:
    item = kit.doubtful()
    assert kit.source("scm", "D1").golden_id is None
    candidate = item.candidates[0]
    assert candidate["golden"] == kit.golden("erp", "E1").pk
    assert sum(e["bits"] for e in candidate["evidence"]) == pytest.approx(candidate["score"], abs=0.01)
    assert item.policy_version is not None


def test_a_repeated_feed_writes_nothing_but_its_own_ingest() -> None:
    records = {"E1": kit.CATHETER, "E2": kit.STAPLER}
    kit.feed("erp", records)
    before = _footprint()
    run = kit.feed("erp", records)
    assert _footprint() == before
    assert (run.new, run.changed, run.unchanged) == (0, 0, 2)


def _footprint() -> tuple[object, ...]:
    """Everything a feed could write, by content."""
    return (
        list(GoldenRecord.objects.order_by("pk").values_list()),
        GoldenRecord.history.count(),
        Item.history.count(),
        list(SourceRecord.objects.order_by("pk").values_list("pk", "version", "golden", "ingest")),
        SourceRevision.objects.count(),
        Crosswalk.objects.count(),
        ChangeEvent.objects.count(),
        AuditEntry.objects.count(),
        WorkItem.objects.count(),
    )


def test_a_changed_record_keeps_its_link_and_what_it_said_before() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    golden = kit.golden("erp", "E1")
    kit.feed("erp", {"E1": kit.CATHETER | {"brand": "SoftFlow"}})
    golden.refresh_from_db()
    assert (golden.version, golden.item.brand) == (2, "SoftFlow")
    assert "brand" not in SourceRevision.objects.get(source__code="E1").values
    assert golden.events.order_by("version").last().changed == ["brand"]


def test_a_link_that_has_become_weak_asks_a_steward_and_stays() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    kit.feed("scm", {"S1": kit.STAPLER})
    assert kit.golden("scm", "S1") == kit.golden("erp", "E1")
    assert WorkItem.objects.get(kind=WorkItem.Kind.WEAK_LINK).source == kit.source("scm", "S1")


def test_a_code_that_a_target_gave_its_copy_leads_back_to_the_record() -> None:
    kit.feed("scm", {"S1": kit.CATHETER})
    golden = kit.golden("scm", "S1")
    codes = {golden.pk: [("ERP-77", "")]}
    crosswalk.add_target_codes(code_system=kit.code_system("erp"), codes=codes, actor=User.objects.system())
    kit.feed("erp", {"ERP-77": {"description": "CATH"}})  # the ERP abbreviates beyond recognition
    assert kit.golden("erp", "ERP-77") == golden


def test_a_known_record_and_a_new_one_like_it_in_one_batch_become_one() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.land("erp", {"E1": kit.CATHETER | {"brand": "SoftFlow"}})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    assert kit.golden("scm", "S1") == kit.golden("erp", "E1")


def test_a_changed_record_that_now_resembles_another_keeps_its_link_and_asks() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("erp", {"E2": kit.SAME_CATHETER})
    assert kit.golden("erp", "E2") != kit.golden("erp", "E1")
    item = WorkItem.objects.get(kind=WorkItem.Kind.POSSIBLE_DUPLICATE)
    assert {item.golden, item.other} == {kit.golden("erp", "E1"), kit.golden("erp", "E2")}


@pytest.mark.parametrize(("implant", "asked"), [(False, 1), (True, 0)])
def test_a_changed_implant_must_resemble_another_more(implant: bool, asked: int) -> None:
    likely = {"description": "Foley catheter silicone 16 Fr", "manufacturer": "Halden Medical", "implant": implant}
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER | {"implant": implant}})
    kit.feed("erp", {"E2": likely})
    assert WorkItem.objects.filter(kind=WorkItem.Kind.POSSIBLE_DUPLICATE).count() == asked


def test_what_was_read_in_a_transaction_that_failed_is_forgotten() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    with transaction.atomic():
        kit.feed("erp", {"E1": kit.STAPLER})
        kit.feed("scm", {"S1": kit.STAPLER})
        transaction.set_rollback(True)
    kit.feed("erp", {"E1": kit.CATHETER | {"brand": "SoftFlow"}})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    assert kit.golden("scm", "S1") == kit.golden("erp", "E1")


def test_a_doubtful_record_is_left_in_peace_by_what_tells_it_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    item = kit.doubtful()
    monkeypatch.setattr(engine, "GROWTH", 100.0)  # the same frequencies, so the same scores
    kit.feed("ehr", {"X1": kit.CATHETER})  # joins the candidate, and is no more like the doubtful one than that
    assert kit.golden("ehr", "X1").pk == item.golden_id
    assert kit.fresh(item).version == item.version


def test_a_doubtful_record_is_looked_at_again_when_its_candidate_becomes_more_like_it() -> None:
    short = {"description": "Foley catheter silicone", "manufacturer": "Halden Medical"}
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": short})
    item = kit.review("scm", "S1")
    kit.feed("ehr", {"X1": short | {"catalogue_number": kit.CATHETER["catalogue_number"]}})
    assert kit.golden("ehr", "X1").pk == item.golden_id
    again = kit.fresh(item)
    assert again.state != "open" or again.candidates[0]["score"] > item.candidates[0]["score"]


def test_two_codes_of_a_clean_source_never_become_one_record() -> None:
    kit.feed("register", {"R1": kit.CATHETER, "R2": kit.CATHETER}, deduplicated=True)
    assert kit.golden("register", "R1") != kit.golden("register", "R2")


def test_within_one_batch_the_order_of_records_does_not_matter() -> None:
    records = {"A": kit.CATHETER, "B": kit.SAME_CATHETER, "C": kit.OTHER_SIZE, "D": kit.STAPLER}
    outcomes = set()
    for order in (list(records), list(reversed(records)), ["C", "A", "D", "B"]):
        with transaction.atomic():
            kit.feed("scm", {code: records[code] for code in order})
            groups: dict[int | None, set[str]] = {}
            for code in records:
                groups.setdefault(kit.source("scm", code).golden_id, set()).add(code)
            outcomes.add(frozenset(frozenset(group) for group in groups.values()))
            transaction.set_rollback(True)
    assert len(outcomes) == 1


def test_one_by_one_joins_what_a_batch_joins_or_asks() -> None:
    records = {"A": kit.CATHETER, "C": kit.OTHER_SIZE, "B": kit.SAME_CATHETER}
    for code, values in records.items():
        kit.feed("scm", {code: values})
    assert kit.source("scm", "B").golden_id in (kit.golden("scm", "A").pk, None)
    assert kit.golden("scm", "A") != kit.source("scm", "C").golden


def test_a_reference_is_mended_when_the_record_it_names_arrives() -> None:
    kit.feed("erp", {"E1": kit.CATHETER | {"preferred_supplier": "V7"}})
    golden = kit.golden("erp", "E1")
    assert golden.item.preferred_supplier is None
    assert golden.quality_issues.filter(rule="unknown_reference", closed_at__isnull=True).exists()
    kit.feed("erp", {"V7": {"name": "Brightwater Surgical, Inc."}}, "supplier")
    golden.item.refresh_from_db()
    assert golden.item.preferred_supplier == kit.golden("erp", "V7", "supplier")
    assert not golden.quality_issues.filter(closed_at__isnull=True).exists()


def test_a_parent_that_would_close_a_cycle_is_left_out_and_said_so() -> None:
    tree = {
        "A": {"code": "A", "name": "Surgery", "parent": "B"},
        "B": {"code": "B", "name": "Perioperative", "parent": "A"},
    }
    kit.feed("erp", tree, "cost_center")
    parents = [kit.golden("erp", code, "cost_center").cost_center.parent_id for code in tree]
    assert sum(parent is not None for parent in parents) == 1
    refused = [g for code in tree if (g := kit.golden("erp", code, "cost_center")).quality_issues.filter(rule="cycle")]
    assert len(refused) == 1


def test_what_concord_delivered_is_no_evidence_when_it_comes_back() -> None:
    kit.feed("erp", {"E1": kit.CATHETER | {"brand": "Own brand"}}, trust=10)
    kit.feed("scm", {"S1": kit.SAME_CATHETER | {"brand": "SoftFlow"}}, trust=90)
    golden = kit.golden("erp", "E1")
    assert golden.item.brand == "SoftFlow"
    from mdm.services.publish import record_delivery

    told = {"brand": "SoftFlow", "description": golden.item.description}
    record_delivery(system=kit.code_system("erp").system, versions={golden.pk: (golden.version, told)})
    kit.feed("erp", {"E1": kit.CATHETER | {"brand": "SoftFlow"}})
    kit.feed("scm", {"S1": kit.SAME_CATHETER | {"brand": "NewBrand"}})
    golden.refresh_from_db()
    assert kit.source("erp", "E1").echo == ["brand"]
    assert golden.provenance["brand"]["reason"] == "Only value"


@pytest.mark.django_db(transaction=True)
def test_two_workers_given_twins_make_one_golden_record() -> None:
    for attempt in range(5):
        values = kit.CATHETER | {
            "catalogue_number": f"TW-{attempt}-100",
            "description": f"TWIN {attempt} CATHETER 16FR",
        }
        kit.land("erp", {f"E{attempt}": values})
        kit.land("scm", {f"S{attempt}": values})
        ids = [kit.source("erp", f"E{attempt}").pk, kit.source("scm", f"S{attempt}").pk]
        barrier = threading.Barrier(2)

        def work(pk: int, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            resolve.resolve_pending(domain="item", actor=User.objects.system(), ids=[pk])

        _in_threads([lambda pk=pk: work(pk) for pk in ids])
        linked = set(SourceRecord.objects.filter(pk__in=ids).values_list("golden", flat=True))
        assert len(linked) == 1
        assert None not in linked


def _in_threads(jobs: list[Callable[[], None]]) -> None:
    errors: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - carried over to the test's own thread
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not errors, errors


@pytest.mark.django_db(transaction=True)
def test_a_change_and_its_events_and_audit_commit_together_or_not_at_all() -> None:
    from mdm.signals import golden_changed

    def fail(**_: object) -> None:
        raise RuntimeError("the lanes could not be written")

    kit.land("erp", {"E1": kit.CATHETER})
    golden_changed.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            resolve.resolve_pending(domain="item", actor=User.objects.system())
    finally:
        golden_changed.disconnect(fail)
    assert kit.source("erp", "E1").state == SourceRecord.State.PENDING
    assert not GoldenRecord.objects.exists()
    assert not ChangeEvent.objects.exists()
    resolve.resolve_pending(domain="item", actor=User.objects.system())
    assert kit.golden("erp", "E1").version == 1


def test_landing_is_not_lost_when_resolving_never_comes() -> None:
    kit.land("erp", {"E1": kit.CATHETER})
    assert resolve.resolve_pending(domain="item", actor=User.objects.system()).created == 1


def test_codes_missing_from_a_full_feed_are_retired_and_their_lonely_records_too() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    run = kit.land("erp", {"E1": kit.CATHETER})
    ingest.finish(ingest=run, missing="retire", seen={"E1"})
    assert kit.golden("erp", "E2").status == GoldenRecord.Status.RETIRED
    assert kit.golden("erp", "E1").status == GoldenRecord.Status.LIVE


def test_the_number_of_queries_does_not_grow_with_the_batch(
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    kit.land(
        "erp",
        {
            f"E{n}": kit.STAPLER | {"catalogue_number": f"Q{n}77", "description": f"Thing {n} of kind {n}"}
            for n in range(120)
        },
    )
    with django_assert_max_num_queries(70):
        resolve.resolve_pending(domain="item", actor=User.objects.system())
    assert connection.in_atomic_block
