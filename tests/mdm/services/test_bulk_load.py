"""Resolving a domain at once: as one by one, shared by workers, and gone on with after any of them died."""

from __future__ import annotations

import csv
import os
import random
import signal
from collections import defaultdict
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from matching import Policy as MatchPolicy
from matching.benchmark.task import DOMAINS, write_dedupe
from mdm import forks, tasks
from mdm.arrays import Array
from mdm.exceptions import Forbidden, NeedsReason
from mdm.models import (
    AuditEntry,
    BulkPart,
    BulkRun,
    ChangeEvent,
    Crosswalk,
    Frequencies,
    GoldenRecord,
    Item,
    Policy,
    SourceRecord,
    User,
    WorkItem,
)
from mdm.services import bulk_load, bulk_plan, resolve
from tests.mdm import kit

pytestmark = pytest.mark.django_db

Records = dict[str, dict[str, Any]]
Pairs = set[tuple[str, str]]
State = SourceRecord.State


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Records:
    """Three hundred items of one list, a third of them there twice."""
    folder = tmp_path_factory.mktemp("items")
    write_dedupe(DOMAINS["item"], folder, 300, 11, 0.33)
    names = ("description", "manufacturer", "catalogue_number", "gtin", "size")
    with (folder / "single.csv").open(newline="") as file:
        return {row["id"]: {name: row[name] for name in names if row[name]} for row in csv.DictReader(file)}


def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_load, "COMPARED", 40)
    monkeypatch.setattr(bulk_plan, "PART", 25)


def run(domain: str = "item") -> BulkRun:
    return bulk_load.work(bulk_load.begin(domain=domain, actor=User.objects.system()))


def joined() -> Pairs:
    """Codes of the records that are one golden record, by two."""
    together = defaultdict(list)
    for code, golden in (
        SourceRecord.objects.filter(golden__isnull=False).order_by("code").values_list("code", "golden")
    ):
        together[golden].append(code)
    return {pair for codes in together.values() for pair in combinations(codes, 2)}


def asked() -> Pairs:
    """Codes of records about which a steward is asked, each with what it may be the same as."""
    codes = defaultdict(list)
    for code, golden in SourceRecord.objects.values_list("code", "golden"):
        codes[golden].append(code)
    found: Pairs = set()
    for item in WorkItem.objects.filter(state__in=WorkItem.LIVE).select_related("source"):
        mine = [item.source.code] if item.source else codes[item.golden_id]
        others = [code for candidate in item.candidates for code in codes[candidate["golden"]]]
        found |= {(min(a, b), max(a, b)) for a in mine for b in others}
    return found


