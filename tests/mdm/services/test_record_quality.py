"""One record's quality: the rules of the scorecard, asked of it alone, and the scorecard's own score."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from mdm.canonical import DOMAINS
from mdm.models import GoldenRecord, Ingest, QualityIssue, WorkItem
from mdm.services import record_quality, scorecard
from mdm.services.record_quality import RecordQuality
from mdm.services.scorecard import Dimension
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def quality(golden: GoldenRecord) -> RecordQuality:
    golden.refresh_from_db()
    found = record_quality.of(golden)
    assert found is not None
    return found


def broken(golden: GoldenRecord) -> set[str]:
    return {rule.name for rule in quality(golden).broken}


def spoilt() -> list[GoldenRecord]:
    """Two implants that share a GTIN, one of them doubted, overdue and with an identifier that is wrong."""
    shared = {"gtin": "00614141093168", "implant": True}
    kit.feed("erp", {"E1": kit.CATHETER | shared | {"udi_di": "x"}, "E2": kit.STAPLER})
    kit.feed("erp", {"E2": kit.STAPLER | {"gtin": "614141093168"}})
    first, second = kit.golden("erp", "E1"), kit.golden("erp", "E2")
    kit.duplicate(first, second)
    WorkItem.objects.update(due_at=timezone.now() - dt.timedelta(hours=1))
    QualityIssue.objects.get_or_create(
        golden=first, rule="invalid_identifier", path="udi_di", defaults={"message": "?"}
    )
    GoldenRecord.objects.update(status="live")
    return [first, second]


def test_a_record_breaks_a_rule_exactly_if_it_is_among_those_that_break_it():
    for golden in spoilt():
        answer = quality(golden)
        for rule in scorecard.rules_of("item"):
            asked = rule.population().filter(pk=golden.pk).exists()
            fails = rule.failing().filter(pk=golden.pk).exists()
            assert (rule in answer.broken, rule in answer.kept) == (fails, asked and not fails), rule.name


def test_every_domain_can_be_asked():
    kit.feed("erp", {"V1": {"name": "Corvane"}}, "supplier")
    kit.feed("erp", {"L1": {"name": "Ward 1"}}, "location")
    kit.feed("erp", {"C1": {"code": "4100", "name": "Surgery"}}, "cost_center")
    kit.feed("erp", {"E1": kit.CATHETER})
    for golden in GoldenRecord.objects.all():
        assert 0 < quality(golden).score <= 100
    assert set(GoldenRecord.objects.values_list("domain", flat=True)) == set(DOMAINS)


def test_what_breaks_it_is_told_by_rule():
    first, second = spoilt()
    assert {"valid.udi_di", "unique.gtin", "no_duplicate", "reviewed"} <= broken(first)
    assert {"unique.gtin", "no_duplicate"} <= broken(second)
    Ingest.objects.update(started_at=timezone.now() - dt.timedelta(days=40))
    assert "fresh" in broken(second)


def test_the_score_is_that_of_a_scorecard_of_this_record_alone():
    golden = spoilt()[0]
    GoldenRecord.objects.exclude(pk=golden.pk).update(status="retired")
    alone = [
        (rule.dimension, 100.0 - 100 * rule.failing().count())
        for rule in scorecard.rules_of("item")
        if rule.population().exists()
    ]
    assert quality(golden).score == pytest.approx(scorecard.score(alone))


def test_mending_every_broken_rule_brings_what_is_missing_to_a_hundred():
    answer = quality(spoilt()[0])
    assert sum(points for _, points in answer.costs) == pytest.approx(100 - answer.score)
    points = [points for _, points in answer.costs]
    assert points == sorted(points, reverse=True)


def test_a_hundred_is_shown_only_where_nothing_is_broken():
    rules = scorecard.rules_of("item")
    complete = [rule for rule in rules if rule.dimension == Dimension.COMPLETE]
    assert RecordQuality(kept=rules, broken=[]).shown == 100
    assert RecordQuality(kept=rules * 20, broken=complete[:1]).shown == 99


def test_drafts_are_judged_and_what_is_gone_is_not():
    golden = spoilt()[0]
    for status, judged in (("draft", True), ("retired", False)):
        golden.status = status
        assert (record_quality.of(golden) is not None) == judged


def test_it_costs_one_query(django_assert_num_queries):
    golden = spoilt()[0]
    with django_assert_num_queries(1):
        record_quality.of(golden)
