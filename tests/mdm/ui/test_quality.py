"""Scorecards show what was measured; a rule leads to the records that break it."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mdm.models import GoldenRecord, QualityMeasure
from mdm.services import scorecard
from mdm.ui.readers.quality import Scorecard
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


@pytest.fixture
def measured() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER | {"unspsc": "42142702"}})
    GoldenRecord.objects.update(status="live")
    scorecard.measure()


def earlier(days: int, passing: int) -> None:
    day = timezone.localdate() - dt.timedelta(days=days)
    QualityMeasure.objects.create(domain="item", rule="stated.unspsc", day=day, passing=passing, total=2)


def test_nothing_measured_is_said(viewer):
    assert "Nothing was measured yet" in text_of(viewer.get("/quality/"))


def test_a_dimension_is_the_mean_of_its_rules(measured):
    card = Scorecard()
    cells = {spec.name: cells for spec, _, cells, _ in card.rows}["item"]
    rules = [one for one in card.rules if (one.rule.domain, one.rule.dimension) == ("item", "complete")]
    assert cells[0].now == pytest.approx(sum(one.score.now for one in rules) / len(rules), abs=0.06)
    assert cells[0].below
    assert cells[0].tone == "fail"


def test_a_rule_that_got_better_is_told_from_one_that_got_worse(measured):
    earlier(20, passing=0)
    kept = {(one.rule.domain, one.rule.name): one for one in Scorecard().rules}["item", "stated.unspsc"]
    assert kept.score.change == 50.0
    lately = timezone.localdate() - dt.timedelta(days=5)
    QualityMeasure.objects.filter(rule="stated.unspsc", day__gt=lately).update(passing=2)
    earlier(10, passing=2)
    assert {o.rule.name: o for o in Scorecard("4w").rules}["stated.unspsc"].state == "improving"


def test_the_trend_needs_two_days_and_keeps_to_the_period(viewer, measured):
    assert "A trend needs two days" in text_of(viewer.get("/quality/"))
    earlier(60, passing=1)
    assert Scorecard("12w").trend is not None
    assert Scorecard("4w").trend is None
    assert "Score by domain, 12 weeks" in viewer.get("/quality/").content.decode()


def test_a_rule_leads_to_the_records_that_break_it(viewer, measured):
    assert "/quality/items/stated.unspsc/" in viewer.get("/quality/").content.decode()
    page = text_of(viewer.get("/quality/items/stated.unspsc/"))
    assert kit.CATHETER["description"] in page
    assert kit.STAPLER["description"] not in page
    assert viewer.get("/quality/items/nonsense/").status_code == 404


def test_failing_records_are_read_in_pages(viewer, measured, monkeypatch):
    monkeypatch.setattr("mdm.ui.readers.quality.PAGE", 1)
    first = viewer.get("/quality/items/stated.gtin/").content.decode()
    after = re.search(r"\?after=(\d+)", first).group(1)
    second = viewer.get(f"/quality/items/stated.gtin/?after={after}").content.decode()
    assert kit.CATHETER["description"] in first
    assert kit.STAPLER["description"] in second
    assert 'rel="next"' not in second


def test_the_scorecard_asks_few_questions_however_long_the_history(viewer, measured):
    viewer.get("/quality/")
    with CaptureQueriesContext(connection) as few:
        viewer.get("/quality/")
    for days in range(1, 30):
        earlier(days, passing=1)
    with CaptureQueriesContext(connection) as many:
        viewer.get("/quality/")
    assert len(many) <= len(few) <= 16


def test_rules_are_found_by_name(viewer, measured):
    page = text_of(viewer.get("/quality/?rules=all&find=udi"))
    assert "UDI-DI" in page or "No rule is called that" in page
    assert "No rule is called that" in text_of(viewer.get("/quality/?find=zzz"))


def test_who_may_decide_measures_now(steward, viewer):
    assert viewer.post("/quality/measure/").status_code == 403
    assert steward.post("/quality/measure/").status_code == 302
    assert QualityMeasure.objects.exists()
