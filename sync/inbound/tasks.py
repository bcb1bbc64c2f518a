"""Celery tasks of what comes in: ids in, nothing out. Losing one costs the time until the next sweep.

What receives messages wakes workers by these tasks, so it is imported where they need it.
"""

from __future__ import annotations

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from sync.inbound import lease, runner, taking
from sync.models.feed import FeedRun
from sync.models.inbound import InboundMessage, InboundSource

SECONDS = 40.0  # of work per task, so that other tasks get their turn; a large file takes many
LIMIT = 900  # seconds, as the survey of a huge file comes on top; the sweep finds what a dead worker left


@shared_task(name="sync.import_feed", acks_late=False, soft_time_limit=LIMIT, time_limit=LIMIT + 60)
def import_feed(run_id: int) -> None:
    """Do a slice of a run; ask for the next one, or for the run that waited for this one."""
    run = runner.run(run_id, seconds=SECONDS)
    if run.is_active and not run.paused and run.lease_until is None and lease.predecessor(run) is None:
        import_feed.delay(run_id)
    elif not run.is_active:
        sweep_feeds.delay()


@shared_task(name="sync.sweep_feeds")
def sweep_feeds() -> None:
    """Take up runs that nobody works on: their worker died, or their wake-up was lost. The oldest of a system first."""
    idle = FeedRun.objects.filter(state__in=FeedRun.ACTIVE, paused=False).filter(
        Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now())
    )
    for run in idle.order_by("system_id", "domain", "pk").distinct("system_id", "domain"):
        import_feed.delay(run.pk)


@shared_task(name="sync.take_messages", acks_late=False, soft_time_limit=LIMIT, time_limit=LIMIT + 60)
def take_messages(source_id: int) -> None:
    """Take what waits of one inbound source; what fails, the sweep tries again."""
    source = InboundSource.objects.select_related("system").get(pk=source_id)
    if taking.take(source, seconds=SECONDS):
        take_messages.delay(source_id)


@shared_task(name="sync.sweep_messages")
def sweep_messages() -> None:
    """Find messages whose wake-up was lost, or whose worker died."""
    waiting = InboundMessage.objects.filter(state=InboundMessage.State.RECEIVED)
    for source_id in waiting.order_by("source_id").values_list("source_id", flat=True).distinct():
        take_messages.delay(source_id)


@shared_task(name="sync.fetch_due")
def fetch_due() -> None:
    """Have every source fetched from that it is time for."""
    from sync.inbound import fetching

    for source_id in fetching.due():
        fetch_from.delay(source_id)


@shared_task(name="sync.fetch_from", acks_late=False, soft_time_limit=LIMIT, time_limit=LIMIT + 60)
def fetch_from(source_id: int) -> None:
    """Pick up files, or pull what has changed."""
    from sync.inbound import fetching

    fetching.fetch(source_id)


@shared_task(name="sync.prune_messages")
def prune_messages() -> None:
    """Nightly: forget what has been kept long enough."""
    from sync.inbound import messages

    messages.prune()
    messages.prune_outcomes()
