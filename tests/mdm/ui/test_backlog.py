"""How much was open on each of the last days."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from mdm.models import QualityIssue, WorkItem
from mdm.ui.readers import backlog, counting
from mdm.ui.readers.home import decided, figures
from tests.mdm import kit

MON, TUE, WED = (dt.date(2026, 11, day) for day in (23, 24, 25))


def test_what_was_opened_later_was_not_there_and_what_was_closed_later_still_was():
    assert backlog.backwards(5, {TUE: 4, WED: 1}, {WED: 2}, [MON, TUE, WED]) == [2.0, 6.0, 5.0]


def test_days_on_which_nothing_happened_are_as_the_next():
    assert backlog.backwards(3, {}, {}, [MON, TUE, WED]) == [3.0, 3.0, 3.0]


def test_reviews_that_are_open_and_decided_make_the_trend(db):
    days = backlog.last_days()
    assert (len(days), days[-1]) == (backlog.DAYS, timezone.localdate())
    old = kit.doubtful("scm", "D1")
    new = kit.doubtful("scm", "D2")
    WorkItem.objects.filter(pk=old.pk).update(created_at=backlog.begin(days[0] - dt.timedelta(days=20)))
    WorkItem.objects.filter(pk=new.pk).update(
        created_at=backlog.begin(days[-4]), state="done", resolved_at=backlog.begin(days[-2])
    )
    assert figures(decided()).reviews_daily == [1.0] * 8 + [2.0] * 2 + [1.0] * 2


def test_figures_that_are_made_at_midnight_ask_for_a_day_without_decisions(db, monkeypatch):
    before, days = decided(), backlog.last_days()
    monkeypatch.setattr(backlog, "last_days", lambda: [day + dt.timedelta(days=1) for day in days])
    assert figures(before).decided_daily == [0.0] * backlog.DAYS


def test_issues_have_a_trend_as_far_as_they_are_counted(db):
    kit.feed("erp", {"E1": kit.CATHETER})
    golden, days = kit.golden("erp", "E1"), backlog.last_days()
    for number, closed in enumerate((None, backlog.begin(days[-1]))):
        issue = QualityIssue.objects.create(golden=golden, rule="cycle", path=str(number), message="", closed_at=closed)
        QualityIssue.objects.filter(pk=issue.pk).update(opened_at=backlog.begin(days[-3]))
    assert figures(decided()).issues_daily == [0.0] * 9 + [2.0, 2.0, 1.0]
    assert backlog.issues(counting.Count(20_000, exact=False)) == []


@pytest.mark.parametrize("offset", [0, 1])
def test_the_first_day_is_counted_whole(db, offset):
    item = kit.doubtful("scm", "D1")
    begin = backlog.begin(backlog.last_days()[0])
    WorkItem.objects.filter(pk=item.pk).update(created_at=begin + dt.timedelta(minutes=1 - 2 * offset))
    assert backlog.reviews()[1] == [1.0] * backlog.DAYS
