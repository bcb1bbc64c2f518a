"""Celery tasks of the core: what falls due by itself. Nothing is lost when one doesn't run; the next does its work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import shared_task
from django.utils import timezone

from mdm.api import idempotency
from mdm.changes import Change
from mdm.exceptions import ConcordError
from mdm.freshness import forget_old_notes
from mdm.interrupts import fresh_connection
from mdm.models import BulkRun, User
from mdm.services import (
    bulk_load,
    change,
    domain_export,
    downtime,
    export,
    follow,
    gate,
    learning,
    restandardise,
    review,
    scorecard,
    substitution,
    trust,
)
from mdm.services.revise import revise

FOLLOWED = 10  # batches of references at a time
BULK = 600  # seconds of a task that works on a bulk run: beginning anew takes a minute
READING = 45.0  # seconds that new words are read into what is stored, at a time


@shared_task(name="mdm.upkeep")
def upkeep() -> None:
    """Wake snoozed items, end overrides and exports, ask for packs that are due, let records follow merges and rules,
    propose substitutes that were only noted, take up idle bulk runs.
    """
    review.wake(now=timezone.now())
    change.expire_overrides(now=timezone.now())
    forget_old_notes()
    idempotency.forget_old()
    domain_export.forget_old()
    for pk in domain_export.idle():
        export_domain.delay(str(pk))
    export.expire(now=timezone.now())
    for pk in export.idle():
        write_export.delay(pk)
    downtime.ask_for_due(now=timezone.now())
    downtime.tidy()
    for pk in downtime.idle():
        make_pack.delay(pk)
    for _ in range(FOLLOWED):
        if not follow.follow_merges():
            break
    for _ in range(FOLLOWED):
        if not trust.follow_trust():
            break
    for _ in range(FOLLOWED):
        if not gate.follow_gate():
            break
    substitution.propose_kept()
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
    export.make(export_id)


# Not acks_late: as above.
@shared_task(name="mdm.make_pack", soft_time_limit=1700, time_limit=1800, acks_late=False)
def make_pack(pk: int) -> None:
    """Make a downtime pack that is due or that somebody asked for."""
    downtime.make(pk)


# These four aren't acks_late: looking at a large population takes longer than the broker waits before it gives a task
# to another worker.
@shared_task(name="mdm.measure_quality", soft_time_limit=1700, time_limit=1800, acks_late=False)
def measure_quality() -> None:
    """The scorecard of the day."""
    scorecard.measure()


@shared_task(name="mdm.revise_rules", soft_time_limit=1700, time_limit=1800, acks_late=False)
def revise_rules(domain: str, values: dict[str, float], expected_version: int, user: int, reason: str) -> None:
    """Propose match rules changed by hand; looking at a large population takes minutes."""
    with _telling(user, f"match:{domain}") as actor:
        revise(domain=domain, values=values, expected_version=expected_version, actor=actor, reason=reason)


@shared_task(name="mdm.believe", soft_time_limit=1700, time_limit=1800, acks_late=False)
def believe(domain: str, asked: trust.Asked, expected_version: int, user: int, reason: str) -> None:
    """Propose survivorship rules changed by hand."""
    with _telling(user, f"survivorship:{domain}") as actor:
        trust.believe(domain=domain, trust=asked, expected_version=expected_version, actor=actor, reason=reason)


@shared_task(name="mdm.train_rules", soft_time_limit=1700, time_limit=1800, acks_late=False)
def train_rules(domain: str, user: int, reason: str) -> None:
    """Propose match rules learned from labels."""
    with _telling(user, f"match:{domain}") as actor:
        learning.train(domain=domain, actor=actor, reason=reason)


@contextmanager
def _telling(user: int, rules: str) -> Iterator[User]:
    """Whoever asked has gone on; if it fails, the rules' page tells them."""
    actor = User.objects.get(pk=user)
    try:
        yield actor
    except ConcordError as error:
        _failed(actor, rules, error.message)
    except Exception as error:
        fresh_connection()
        _failed(actor, rules, f"{type(error).__name__}. Try again; the log of the worker tells more.")
        raise


def _failed(actor: User, rules: str, why: str) -> None:
    Change.begin(actor, "policy.failed", why).audit(after={"rules": rules})


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
