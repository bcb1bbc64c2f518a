"""Celery tasks of the core: what falls due by itself. Nothing is lost when one doesn't run; the next does its work."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from mdm.changes import Change
from mdm.exceptions import ConcordError
from mdm.models import User
from mdm.services import change, follow, learning, review, scorecard
from mdm.services.revise import revise

FOLLOWED = 10  # batches of references at a time


@shared_task(name="mdm.upkeep")
def upkeep() -> None:
    """Wake snoozed items, end overrides whose time is over, and let references follow merges."""
    review.wake(now=timezone.now())
    change.expire_overrides(now=timezone.now())
    for _ in range(FOLLOWED):
        if not follow.follow_merges():
            break


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
        _failed(actor, domain, error)


@shared_task(name="mdm.train_rules")
def train_rules(domain: str, user: int, reason: str) -> None:
    """Propose match rules learned from labels."""
    actor = User.objects.get(pk=user)
    try:
        learning.train(domain=domain, actor=actor, reason=reason)
    except ConcordError as error:
        _failed(actor, domain, error)


def _failed(actor: User, domain: str, error: ConcordError) -> None:
    """Whoever asked has gone on; the rules' page tells them."""
    Change.begin(actor, "policy.failed", error.message).audit(after={"rules": f"match:{domain}"})
