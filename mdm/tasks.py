"""Celery tasks of the core: what falls due by itself. Nothing is lost when one doesn't run; the next does its work."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from mdm.services import change, follow, review

FOLLOWED = 10  # batches of references at a time


@shared_task(name="mdm.upkeep")
def upkeep() -> None:
    """Wake snoozed items, end overrides whose time is over, and let references follow merges."""
    review.wake(now=timezone.now())
    change.expire_overrides(now=timezone.now())
    for _ in range(FOLLOWED):
        if not follow.follow_merges():
            break
