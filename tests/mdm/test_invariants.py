"""The twelve invariants, each with the tests that hold it, and a machine that tries to break golden records."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mdm import lookup, past
from mdm.exceptions import ConcordError, NotFound
from mdm.models import (
    AuditEntry,
    ChangeEvent,
    ChangeRequest,
    Crosswalk,
    GoldenRecord,
    Judgement,
    Override,
    SourceRecord,
    User,
    WorkItem,
)
from mdm.rows import load_values
from mdm.services import change, ingest, merge, resolve, revert, review, split, substitution
from mdm.services.periods import state_period
from mdm.services.undo import undo
from tests.mdm import kit

RESOLVE, REVIEW = "tests.mdm.services.test_resolve", "tests.mdm.services.test_review"
MERGE, SPLIT, CHANGE = (
    "tests.mdm.services.test_merge",
    "tests.mdm.services.test_split",
    "tests.mdm.services.test_change",
)
CROSSWALK, EVENTS, OUTBOX = (
    "tests.mdm.services.test_crosswalk",
    "tests.mdm.services.test_events",
    "tests.sync.test_outbox",
)

# number: (what always holds, where it is tested)
INVARIANTS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "One live source record per code, one live golden record per source record",
        (
            f"{__name__}:test_the_database_keeps_one_source_record_per_code",
            f"{__name__}:test_no_sequence_of_decisions_breaks_a_golden_record",
            f"{MERGE}:test_a_record_linked_to_the_loser_during_the_merge_ends_up_with_the_survivor",
        ),
    ),
    2: (
        "A code resolves to at most one golden record at any instant; rows are ended, never deleted",
        (
            f"{CROSSWALK}:test_a_code_of_a_unique_system_means_one_record_at_a_time",
            f"{CROSSWALK}:test_rows_are_closed_never_changed_or_deleted",
        ),
    ),
    3: (
        "Ids are for ever",
        (
            f"{MERGE}:test_a_merged_id_redirects_and_its_codes_resolve",
            f"{MERGE}:test_chains_are_kept_flat",
            f"{__name__}:test_a_golden_record_is_never_deleted",
        ),
    ),
    4: (
        "A human decision outlives every re-match",
        (
            f"{REVIEW}:test_a_rejected_pair_is_never_proposed_again",
            f"{SPLIT}:test_what_was_split_is_not_joined_again_by_a_rematch_nor_through_a_third_record",
            f"{CHANGE}:test_an_override_outlives_the_next_feed",
            f"{CHANGE}:test_a_record_that_a_person_retired_stays_retired_whatever_the_feed_says",
        ),
    ),
    5: (
        "Two workers given twins create one golden record",
        (f"{RESOLVE}:test_two_workers_given_twins_make_one_golden_record",),
    ),
    6: (
        "Version order is commit order",
        (
            f"{__name__}:test_versions_are_taken_one_after_the_other",
            f"{EVENTS}:test_a_transaction_that_is_still_open_holds_back_everything_that_began_after_it",
        ),
    ),
    7: (
        "A change and its events, audit row and lanes commit together or not at all",
        (
            f"{RESOLVE}:test_a_change_and_its_events_and_audit_commit_together_or_not_at_all",
            "tests.sync.test_receivers:test_lanes_are_rolled_back_with_the_change",
        ),
    ),
    8: (
        "No transaction waits for a socket",
        (f"{OUTBOX}:test_nothing_is_sent_while_a_transaction_is_open",),
    ),
    9: (
        "A repeated feed changes nothing",
        (f"{RESOLVE}:test_a_repeated_feed_writes_nothing_but_its_own_ingest",),
    ),
    10: (
        "Every score shown is the score used, and every decision names its policy",
        (
            f"{RESOLVE}:test_a_doubtful_record_waits_for_a_steward_with_the_evidence_of_its_score",
            f"{__name__}:test_every_link_and_judgement_keeps_its_score_and_policy",
        ),
    ),
    11: (
        "Nobody approves their own change, nor a version that they did not see",
        (
            f"{CHANGE}:test_nobody_approves_or_rejects_their_own_change",
            f"{CHANGE}:test_the_database_refuses_an_own_approval_too",
            f"{CHANGE}:test_an_approver_never_approves_a_value_that_was_not_shown",
            f"{MERGE}:test_approval_is_refused_when_either_record_changed_since",
        ),
    ),
    12: (
        "Logs, names and messages carry ids, not payloads",
        (f"{__name__}:test_no_payload_gets_into_names_messages_or_logs",),
    ),
}


@pytest.mark.parametrize("number", range(1, 13))
def test_every_invariant_has_its_tests(number: int) -> None:
    for place in INVARIANTS[number][1]:
        module, _, name = place.partition(":")
        assert callable(getattr(importlib.import_module(module), name, None)), f"{place} is gone"


# --------------------------------------------------------------------------------------------------------- one by one


@pytest.mark.django_db
def test_the_database_keeps_one_source_record_per_code() -> None:
    kit.land("erp", {"E1": kit.CATHETER})
    twin = kit.source("erp", "E1")
    twin.pk = None
    with pytest.raises(IntegrityError, match="one_per_code"), transaction.atomic():
        twin.save(force_insert=True)


@pytest.mark.django_db
def test_a_linked_record_has_a_golden_record_and_a_doubtful_one_has_none() -> None:
    item = kit.doubtful()
    sources = SourceRecord.objects.filter(pk=item.source_id)
    for wrong in ({"state": "linked"}, {"golden": kit.golden("erp", "E1")}):
        with pytest.raises(IntegrityError), transaction.atomic():
            sources.update(**wrong)


@pytest.mark.django_db
def test_a_golden_record_is_never_deleted() -> None:
    one, _ = kit.twins()
    for model, row in ((GoldenRecord, one.pk), (ChangeEvent, one.events.get().pk)):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            model.objects.filter(pk=row)._raw_delete("default")


@pytest.mark.django_db(transaction=True)
def test_versions_are_taken_one_after_the_other() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    golden, steward = kit.golden("erp", "E1"), kit.steward()
    jobs = [
        lambda n=n: change.override(golden=golden, path="brand", value=f"B{n}", actor=steward, reason="x")
        for n in range(6)
    ]
    assert not [result for result in kit.in_threads(*jobs) if isinstance(result, Exception)]
    versions = list(ChangeEvent.objects.filter(record=golden).order_by("id").values_list("version", flat=True))
    assert versions == [1, 2, 3, 4, 5, 6, 7]
    assert kit.fresh(golden).version == 7


@pytest.mark.django_db
def test_every_link_and_judgement_keeps_its_score_and_policy() -> None:
    item = kit.doubtful()
    shown = item.candidates[0]["score"]
    assert shown == pytest.approx(item.score)
    review.accept(item=item, actor=kit.steward())
    source = kit.source("scm", "D1")
    assert (source.link_score, source.policy_version) == (shown, item.policy_version)
    assert Judgement.objects.get().score == shown


@pytest.mark.django_db
def test_no_payload_gets_into_names_messages_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    secret = "Zyxwvut"
    caplog.set_level(logging.DEBUG)
    values = kit.CATHETER | {"brand": secret, "description": f"{secret} catheter foley 16fr", "manufacturer": secret}
    kit.feed("erp", {"E1": values})
    golden = kit.golden("erp", "E1")
    override = change.override(golden=golden, path="category", value=secret, actor=kit.steward(), reason="x")
    change.retire(golden=golden, actor=kit.steward(), reason="Gone")
    with pytest.raises(ConcordError) as caught:
        change.retire(golden=golden, actor=kit.steward(), reason="Gone")
    rows: list[Any] = [golden, golden.item, override, *SourceRecord.objects.all(), *AuditEntry.objects.all()]
    rows += [*ChangeEvent.objects.all(), *Crosswalk.objects.all(), *Override.objects.all(), *golden.history.all()]
    assert secret not in " ".join(str(row) for row in rows)
    assert secret not in str(caught.value)
    assert secret not in caplog.text
    assert secret not in json.dumps(
        list(AuditEntry.objects.values_list("before", "after"))
    )  # values are in the history


# ------------------------------------------------------------------------------------ rebuild(golden) == golden, always

VALUES = [
    kit.CATHETER,
    kit.SAME_CATHETER,
    kit.SAME_CATHETER | {"description": "Foley catheter, 18 Fr, 5 mL, silicone-coated", "latex": "free"},
    kit.CATHETER | {"latex": "contains", "brand": "SoftFlow", "gtin": "00614141999996"},
    kit.STAPLER
    | {"implant": True, "packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX", "gtin": "10614141999993"}]},
    kit.STAPLER | {"gtin": "00614141999996", "supplier_parts": [{"supplier": "V1", "number": "9"}, {"supplier": "V0"}]},
    {"manufacturer": "Corvane Surgical", "catalogue_number": "LC60A"},
]
SYSTEMS, CODES = ("erp", "scm"), ("A", "B")
OVERRIDES = [("brand", "Own"), ("latex", "free"), ("implant", False), ("packaging[BX].quantity", 12), ("brand", None)]
EXAMPLES = int(os.environ.get("CONCORD_INVARIANT_EXAMPLES", "25"))
PERIODS = [(-30, -10), (-5, 5), (2, 9), (-20, 3)]  # days from today on, and until before which
DAYS = (-15, 0, 4, 30)
REMEMBERED = 4  # every so many steps what is answered is remembered
number = st.integers(0, 5)


def pick(rows: Any, n: int) -> Any:
    """One of the rows that there are now."""
    found = list(rows.order_by("pk"))
    return found[n % len(found)] if found else None


def do_feed(a: int, b: int) -> None:
    kit.feed(SYSTEMS[a % 2], {CODES[a // 2 % 2]: VALUES[b % len(VALUES)]})


def do_missing(a: int, b: int) -> None:
    seen = {CODES[b % 2]} if b < 4 else set()
    ingest.finish(ingest=kit.land(SYSTEMS[a % 2], {}), missing="retire", seen=seen)


def do_decide(a: int, b: int) -> None:
    if item := pick(WorkItem.objects.filter(state="open", change_request__isnull=True), a):
        decide = (review.accept, review.reject, review.create_new)[b % 3]
        decide(item=item, actor=kit.steward(), expected_version=item.version)


def do_undo(a: int, b: int) -> None:
    if item := pick(WorkItem.objects.filter(state="done", change_request__isnull=True), a):
        undo(item=item, actor=kit.steward())


def do_ask(a: int, b: int) -> None:
    if (one := pick(goldens(), a)) and (two := pick(goldens().exclude(pk=one.pk), b)):
        kit.duplicate(one, two)


def do_merge(a: int, b: int) -> None:
    if (one := pick(goldens(), a)) and (two := pick(goldens().exclude(pk=one.pk), b)):
        merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")


def do_unmerge(a: int, b: int) -> None:
    if loser := pick(GoldenRecord.objects.filter(status="merged"), a):
        split.unmerge(loser=loser, actor=kit.steward(), reason="Not one thing", apart=b % 2 == 0)


def do_split(a: int, b: int) -> None:
    if (golden := pick(goldens(), a)) and (source := pick(golden.sources, b)):
        split.split(golden=golden, sources=[source], actor=kit.steward(), reason="Other thing")


def do_override(a: int, b: int) -> None:
    if golden := pick(goldens(), a):
        path, value = OVERRIDES[b % len(OVERRIDES)]
        change.override(golden=golden, path=path, value=value, actor=kit.steward(), reason="Label")


def do_withdraw(a: int, b: int) -> None:
    if row := pick(Override.objects.filter(withdrawn_at__isnull=True), a):
        change.withdraw_override(override=row, actor=kit.steward(), reason="Mistake")


def do_request(a: int, b: int) -> None:
    if request := pick(ChangeRequest.objects.filter(state="open"), a):
        (change.approve, change.reject_change)[b % 2](request=request, actor=kit.approver(), reason="Looked")


def do_retire(a: int, b: int) -> None:
    if golden := pick(goldens(), a):
        change.retire(golden=golden, actor=kit.steward(), reason="Gone")


def do_revert(a: int, b: int) -> None:
    """Back to an earlier version in everything that can be brought back; guarded values wait for a second person."""
    if golden := pick(goldens(), a):
        version = 1 + b % golden.version
        back = set(revert.differing(golden, version))
        said = {"actor": kit.steward(), "reason": "As it was", "expected_version": golden.version}
        revert.revert(golden=golden, version=version, paths=back, **said)
        waits = set(ChangeRequest.objects.filter(subject=golden, state="open").values_list("path", flat=True))
        assert not (back & set(revert.differing(kit.fresh(golden), version))) - waits


def do_substitute(a: int, b: int) -> None:
    if (one := pick(goldens(), a)) and (two := pick(goldens().exclude(pk=one.pk), b)):
        substitution.propose(item=one, substitute=two, actor=kit.steward(), reason="Back order")


def do_period(a: int, b: int) -> None:
    """A code meant another record for some days."""
    if golden := pick(goldens(), a):
        since, until = (timezone.localdate() + dt.timedelta(days=day) for day in PERIODS[b % len(PERIODS)])
        said = {"code_system": kit.code_system(SYSTEMS[a % 2]), "code": CODES[b % 2], "golden": golden}
        state_period(**said, valid_from=since, valid_to=until, actor=kit.steward(), reason="Reused")


def do_merge_and_back(a: int, b: int) -> None:
    """A merge that is taken back leaves every code as it was, on every day."""
    if (one := pick(goldens(), a)) and (two := pick(goldens().exclude(pk=one.pk), b)):
        before = meant()
        merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")
        if kit.fresh(two).status == "merged":  # else a second person is asked first
            split.unmerge(loser=kit.fresh(two), actor=kit.steward(), reason="Not one thing", apart=False)
            assert meant() == before


STEPS: list[Callable[[int, int], None]] = [
    do_feed, do_feed, do_feed, do_missing, do_decide, do_decide, do_undo, do_ask, do_merge, do_merge, do_unmerge,
    do_split, do_override, do_withdraw, do_request, do_retire, do_revert, do_substitute, do_period, do_period,
    do_merge_and_back,
]  # fmt: skip


def meant() -> list[str]:
    """What each code means on days of periods and others."""
    return [
        one.id if isinstance(one, lookup.Resolution) else type(one).__name__
        for day in DAYS
        for system in SYSTEMS
        for one in lookup.resolve_many(f"{system}-item", CODES, as_of=timezone.localdate() + dt.timedelta(days=day))
    ]


def goldens() -> Any:
    return GoldenRecord.objects.filter(domain="item").exclude(status="merged")


def check() -> None:
    check_links()
    check_codes()
    check_history()
    check_requests()
    before = list(GoldenRecord.objects.order_by("pk").values_list("pk", "version", "status", "name"))
    assert kit.rebuild() == [], "a rebuilt record differs from what was stored"
    assert list(GoldenRecord.objects.order_by("pk").values_list("pk", "version", "status", "name")) == before


def check_links() -> None:
    assert not SourceRecord.objects.filter(golden__status="merged").exists()
    assert not GoldenRecord.objects.filter(merged_into__status="merged").exists()
    for source in SourceRecord.objects.filter(state="review"):
        assert source.work_items.filter(kind="possible_match", state__in=WorkItem.LIVE).exists()
    assert not goldens().filter(status="live", sources__isnull=True).exists()
    for one in Judgement.objects.filter(verdict="different", reopened_at__isnull=True):
        assert one.first.golden_id is None or one.first.golden_id != one.second.golden_id


def check_codes() -> None:
    live = Crosswalk.objects.filter(known_to__isnull=True)
    assert not live.filter(golden__status="merged").exists()
    for source in SourceRecord.objects.exclude(golden=None):
        assert [row.golden_id for row in live.filter(source=source, valid_to=None)] == [source.golden_id]
    assert not live.filter(source__golden__isnull=True, source__isnull=False).exists()
    for golden in goldens():
        assert all(number == 1 for number in preferred(golden.codes.filter(known_to=None, valid_to=None)))
        for day in DAYS:
            on = Crosswalk.in_force(timezone.localdate() + dt.timedelta(days=day))
            assert all(number <= 1 for number in preferred(golden.codes.filter(on)))


def preferred(rows: Any) -> list[int]:
    """How many codes are preferred, of each system and unit."""
    groups: dict[tuple[int, str], int] = defaultdict(int)
    for row in rows:
        groups[row.code_system_id, row.uom] += row.preferred
    return list(groups.values())


def check_history() -> None:
    for golden in GoldenRecord.objects.all():
        versions = list(range(1, golden.version + 1))
        assert sorted(golden.events.values_list("version", flat=True)) == versions
        assert sorted(golden.history.values_list("version", flat=True)) == versions
        assert golden.history.latest("version").status == golden.status
        assert set(golden.audit.filter(version__isnull=False).values_list("version", flat=True)) == set(versions)
        if hasattr(golden, "item"):
            latest = golden.item.history.latest()
            assert (latest.description, latest.brand) == (golden.item.description, golden.item.brand)


def check_requests() -> None:
    """Every hold of a live record has its open request, and every open request its work item."""
    holds = Override.objects.filter(kind="hold", withdrawn_at__isnull=True).values_list("golden", "path")
    waiting = ChangeRequest.objects.filter(state="open", kind="guarded_value").values_list("subject", "path")
    assert sorted(holds) == sorted(waiting)
    for request in ChangeRequest.objects.filter(state="open"):
        assert request.work_items.filter(state="open").count() == 1
    assert not WorkItem.objects.filter(
        state="open", change_request__state__in=("approved", "rejected", "withdrawn")
    ).exists()


class Memory:
    """What Concord answered at each moment, which it must be able to say for ever."""

    def __init__(self) -> None:
        self.answers: list[tuple[dt.datetime, str]] = []

    def note(self) -> None:
        """Remember what is answered now, and that the past is told as the present is."""
        moment = timezone.now()
        self.answers.append((moment, told(moment)))
        present = load_values("item", goldens().values_list("pk", flat=True))
        assert {pk: stated(present[pk]) for pk in present} == {
            golden.pk: stated(past.as_of(golden, moment)) for golden in goldens().filter(pk__in=present)
        }

    def check(self) -> None:
        for moment, answer in self.answers:
            assert told(moment) == answer, f"what was answered at {moment} is told differently now"


def told(moment: dt.datetime) -> str:
    """Every code looked up, and every golden record published, as known at a moment."""
    outcomes = [
        *lookup.resolve_many("erp-item", CODES, to="scm-item", known_at=moment),
        *lookup.resolve_many("scm-item", CODES, to="erp-item", known_at=moment),
    ]
    answers = [
        str(one) if isinstance(one, ConcordError) else msgspec.to_builtins(one, enc_hook=str) for one in outcomes
    ]
    return json.dumps([answers, list(published(moment))])


def published(moment: dt.datetime) -> Iterator[Any]:
    for golden in GoldenRecord.objects.order_by("pk"):
        with suppress(NotFound):  # not published then
            yield past.payload(golden, moment)


def stated(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [])}


@pytest.mark.django_db
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), print_blob=True)
@given(st.lists(st.tuples(st.integers(0, len(STEPS) - 1), number, number), min_size=3, max_size=12))
def test_no_sequence_of_decisions_breaks_a_golden_record(steps: list[tuple[int, int, int]]) -> None:
    with transaction.atomic():
        kit.feed("erp", {"V1": {"name": "Brightwater Surgical"}}, "supplier")
        kit.feed("erp", {"A": VALUES[0], "B": VALUES[4]})
        kit.code_system("scm")
        memory = Memory()
        for at, (step, a, b) in enumerate(steps):
            try:
                with transaction.atomic():
                    STEPS[step](a, b)
            except ConcordError:
                event(f"{STEPS[step].__name__} refused")
                continue  # with nothing left behind
            event(STEPS[step].__name__)
            check()
            if at % REMEMBERED == 0:
                memory.note()
        resolve.resolve_all(domain="item", actor=User.objects.system())
        check()
        memory.check()
        transaction.set_rollback(True)
