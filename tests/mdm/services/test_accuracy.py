"""Precision, recall and review rate from what people decided, with what they rest on."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from mdm.services import merge, review, split
from mdm.services.accuracy import accuracy
from mdm.services.double_review import answer, plan_checks
from tests.mdm import kit
from tests.mdm.learning import population

pytestmark = pytest.mark.django_db


def split_off(code: str) -> None:
    split.split(golden=kit.golden("scm", code), sources=[kit.source("scm", code)], actor=kit.steward(), reason="Not it")


def test_nothing_is_claimed_before_anything_is_decided() -> None:
    found = accuracy("item")
    assert [share.estimate for share in (found.precision, found.recall, found.review_rate)] == [None, None, None]
    assert all("Not enough decisions" in note for note in found.notes)
    assert len(found.notes) == 3


def test_the_review_rate_counts_records_that_a_steward_was_asked_about() -> None:
    kit.doubtful()
    kit.feed("mms", {"M1": kit.STAPLER})
    rate = accuracy("item").review_rate
    assert (rate.part, rate.whole) == (1, 3)
    review.accept(item=kit.review("scm", "D1"), actor=kit.steward())
    assert accuracy("item").review_rate == rate


def test_precision_is_what_a_random_sample_says_of_the_links_that_stand() -> None:
    population(6)
    for n, check in enumerate(plan_checks(domain="item", kind="sample", count=4, actor=kit.steward())):
        answer(check=check.pk, same=n > 0, actor=kit.steward())
    found = accuracy("item")
    assert (found.precision.part, found.precision.whole, found.automatic) == (3, 4, 6)
    assert found.precision.estimate == pytest.approx(0.75)
    assert not found.precision.enough


def test_a_link_that_was_split_counts_as_wrong_once_sampled_or_not() -> None:
    population(6)
    split_off("S0")
    sample = plan_checks(domain="item", kind="sample", count=6, actor=kit.steward())
    assert len(sample) == 5
    for check in sample:
        answer(check=check.pk, same=True, actor=kit.steward())
    found = accuracy("item")
    assert (found.automatic, found.split) == (6, 1)
    assert found.precision.estimate == pytest.approx(5 / 6)
    split_off("S1")  # it was sampled, and called right, too
    found = accuracy("item")
    assert (found.split, found.precision.whole) == (2, 4)
    assert found.precision.estimate == pytest.approx(4 / 6)


def test_splitting_what_a_steward_had_linked_is_no_mistake_of_the_engine() -> None:
    review.accept(item=kit.doubtful(), actor=kit.steward())
    split_off("D1")
    assert accuracy("item").split == 0


def test_recall_counts_links_that_only_people_found() -> None:
    population(3)  # three automatic links
    kit.feed("erp", {"E9": kit.CATHETER})
    kit.feed("mms", {"M1": kit.SAME_CATHETER | {"description": "Foley catheter, 18 Fr, 5 mL, silicone-coated"}})
    review.accept(item=kit.review("mms", "M1"), actor=kit.steward())  # asked about
    kit.feed("wms", {"W1": kit.STAPLER, "W2": {"description": "Cutting device"}, "W3": {"description": "Gauze"}})
    for code in ("W2", "W3"):  # missed; the second was asked about later
        one, two = kit.golden("wms", "W1"), kit.golden("wms", code)
        if code == "W3":
            review.accept(item=kit.duplicate(one, two), actor=kit.steward())
        else:
            merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")
    found = accuracy("item")
    assert (found.automatic, found.accepted, found.merged, found.confirmed) == (3, 1, 2, 1)
    assert (found.recall.part, found.recall.whole) == (3, 6)
    assert (found.recall_with_reviews.part, found.recall_with_reviews.whole) == (5, 6)


def test_an_undone_merge_is_no_missed_link() -> None:
    _, loser = kit.merged()
    assert accuracy("item").merged == 1
    split.unmerge(loser=loser, actor=kit.steward(), reason="Two things")
    assert accuracy("item").merged == 0


def test_only_what_came_since_counts() -> None:
    population(3)
    found = accuracy("item", since=timezone.now() + dt.timedelta(hours=1))
    assert (found.automatic, found.review_rate.whole) == (0, 0)


def test_domains_are_measured_apart() -> None:
    population(3)
    assert accuracy("supplier").automatic == 0


def test_the_command_tells_figures_with_intervals_and_what_is_missing() -> None:
    population(3)
    out = StringIO()
    call_command("matching_accuracy", "--domain", "item", stdout=out)
    assert "recall" in out.getvalue()
    assert "3 of 3, not enough decisions" in out.getvalue()
    assert "precision            unknown" in out.getvalue()
    out = StringIO()
    call_command("matching_accuracy", "--json", stdout=out)
    told = {row["domain"]: row for row in json.loads(out.getvalue())}
    assert set(told) == {"item", "supplier", "location", "cost_center"}
    assert told["item"]["counts"]["automatic"] == 3
    assert told["item"]["stewards"]["errors"]["whole"] == 0