def test_what_one_way_joins_the_other_joins_too_or_asks_about(
    hospital: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_parts(monkeypatch)
    kit.land("erp", hospital)
    with transaction.atomic():
        run()
        at_once, asked_at_once = joined(), asked()
        [learned] = Frequencies.objects.values("domain", "version", "records", "body", "calibration")
        transaction.set_rollback(True)
    Frequencies.objects.create(**learned)  # they weigh alike
    ids = list(SourceRecord.objects.values_list("pk", flat=True))
    random.Random(5).shuffle(ids)
    for pk in ids:
        resolve.resolve_pending(domain="item", actor=User.objects.system(), ids=[pk])
    one_by_one, asked_one_by_one = joined(), asked()
    assert len(at_once & one_by_one) > 50
    assert at_once <= one_by_one | asked_one_by_one
    assert one_by_one <= at_once | asked_at_once


def test_everything_is_written_as_a_batch_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    records = {"E1": kit.CATHETER, "E2": kit.STAPLER, "E3": kit.OTHER_SIZE | {"gtin": "00614141000036"}}

    def written() -> list[Any]:
        codes = Crosswalk.objects.filter(known_to__isnull=True).order_by("code_system__slug", "code")
        by_golden = dict(codes.filter(source__isnull=False).values_list("golden", "code"))
        named = ("golden", "description", "gtin", "size_attributes")
        return [
            sorted((by_golden[pk], *values) for pk, *values in Item.objects.values_list(*named)),
            sorted((by_golden[pk], *values) for pk, *values in Item.history.values_list("golden", "gtin")),
            sorted(GoldenRecord.history.values_list("name", "status", "version", "history_type")),
            sorted(codes.values_list("code_system__slug", "code", "preferred", "resolves")),
            sorted(ChangeEvent.objects.values_list("record__name", "kind", "version", "published")),
            sorted(AuditEntry.objects.filter(golden__isnull=False).values_list("golden__name", "action", "version")),
            sorted(SourceRecord.objects.values_list("code", "state", "link_reason", "policy_version")),
        ]

    kit.land("erp", records)
    with transaction.atomic():
        assert run().created == 3
        at_once = written()
        transaction.set_rollback(True)
    resolve.resolve_all(domain="item", actor=User.objects.system())
    assert at_once == written()


def test_a_second_list_is_linked_to_golden_records_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.land("scm", {"S1": kit.SAME_CATHETER, "S2": kit.OTHER_SIZE})
    counts = run()
    assert kit.golden("scm", "S1") == kit.golden("erp", "E1")
    assert kit.source("scm", "S2").golden_id not in (kit.golden("erp", "E1").pk, kit.golden("erp", "E2").pk)
    assert counts.linked == 1


def test_a_changed_record_keeps_its_link(monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    kit.feed("erp", {"E1": kit.CATHETER})
    golden = kit.golden("erp", "E1")
    kit.land("erp", {"E1": kit.CATHETER | {"brand": "SoftFlow"}})
    assert run().updated == 1
    assert kit.golden("erp", "E1") == golden
    assert Item.objects.get(pk=golden).brand == "SoftFlow"


def test_nobody_else_resolves_until_the_run_is_over() -> None:
    kit.land("erp", {"E1": kit.CATHETER})
    begun = bulk_load.begin(domain="item", actor=User.objects.system())
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    assert kit.source("scm", "S1").state == State.PENDING
    bulk_load.work(begun)
    assert kit.source("scm", "S1").state == State.PENDING  # it came later
    resolve.resolve_all(domain="item", actor=User.objects.system())
    assert kit.golden("scm", "S1") == kit.golden("erp", "E1")


def test_whoever_begins_while_a_run_is_under_way_joins_it() -> None:
    kit.land("erp", {"E1": kit.CATHETER})
    actor = User.objects.system()
    assert bulk_load.begin(domain="item", actor=actor) == bulk_load.begin(domain="item", actor=actor)
    assert bulk_load.begin(domain="supplier", actor=actor).domain == "supplier"


def test_an_empty_domain_is_done_at_once() -> None:
    done = run("supplier")
    assert (done.stage, done.records) == (BulkRun.Stage.DONE, 0)


def test_a_run_given_up_leaves_the_rest_to_batches() -> None:
    kit.land("erp", {"E1": kit.CATHETER})
    begun = bulk_load.begin(domain="item", actor=User.objects.system())
    with pytest.raises(NeedsReason):
        bulk_load.abandon(run=begun, actor=User.objects.system(), reason=" ")
    bulk_load.abandon(run=begun, actor=User.objects.system(), reason="Wrong file")
    assert AuditEntry.objects.get(action="bulk.abandon").reason == "Wrong file"
    assert resolve.resolve_all(domain="item", actor=User.objects.system()).created == 1


def test_only_who_may_import_begins_or_gives_up_a_run() -> None:
    with pytest.raises(Forbidden):
        bulk_load.begin(domain="item", actor=kit.person("viewer", "viewer"))
    begun = bulk_load.begin(domain="item", actor=User.objects.system())
    with pytest.raises(Forbidden):
        bulk_load.abandon(run=begun, actor=kit.person("viewer", "viewer"), reason="No")


def meanwhile(monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[], object]) -> None:
    """Have something happen just before a step of the run, once."""
    original, done = getattr(bulk_load, step), []

    def interrupted(*given: Any) -> Any:
        if not done:
            done.append(act())
        return original(*given)

    monkeypatch.setattr(bulk_load, step, interrupted)


@pytest.mark.parametrize("step", ["_plan", "_write"])
def test_a_record_that_changed_meanwhile_is_left_for_later(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.land("scm", {"S1": kit.SAME_CATHETER, "S2": kit.STAPLER})
    meanwhile(monkeypatch, step, lambda: kit.land("scm", {"S1": kit.SAME_CATHETER | {"brand": "SoftFlow"}}))
    assert run().created == 1
    assert kit.source("scm", "S1").state == State.PENDING
    resolve.resolve_all(domain="item", actor=User.objects.system())
    assert kit.golden("scm", "S1") == kit.golden("erp", "E1")


def test_a_record_that_lands_late_is_not_taken_for_one_that_resembles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.land("scm", {"S2": kit.STAPLER})
    begun = bulk_load.begin(domain="item", actor=User.objects.system())

    def late() -> None:  # its number is one of the run's, as if its transaction had begun before the run did
        kit.land("scm", {"S1": kit.SAME_CATHETER})
        BulkRun.objects.update(last_source=kit.source("scm", "S1").pk)

    meanwhile(monkeypatch, "_plan", late)
    assert bulk_load.work(begun).created == 1
    assert kit.source("scm", "S1").state == State.PENDING
    resolve.resolve_all(domain="item", actor=User.objects.system())
    assert kit.golden("scm", "S1") == kit.golden("erp", "E1")


@pytest.mark.parametrize("step", ["_compare", "_plan"])
def test_rules_that_change_meanwhile_have_everything_scored_anew(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.land("scm", {"S1": kit.SAME_CATHETER, "S2": kit.STAPLER})

    def new_rules() -> None:
        body = MatchPolicy.default("item").to_json()
        system = User.objects.system()
        Policy.objects.create(kind="match", domain="item", version=7, body=body, active=True, author=system)

    meanwhile(monkeypatch, step, new_rules)
    done = run()
    assert (done.linked, done.created) == (1, 1)
    assert set(SourceRecord.objects.filter(code__startswith="S").values_list("policy_version", flat=True)) == {7}


def test_a_run_goes_on_from_the_part_that_failed(hospital: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    kit.land("erp", hospital)
    write, calls = bulk_load._write, []

    def fails_at_the_third(run: BulkRun, given: dict[str, Array]) -> None:
        calls.append(0.4 < bulk_load.progress(run) < 1.0)
        if len(calls) == 3:
            raise OSError("disk full")
        write(run, given)

    monkeypatch.setattr(bulk_load, "_write", fails_at_the_third)
    done = run()
    assert done.stage == BulkRun.Stage.DONE
    assert done.linked + done.created + done.reviewed == len(hospital)
    assert not BulkPart.objects.exists()
    assert all(calls[1:])
    assert bulk_load.progress(done) == 1.0


def test_a_part_that_can_not_be_done_is_left_to_batches_and_somebody_is_told(
    hospital: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_parts(monkeypatch)
    kit.land("erp", hospital)
    poison = min(SourceRecord.objects.values_list("pk", flat=True))
    write = bulk_load._write

    def fails(run: BulkRun, given: dict[str, Array]) -> None:
        if poison in given["sources"]:
            raise ValueError("a record that nobody thought of")
        write(run, given)

    monkeypatch.setattr(bulk_load, "_write", fails)
    assert run().stage == BulkRun.Stage.DONE
    left = SourceRecord.objects.filter(state=State.PENDING).count()
    assert 0 < left < len(hospital)
    item = WorkItem.objects.get(kind=WorkItem.Kind.FEED_PROBLEM)
    assert item.title == f"{left} records could not be resolved together"
    resolve.resolve_all(domain="item", actor=User.objects.system())
    assert not SourceRecord.objects.filter(state=State.PENDING).exists()


def test_a_beat_that_says_no_pauses_the_run(hospital: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    small_parts(monkeypatch)
    kit.land("erp", hospital)
    looks = iter([True] * 6)
    paused = bulk_load.work(
        bulk_load.begin(domain="item", actor=User.objects.system()), beat=lambda run: next(looks, False)
    )
    assert paused.finished_at is None
    assert bulk_load.work(paused).finished_at is not None


@pytest.mark.django_db(transaction=True)
def test_processes_share_a_run_and_one_that_is_killed_leaves_its_part_to_the_others(
    hospital: Records, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small_parts(monkeypatch)
    monkeypatch.setattr(forks, "workers", lambda size, many: 2)
    monkeypatch.setattr(bulk_load, "ANALYZE", "SELECT 1")
    kit.land("erp", hospital)
    write = bulk_load._write

    def killed_once(run: BulkRun, given: dict[str, Array]) -> None:
        write(run, given)
        try:
            (tmp_path / "killed").touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(bulk_load, "_write", killed_once)
    done = run()
    assert (tmp_path / "killed").exists()
    assert done.linked + done.created + done.reviewed == len(hospital)
    assert GoldenRecord.objects.count() == done.created
    assert not SourceRecord.objects.filter(state=State.PENDING).exists()


def test_only_runs_without_a_sign_of_life_are_idle() -> None:
    begun = bulk_load.begin(domain="item", actor=User.objects.system())
    assert bulk_load.idle() == []
    BulkRun.objects.update(beat_at=begun.beat_at - 2 * bulk_load.IDLE)
    assert bulk_load.idle() == [begun]


def test_the_command_tells_what_came_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    kit.land("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    call_command("resolve_at_once", "item")
    assert "2 records: 0 linked, 2 new golden records" in capsys.readouterr().out
    with pytest.raises(CommandError, match="No run is under way"):
        call_command("resolve_at_once", "item", abandon="Wrong file")


def test_upkeep_takes_up_a_run_that_its_worker_left(monkeypatch: pytest.MonkeyPatch) -> None:
    kit.land("erp", {"E1": kit.CATHETER})
    begun = bulk_load.begin(domain="item", actor=User.objects.system())
    BulkRun.objects.update(beat_at=begun.beat_at - 2 * bulk_load.IDLE)
    monkeypatch.setattr(tasks.resolve_at_once, "delay", tasks.resolve_at_once)
    tasks.upkeep()
    assert BulkRun.objects.get().stage == BulkRun.Stage.DONE
