"""The twelve invariants, each with the tests that hold it."""

from __future__ import annotations

import importlib
import json
import logging
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from mdm.exceptions import ConcordError
from mdm.models import (
    AuditEntry,
    ChangeEvent,
    Crosswalk,
    GoldenRecord,
    Judgement,
    Override,
    SourceRecord,
)
from mdm.services import change, review
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
            "tests.mdm.test_decisions:test_no_sequence_of_decisions_breaks_a_golden_record",
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
