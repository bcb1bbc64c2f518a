"""Jobs: one worker takes each, the dead are followed, but not for ever."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from mdm import jobs
from mdm.exceptions import Refused
from mdm.models import DomainExport
from tests.mdm import kit

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def job():
    asked = timezone.now() - HOUR
    return DomainExport.objects.create(domain="item", format="ndjson", requester=kit.steward(), requested_at=asked)


def idle() -> list:
    return jobs.idle(DomainExport, lost=HOUR / 2)


def test_one_worker_takes_a_job_and_no_other_does(job):
    assert idle() == [job.pk]
    assert jobs.take(DomainExport, job.pk) == job
    assert jobs.take(DomainExport, job.pk) is None
    assert idle() == []


def test_a_job_that_kills_its_workers_is_given_up_after_three(job):
    for _ in range(jobs.ATTEMPTS):
        assert idle() == [job.pk]
        jobs.take(DomainExport, job.pk)
        DomainExport.objects.update(began_at=timezone.now() - HOUR)
    assert idle() == []
    job = kit.fresh(job)
    assert (job.state, job.attempts) == ("failed", 3)
    assert job.error.startswith("3 workers died of it")


def test_what_went_wrong_is_kept_with_the_job(job):
    taken = jobs.take(DomainExport, job.pk)
    with jobs.carried_out(taken):
        raise Refused("Excel holds fewer rows.")
    assert (kit.fresh(job).state, kit.fresh(job).error) == ("failed", "Excel holds fewer rows.")
    with pytest.raises(OSError, match="disk"), jobs.carried_out(taken):
        raise OSError("disk full at /secret")
    assert kit.fresh(job).error == "OSError: ask for it again; the log of the worker tells more."


def test_a_word_to_a_worker_may_get_lost(monkeypatch):
    def away(*_, **__):
        raise ConnectionError

    monkeypatch.setattr("mdm.tasks.make_pack.apply_async", away)
    jobs.wake("make_pack", 1)
