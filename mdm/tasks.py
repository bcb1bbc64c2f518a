"""Celery tasks of the core: what falls due by itself. Nothing is lost when one doesn't run; the next does its work."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from mdm.services import change, export, follow, review

FOLLOWED = 10  # batches of references at a time


@shared_task(name="mdm.upkeep")
def upkeep() -> None:
    """Wake snoozed items, end overrides and exports whose time is over, and let references follow merges."""
    review.wake(now=timezone.now())
    change.expire_overrides(now=timezone.now())
    export.expire(now=timezone.now())
    for _ in range(FOLLOWED):
        if not follow.follow_merges():
            break


# Not acks_late: a long one takes longer than the broker waits before it gives a task to another worker.
@shared_task(name="mdm.write_export", soft_time_limit=800, time_limit=840, acks_late=False)
def write_export(export_id: int) -> None:
    """Write the file of an export that somebody asked for."""
    export.run(export_id)
