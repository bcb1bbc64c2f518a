"""Celery tasks of the core: what falls due by itself. Nothing is lost when one doesn't run; the next does its work."""

from __future__ import annotations

import time

from celery import shared_task
from django.utils import timezone

from mdm.api import idempotency
from mdm.changes import Change
from mdm.exceptions import ConcordError
from mdm.freshness import forget_old_notes
from mdm.models import BulkRun, User
from mdm.services import (
    bulk_load,
    change,
    domain_export,
    export,
    follow,
    learning,
    restandardise,
    review,
    scorecard,
    trust,
)
from mdm.services.revise import revise

FOLLOWED = 10  # batches of references at a time
BULK = 600  # seconds of a task that works on a bulk run: beginning anew takes a minute
READING = 45.0  # seconds that new words are read into what is stored, at a time


@shared_task(name="mdm.upkeep")
def upkeep() -> None:
    """Wake snoozed items, end overrides and exports, let records follow merges and rules, take up idle bulk runs."""
    review.wake(now=timezone.now())
    change.expire_overrides(now=timezone.now())
    forget_old_notes()
    idempotency.forget_old()
    domain_export.forget_old()
    for pk in domain_export.idle():
        export_domain.delay(str(pk))
    export.expire(now=timezone.now())
    for _ in range(FOLLOWED):
        if not follow.follow_merges():
            break
    for _ in range(FOLLOWED):
        if not trust.follow_trust():
            break
    for run in bulk_load.idle():
        resolve_at_once.delay(run.pk)


# Not acks_late: it may take longer than the broker waits before it gives a task to another worker; upkeep finds it.
@shared_task(name="mdm.export_domain", soft_time_limit=1700, time_limit=1800, acks_late=False)
def export_domain(pk: str) -> None:
    """Make the file of all records of a domain that somebody asked for."""
    domain_export.make(pk)


# Not acks_late: a long one takes longer than the broker waits before it gives a task to another worker.
@shared_task(name="mdm.write_export", soft_time_limit=800, time_limit=840, acks_late=False)
def write_export(export_id: int) -> None:
    """Write the file of an export that somebody asked for."""
    export.run(export_id)


@shared_task(name="mdm.measure_quality")
def measure_quality() -> None:
    """The scorecard of the day."""
    scorecard.measure()


@shared_task(name="mdm.revise_rules")
def revise_rules(domain: str, values: dict[str, float], expected_version: int, user: int, reason: str) -> None:
    """Propose match rules changed by hand; looking at a large population takes minutes."""
    actor = User.objects.get(pk=user)
    try:
        revise(domain=domain, values=values, expected_version=expected_version, actor=actor, reason=reason)
    except ConcordError as error:
        _failed(actor, f"match:{domain}", error)


@shared_task(name="mdm.believe")
def believe(domain: str, asked: trust.Asked, expected_version: int, user: int, reason: str) -> None:
    """Propose survivorship rules changed by hand."""
    actor = User.objects.get(pk=user)
    try:
        trust.believe(domain=domain, trust=asked, expected_version=expected_version, actor=actor, reason=reason)
    except ConcordError as error:
        _failed(actor, f"survivorship:{domain}", error)


@shared_task(name="mdm.train_rules")
def train_rules(domain: str, user: int, reason: str) -> None:
    """Propose match rules learned from labels."""
    actor = User.objects.get(pk=user)
    try:
        learning.train(domain=domain, actor=actor, reason=reason)
    except ConcordError as error:
        _failed(actor, f"match:{domain}", error)


def _failed(actor: User, rules: str, error: ConcordError) -> None:
    """Whoever asked has gone on; the rules' page tells them."""
    Change.begin(actor, "policy.failed", error.message).audit(after={"rules": rules})


# Not acks_late: it takes longer than the broker waits before it gives a task to another worker.
@shared_task(name="mdm.resolve_at_once", soft_time_limit=BULK + 240, time_limit=BULK + 300, acks_late=False)
def resolve_at_once(run_id: int) -> None:
    """Work on a bulk run. Several workers, on whatever machines, may be given the same one."""
    until = time.monotonic() + BULK
    run = bulk_load.work(BulkRun.objects.get(pk=run_id), beat=lambda run: time.monotonic() < until)
    if run.finished_at is None:
        resolve_at_once.delay(run_id)


# Not acks_late: counting words anew may take longer than the broker waits before it gives a task to another worker.
@shared_task(name="mdm.restandardise", soft_time_limit=1700, time_limit=1800, acks_late=False)
def read_new_words() -> None:
    """Go on reading new words into what is stored; mostly there are none."""
    restandardise.run(seconds=READING)
