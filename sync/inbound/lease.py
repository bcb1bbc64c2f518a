"""Whose hands a run is in. One worker a run, one run a code system; a worker that was killed is replaced.

Taking a run raises its fence and gives a lease. Every write of progress names the fence, in the transaction of what it
reports, and renews the lease: a worker that was thought dead and isn't can write nothing more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from mdm.exceptions import NotFound
from mdm.locks import lock_name
from sync.inbound.errors import Cancelled, LeaseLost
from sync.models.feed import FeedRun

LEASE = timedelta(seconds=120)  # more than a batch of 1,000 rows or 500 records takes on a slow machine
MOST_STALLS = 5


@transaction.atomic
def claim(run_id: int) -> FeedRun | None:
    """Take the run, or None: it is over, somebody works on it, or an earlier run of its code system comes first."""
    run = FeedRun.objects.select_related("system", "actor", "feed", "ingest").filter(pk=run_id).first()
    if run is None:
        raise NotFound(f"There is no feed run {run_id}.")
    lock_name("feed", f"{run.system_id}:{run.domain}")
    run.refresh_from_db()
    if not run.is_active or run.paused or (run.lease_until and run.lease_until > timezone.now()):
        return None
    if before := predecessor(run):
        FeedRun.objects.filter(pk=run.pk).update(message=f"Waits for run {before.pk} of the same system.")
        return None
    FeedRun.objects.filter(pk=run.pk).update(
        fence=F("fence") + 1, stalls=F("stalls") + 1, lease_until=timezone.now() + LEASE, message=""
    )
    run.refresh_from_db()
    return run


def predecessor(run: FeedRun) -> FeedRun | None:
    """The oldest earlier run of the same code system that isn't over: files are taken in the order they came in."""
    return (
        FeedRun.objects.filter(system=run.system_id, domain=run.domain, state__in=FeedRun.ACTIVE, pk__lt=run.pk)
        .order_by("pk")
        .first()
    )


def write(run: FeedRun, **values: Any) -> None:
    """Store progress and renew the lease, if this worker still holds it.

    Raises:
        LeaseLost: another worker has taken the run over; roll back and leave it alone.
    """
    values.setdefault("lease_until", timezone.now() + LEASE)
    if not FeedRun.objects.filter(pk=run.pk, fence=run.fence).update(**values):
        raise LeaseLost
    for name, value in values.items():
        setattr(run, name, value)


def stop_if_cancelled(run: FeedRun) -> None:
    if FeedRun.objects.filter(pk=run.pk, cancel_requested=True).exists():
        raise Cancelled


def is_paused(run: FeedRun) -> bool:
    return FeedRun.objects.filter(pk=run.pk, paused=True).exists()


def release(run: FeedRun) -> None:
    """Give the run back, to go on with it later: this one was no stall."""
    FeedRun.objects.filter(pk=run.pk, fence=run.fence).update(lease_until=None, stalls=0)
