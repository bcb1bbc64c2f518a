"""Celery tasks of the core: what falls due by itself. Nothing is lost when one doesn't run; the next does its work."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from mdm.services import change, follow, restandardise, review

FOLLOWED = 10  # batches of references at a time
READING = 45.0  # seconds that new words are read into what is stored, at a time


@shared_task(name="mdm.upkeep")
def upkeep() -> None:
    """Wake snoozed items, end overrides whose time is over, and let references follow merges."""
    review.wake(now=timezone.now())
    change.expire_overrides(now=timezone.now())
    for _ in range(FOLLOWED):
        if not follow.follow_merges():
            break


# Not acks_late: counting words anew may take longer than the broker waits before it gives a task to another worker.
@shared_task(name="mdm.restandardise", soft_time_limit=1700, time_limit=1800, acks_late=False)
def read_new_words() -> None:
    """Go on reading new words into what is stored; mostly there are none."""
    restandardise.run(seconds=READING)
