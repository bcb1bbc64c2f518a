"""What a process remembers is right again half a second after another one has committed a change."""

from __future__ import annotations

import time

import pytest
from django.db import connection, transaction

from mdm import freshness
from mdm.freshness import Remembered, _Fresh, forget_old_notes
from mdm.models import GoldenRecord, Touched
from tests.mdm import kit
from tests.mdm.api import world


@pytest.fixture
def fresh(monkeypatch) -> _Fresh:
    monkeypatch.setattr(freshness, "EVERY", 0.0)
    return _Fresh()


@pytest.mark.django_db(transaction=True)
def test_a_commit_elsewhere_moves_the_version_and_nothing_else_does(fresh):
    record = world.golden("GLOVE")
    before = fresh.now()
    assert fresh.now() == before
    GoldenRecord.objects.filter(pk=record.pk).update(name="GLOVES")
    assert fresh.now() == before + 1
    assert fresh.now() == before + 1


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_began_first_and_commits_last_is_not_missed(fresh):
    """Its number is lower than that of what was seen meanwhile: snapshots find it, the order of numbers wouldn't."""
    one, two = world.golden("ONE"), world.golden("TWO")
    seen = []

    def slow():
        with transaction.atomic():
            GoldenRecord.objects.filter(pk=one.pk).update(name="CHANGED")
            time.sleep(0.4)

    def quick():
        time.sleep(0.1)
        GoldenRecord.objects.filter(pk=two.pk).update(name="CHANGED")
        seen.append(fresh.now())
        seen.append(fresh.now())

    assert kit.in_threads(slow, quick) == [None, None]
    assert seen[0] == seen[1]
    assert fresh.now() == seen[0] + 1


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_no_news(fresh):
    record = world.golden("GLOVE")
    before = fresh.now()
    with transaction.atomic():
        GoldenRecord.objects.filter(pk=record.pk).update(name="GLOVES")
        transaction.set_rollback(True)
    assert fresh.now() == before


@pytest.mark.django_db
def test_inside_a_transaction_nothing_is_remembered(fresh):
    assert connection.in_atomic_block
    assert fresh.now() is None


def test_an_answer_that_was_looked_up_before_the_change_is_not_remembered_after_it():
    answers: Remembered[str] = Remembered(size=2)
    answers.put("a", "old", 1)
    answers.put("a", "new", 2)
    answers.put("a", "old", 1)
    assert answers.get("a", 2) == "new"
    assert answers.get("a", 3) is None


def test_the_least_used_answers_go_first():
    answers: Remembered[str] = Remembered(size=2)
    for name in "ab":
        answers.put(name, name, 1)
    answers.get("a", 1)
    answers.put("c", "c", 1)
    assert [answers.get(name, 1) for name in "abc"] == ["a", None, "c"]


@pytest.mark.django_db(transaction=True)
def test_a_lookup_over_http_is_right_within_a_second_of_a_change_that_this_process_did_not_make():
    erp, record = world.code_system("erp-item"), world.golden("GLOVE")
    world.coded(record, erp, "1")
    client = world.machine(world.user("erp-interface", "integration"), "mdm.lookup_codes")
    address = "/api/v1/crosswalk/erp-item/1"
    assert client.get(address).json()["name"] == "GLOVE"
    assert client.get(address).json()["name"] == "GLOVE"
    kit.in_threads(lambda: GoldenRecord.objects.filter(pk=record.pk).update(name="GLOVES"))
    time.sleep(freshness.EVERY + 0.1)
    assert client.get(address).json()["name"] == "GLOVES"


@pytest.mark.django_db
def test_notes_that_nobody_goes_by_any_more_are_deleted():
    world.golden("GLOVE")
    Touched.objects.update(at="2020-01-01T00:00:00Z")
    assert forget_old_notes() == 1
