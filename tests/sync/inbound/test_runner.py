"""A run from file to golden records: faults are told, good rows kept, nothing lost and nothing done twice."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from mdm.exceptions import Forbidden, NotFound
from mdm.models import (
    AuditEntry,
    BulkRun,
    ChangeEvent,
    CostCenter,
    GoldenRecord,
    Ingest,
    SourceRecord,
    User,
    WorkItem,
)
from mdm.services import bulk_load, resolve
from sync.inbound import lease, reading, runner, services
from sync.inbound.errors import LeaseLost, UnknownSystem
from sync.inbound.files import stored
from sync.models import FeedRun
from tests.mdm import kit as masters
from tests.sync.inbound.kit import MAPPING, ROWS, Sender, csv_bytes, footprint, many, zipped

State = FeedRun.State


def questions() -> list[WorkItem]:
    return list(WorkItem.objects.filter(kind=WorkItem.Kind.FEED_PROBLEM, state=WorkItem.State.OPEN))


def test_a_file_becomes_golden_records(erp: Sender) -> None:
    run = erp.send(csv_bytes())
    assert (run.state, run.progress, run.message) == (State.DONE, 100, "")
    assert (run.rows, run.new, run.changed, run.unchanged, run.quarantined) == (3, 3, 0, 0, 0)
    assert run.linked + run.reviewed + run.created == 3
    assert erp.codes() == {"100", "200", "300"}
    assert CostCenter.objects.filter(name="Radiology").exists()
    assert run.ingest is not None
    assert run.ingest.state == Ingest.State.DONE
    assert run.finished_at is not None
    assert run.lease_until is None


def test_the_raw_file_is_kept_as_it_came(erp: Sender) -> None:
    content = zipped(csv_bytes())
    run = erp.send(content)
    assert stored(run.path).read_bytes() == content
    assert run.size == len(content)
    assert run.sha256 in run.path


def test_a_repeated_feed_changes_nothing(erp: Sender) -> None:
    erp.send(csv_bytes())
    before, events = footprint(), ChangeEvent.objects.count()
    run = erp.send(csv_bytes(), missing="retire")
    assert (run.new, run.changed, run.unchanged, run.retired) == (0, 0, 3, 0)
    assert footprint() == before
    assert ChangeEvent.objects.count() == events


def test_a_changed_row_changes_its_record_only(erp: Sender) -> None:
    erp.send(csv_bytes())
    rows = [*ROWS[:2], ("300", "Linen and laundry", "I", "")]
    run = erp.send(csv_bytes(rows))
    assert (run.new, run.changed, run.unchanged) == (0, 1, 2)
    assert CostCenter.objects.filter(name="Linen and laundry").exists()


def test_bad_rows_are_put_aside_and_good_ones_are_kept(erp: Sender) -> None:
    rows = [*ROWS, ("400", "Dietary", "A", "soon"), ("", "Nobody", "A", ""), ("100", "Surgery II", "A", "")]
    run = erp.send(csv_bytes(rows))
    assert (run.state, run.new, run.quarantined) == (State.DONE, 3, 3)
    assert erp.codes() == {"100", "200", "300"}
    assert [(q.row_number, q.column, q.value) for q in run.quarantine.all()] == [
        (5, "From", "soon"),
        (6, "Code", ""),
        (7, "Code", "100"),
    ]
    assert run.quarantine.get(row_number=5).raw == {"Code": "400", "Name": "Dietary", "Status": "A", "From": "soon"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes"),
        (csv_bytes([]), "headings but no rows"),
        (csv_bytes(heading=("Kode", "Name", "Status", "From")), "nearest: 'Kode'"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_changes_nothing_and_somebody_is_asked(
    erp: Sender, content: bytes, words: str
) -> None:
    erp.send(csv_bytes())
    sources = footprint()["sources"]
    run = erp.send(content, missing="retire")
    assert run.state == State.FAILED
    assert words in run.message
    assert footprint()["sources"] == sources
    [item] = questions()
    assert words in item.reason
    assert item.details == {"feed_run": run.pk}


def test_a_good_file_withdraws_the_question_about_a_bad_one(erp: Sender) -> None:
    erp.send(b"")
    assert len(questions()) == 1
    erp.send(csv_bytes())
    assert questions() == []


def test_records_that_a_full_file_lacks_are_retired(erp: Sender) -> None:
    erp.send(csv_bytes(many(60)))
    run = erp.send(csv_bytes(many(60)[1:]), missing="retire")
    assert (run.state, run.retired, run.message) == (State.DONE, 1, "")
    assert erp.codes("retired") == {"00001"}


def test_a_feed_that_ignores_missing_rows_retires_nothing(erp: Sender) -> None:
    erp.send(csv_bytes(many(60)))
    assert erp.send(csv_bytes(many(60)[1:])).retired == 0
    assert erp.codes("retired") == set()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (csv_bytes(many(60)[2:]), "more than the 2%"),
        (csv_bytes(many(60)[:59])[:-30], "incomplete"),
        (zipped(csv_bytes(many(60)))[:-20], "incomplete"),
        (csv_bytes([*many(60)[1:], ("", "No code", "A", "")]), "no readable code"),
    ],
)
def test_a_file_in_doubt_retires_nothing_and_somebody_is_asked(erp: Sender, content: bytes, words: str) -> None:
    erp.send(csv_bytes(many(60)))
    run = erp.send(content, missing="retire")
    assert (run.state, run.retired) == (State.DONE, 0)
    assert words in run.message
    assert erp.codes("retired") == set()
    assert words in questions()[0].reason


def test_the_share_that_may_be_retired_is_the_feeds(erp: Sender) -> None:
    erp.send(csv_bytes(many(60)))
    assert erp.send(csv_bytes(many(60)[6:]), missing="retire", max_retire_share=0.2).retired == 6


def test_a_row_put_aside_is_not_a_missing_row(erp: Sender) -> None:
    erp.send(csv_bytes(many(60)))
    rows = [(*many(60)[0][:3], "no date"), *many(60)[1:]]
    run = erp.send(csv_bytes(rows), missing="retire")
    assert (run.quarantined, run.retired) == (1, 0)


def test_a_retired_record_that_comes_again_is_taken_again(erp: Sender) -> None:
    erp.send(csv_bytes(many(60)))
    erp.send(csv_bytes(many(60)[1:]), missing="retire")
    run = erp.send(csv_bytes(many(60)), missing="retire")
    assert (run.changed, run.retired) == (1, 0)
    assert erp.codes("retired") == set()


def test_codes_declared_free_of_duplicates_stay_declared(erp: Sender) -> None:
    erp.send(csv_bytes(), deduplicated=True)
    erp.code_system.refresh_from_db()
    assert erp.code_system.deduplicated


def test_only_those_who_may_import_can(erp: Sender) -> None:
    with pytest.raises(Forbidden):
        Sender("erp", "cost_center", masters.person("viewer", "viewer")).queue(csv_bytes())
    assert Sender("erp", "cost_center", masters.steward()).send(csv_bytes()).state == State.DONE


def test_an_unknown_system_is_told_with_those_that_exist(erp: Sender) -> None:
    with pytest.raises(UnknownSystem, match=r"did you mean 'erp'\?.*: erp"):
        services.system_of("erpp", "cost_center")
    with pytest.raises(UnknownSystem, match="None does yet"):
        services.system_of("erp", "item")


def test_an_unknown_run_is_not_found(erp: Sender) -> None:
    with pytest.raises(NotFound):
        services.run(4711)


def test_every_start_is_audited(erp: Sender) -> None:
    run = erp.queue(csv_bytes())
    assert AuditEntry.objects.filter(action="feed.started", object_id=str(run.pk), actor=erp.actor).exists()


def test_a_worker_is_woken_when_the_run_is_committed(
    erp: Sender, woken: list[int], django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        run = erp.queue(csv_bytes())
    assert woken == [run.pk]
    run.refresh_from_db()
    assert run.task_id == f"task-{run.pk}"


def test_a_run_in_slices_comes_to_the_same_end(erp: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH", 7)
    rows = [*many(40), ("00001", "Twice", "A", ""), ("x", "Bad", "A", "soon")]
    run, slices = erp.queue(csv_bytes(rows)), 0
    while run.is_active and slices < 100:
        run = services.run(run.pk, seconds=0.001)
        slices += 1
    assert slices > 3
    assert (run.state, run.new, run.unchanged, run.quarantined) == (State.DONE, 40, 0, 2)
    assert run.stalls == 0
    assert len(erp.codes()) == 40


def test_a_run_that_failed_in_a_batch_goes_on_where_it_was(erp: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH", 10)
    run, landed = erp.queue(csv_bytes([*many(35), ("x", "Bad", "A", "soon")])), []
    real = runner.landing.land

    def land(**how: object) -> object:
        landed.append(how)
        if len(landed) == 3:
            raise RuntimeError("out of memory")
        return real(**how)  # type: ignore[arg-type]

    monkeypatch.setattr(runner.landing, "land", land)
    with pytest.raises(RuntimeError):
        services.run(run.pk)
    run.refresh_from_db()
    assert (run.landed_row, run.new, run.state) == (21, 20, State.LANDING)
    assert services.run(run.pk).new == 20, "its lease still stands"
    FeedRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    run = services.run(run.pk)
    assert (run.state, run.new, run.unchanged, run.quarantined) == (State.DONE, 35, 0, 1)
    assert Ingest.objects.count() == 1


def test_a_run_that_stops_every_worker_is_given_up(erp: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def land(**how: object) -> object:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(runner.landing, "land", land)
    run = erp.queue(csv_bytes())
    for _ in range(lease.MOST_STALLS):
        with pytest.raises(RuntimeError):
            services.run(run.pk)
        FeedRun.objects.update(lease_until=None)
    run = services.run(run.pk)
    assert run.state == State.FAILED
    assert "Workers stopped 5 times" in run.message


def test_a_worker_that_lost_its_lease_writes_nothing_more(erp: Sender) -> None:
    run = erp.queue(csv_bytes())
    slow = lease.claim(run.pk)
    assert slow is not None
    FeedRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert services.run(run.pk).state == State.DONE
    with pytest.raises(LeaseLost):
        lease.write(slow, progress=7)
    run.refresh_from_db()
    assert run.progress == 100


def test_a_run_that_is_over_is_not_run_again(erp: Sender) -> None:
    run = erp.send(csv_bytes())
    fence = run.fence
    assert services.run(run.pk).fence == fence


def test_files_of_one_system_are_taken_in_the_order_they_came(erp: Sender) -> None:
    first, second = erp.queue(csv_bytes()), erp.queue(csv_bytes([("100", "Newer", "A", "")]))
    waiting = services.run(second.pk)
    assert (waiting.state, waiting.message) == (State.QUEUED, f"Waits for run {first.pk} of the same system.")
    services.run(first.pk)
    assert services.run(second.pk).changed == 1
    assert SourceRecord.objects.get(code="100").values["name"] == "Newer"


def test_a_cancelled_run_stops_after_the_batch_at_hand(erp: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH", 10)
    run, real = erp.queue(csv_bytes(many(40))), runner.landing.land

    def land(**how: object) -> object:
        counts = real(**how)  # type: ignore[arg-type]
        FeedRun.objects.filter(pk=run.pk).update(cancel_requested=True)
        return counts

    monkeypatch.setattr(runner.landing, "land", land)
    run = services.run(run.pk)
    assert (run.state, run.new) == (State.CANCELLED, 10)
    assert "Rows that had landed" in run.message
    assert len(erp.codes()) == 10


def test_a_run_that_waits_is_cancelled_at_once(erp: Sender, django_capture_on_commit_callbacks: object) -> None:
    run = erp.queue(csv_bytes())
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        services.cancel(run=run, actor=erp.actor)
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    assert erp.codes() == set()


def test_a_draft_is_looked_at_tried_and_started(erp: Sender) -> None:
    erp.send(csv_bytes(ROWS[:2]))
    before = footprint()
    content = csv_bytes([ROWS[0], ("200", "Changed", "A", ""), ROWS[2], ("x", "Bad", "A", "soon")])
    draft = services.upload(
        file=io.BytesIO(content),
        name="../x/feed.csv",
        actor=erp.actor,
        system=erp.code_system.system,
        domain=erp.domain,
    )
    assert (draft.state, draft.file_name) == (State.DRAFT, "feed.csv")
    seen = services.inspect(run=draft, actor=erp.actor)
    assert seen.columns == ["Code", "Name", "Status", "From"]
    assert seen.sample[0] == list(ROWS[0])
    draft.mapping = MAPPING
    tried = services.dry_run(run=draft, actor=erp.actor)
    assert (tried.rows, tried.new, tried.changed, tried.unchanged, tried.quarantined) == (4, 1, 1, 1, 1)
    assert "no date" in tried.problems[0].reason
    assert footprint() == before
    queued = services.queue(run=draft, actor=erp.actor, mapping=MAPPING)
    run = services.run(queued.pk)
    assert (run.new, run.changed, run.unchanged, run.quarantined) == (1, 1, 1, 1)


def test_a_dry_run_foresees_what_would_be_retired(erp: Sender) -> None:
    erp.send(csv_bytes(many(60)))
    for left_out, retired in ((1, 1), (5, 0)):
        run = erp.queue(csv_bytes(many(60)[left_out:]), missing="retire")
        tried = services.dry_run(run=run, actor=erp.actor)
        assert tried.retired == retired
        assert bool(tried.message) is (retired == 0)


def test_a_saved_feed_reads_the_next_file(erp: Sender) -> None:
    options = {"system": erp.code_system.system, "domain": erp.domain, "mapping": MAPPING, "missing": "retire"}
    feed = services.save_feed(code="erp-cc", name="ERP cost centers", actor=erp.actor, **options)
    run = services.start_run(file=io.BytesIO(csv_bytes()), name="a.csv", actor=erp.actor, feed=feed)
    assert (run.feed, run.missing, run.mapping) == (feed, "retire", MAPPING)
    assert services.run(run.pk).new == 3


@pytest.mark.django_db(transaction=True)
def test_two_feeds_at_once_lose_nothing_and_do_nothing_twice(woken: list[int]) -> None:
    erp = Sender("erp", "cost_center", User.objects.system())
    runs = [erp.queue(csv_bytes(many(30))), erp.queue(csv_bytes([*many(30)[:29], ("00030", "Renamed", "A", "")]))]
    start = threading.Barrier(4)

    def work(run_id: int) -> None:
        start.wait()
        try:
            for _ in range(200):
                if not services.run(run_id).is_active:
                    return
                threading.Event().wait(0.05)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(run.pk,)) for run in runs for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = FeedRun.objects.order_by("pk")
    assert (first.state, first.new, first.unchanged) == (State.DONE, 30, 0)
    assert (second.state, second.new, second.changed, second.unchanged) == (State.DONE, 0, 1, 29)
    assert SourceRecord.objects.get(code="00030").values["name"] == "Renamed"
    assert GoldenRecord.objects.count() <= 30


def resolving_at_once(erp: Sender, monkeypatch: pytest.MonkeyPatch, act: Callable[[FeedRun], object]) -> FeedRun:
    """An import whose records are resolved at once, with something that happens before the first step of that."""
    run, prepare = erp.queue(csv_bytes()), bulk_load._prepare
    monkeypatch.setattr(bulk_load, "MANY", 2)
    monkeypatch.setattr(bulk_load, "_prepare", lambda *given: (act(run), prepare(*given)))
    stopped = services.run(run.pk)
    monkeypatch.setattr(bulk_load, "_prepare", prepare)
    return stopped


@pytest.mark.parametrize("stop", [services.pause, services.cancel])
def test_an_import_that_stops_while_it_resolves_at_once_leaves_its_domain_to_others(
    erp: Sender, monkeypatch: pytest.MonkeyPatch, stop: Callable[..., object]
) -> None:
    stopped = resolving_at_once(erp, monkeypatch, lambda run: stop(run=run, actor=erp.actor))
    assert BulkRun.objects.get().stage == BulkRun.Stage.ABANDONED
    assert resolve.resolve_all(domain="cost_center", actor=User.objects.system()).created == 3
    if stop is services.pause:
        services.resume(run=stopped, actor=erp.actor)
        assert services.run(stopped.pk).state == State.DONE


def test_an_import_paused_between_two_turns_leaves_its_domain_at_once(
    erp: Sender, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(runner, "BULK_SECONDS", 0)
    run = erp.queue(csv_bytes())
    monkeypatch.setattr(bulk_load, "MANY", 2)
    assert services.run(run.pk, seconds=60).state == State.RESOLVING
    assert BulkRun.objects.get().finished_at is None
    with django_capture_on_commit_callbacks(execute=True):
        services.pause(run=run, actor=erp.actor)
    assert BulkRun.objects.get().stage == BulkRun.Stage.ABANDONED


def test_a_bulk_run_that_another_import_is_at_outlives_a_pause(erp: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Sender("hr", "cost_center", erp.actor).queue(csv_bytes(many(2)))
    FeedRun.objects.filter(pk=other.pk).update(state=State.RESOLVING)
    resolving_at_once(erp, monkeypatch, lambda run: services.pause(run=run, actor=erp.actor))
    assert BulkRun.objects.get().finished_at is None
