"""Quality rules: what each is asked of, what breaks it, and what is kept of it day by day."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from mdm.canonical import DOMAINS
from mdm.models import GoldenRecord, Ingest, QualityIssue, QualityMeasure, WorkItem
from mdm.services import scorecard
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def failing(domain: str, name: str) -> set[str]:
    rule = scorecard.rule(domain, name)
    assert rule is not None
    return set(rule.failing().values_list("name", flat=True))


def items(**values: object) -> GoldenRecord:
    kit.feed("erp", {"E1": kit.CATHETER | values, "E2": kit.STAPLER})
    GoldenRecord.objects.update(status="live")
    return kit.golden("erp", "E1")


def test_every_rule_can_be_asked_of_an_empty_installation():
    rules = scorecard.rules()
    assert {rule.domain for rule in rules} == set(DOMAINS)
    assert len({(rule.domain, rule.name) for rule in rules}) == len(rules)
    assert scorecard.measure() == len(rules)


def test_what_is_not_stated_breaks_completeness():
    items(unspsc="42142702")
    assert failing("item", "stated.unspsc") == {kit.STAPLER["description"]}
    assert failing("item", "stated.description") == set()


def test_only_implants_need_a_udi():
    items(implant=True)
    assert failing("item", "implant.udi") == {kit.CATHETER["description"]}
    rule = scorecard.rule("item", "implant.udi")
    assert rule is not None
    assert rule.population().count() == 1


def test_only_stated_identifiers_are_asked_to_be_valid():
    golden = items(gtin="00614141093168")
    rule = scorecard.rule("item", "valid.gtin")
    assert rule is not None
    assert rule.population().count() == 1
    assert failing("item", "valid.gtin") == set()
    QualityIssue.objects.create(golden=golden, rule="invalid_identifier", path="gtin", message="Check digit")
    assert failing("item", "valid.gtin") == {golden.name}


def test_records_that_share_an_identifier_are_not_unique():
    items(gtin="00614141093168")
    assert failing("item", "unique.gtin") == set()
    kit.feed("erp", {"E2": kit.STAPLER | {"gtin": "614141093168"}})  # the same, as GTIN-12
    assert len(failing("item", "unique.gtin")) == 2


def test_an_open_question_of_a_duplicate_counts_for_both():
    items()
    kit.duplicate(kit.golden("erp", "E1"), kit.golden("erp", "E2"))
    assert len(failing("item", "no_duplicate")) == 2


def test_a_record_of_systems_that_send_nothing_any_more_is_not_timely():
    golden = items()
    kit.feed("scm", {"S9": kit.OTHER_SIZE | {"description": "Gauze sponge 4x4", "catalogue_number": "ZZ-9"}})
    GoldenRecord.objects.update(status="live")
    assert failing("item", "fresh") == set()
    Ingest.objects.filter(code_system__system__code="erp").update(started_at=timezone.now() - dt.timedelta(days=40))
    assert failing("item", "fresh") == {golden.name, kit.STAPLER["description"]}


def test_an_overdue_review_breaks_timeliness():
    golden = items()
    kit.duplicate(golden, kit.golden("erp", "E2"))
    assert failing("item", "reviewed") == set()
    WorkItem.objects.update(due_at=timezone.now() - dt.timedelta(hours=1))
    assert golden.name in failing("item", "reviewed")


def test_drafts_and_retired_records_are_not_measured():
    items()
    GoldenRecord.objects.update(status="draft")
    scorecard.measure()
    assert not QualityMeasure.objects.exclude(total=0).exists()


def test_measured_twice_on_a_day_the_later_figures_count():
    items()
    day = timezone.localdate()
    scorecard.measure(day=day)
    GoldenRecord.objects.filter(name=kit.STAPLER["description"]).update(status="retired")
    scorecard.measure(day=day)
    row = QualityMeasure.objects.get(domain="item", rule="stated.gtin", day=day)
    assert (row.passing, row.total) == (0, 1)
    scorecard.measure(day=day - dt.timedelta(days=1))
    assert QualityMeasure.objects.filter(domain="item", rule="stated.gtin").count() == 2
