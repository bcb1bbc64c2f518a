"""Celery tasks of synchronisation: ids in, nothing out, no order and no truth in them."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from mdm.models import DomainName, User
from mdm.services import events, resolve
from sync import alerting, objectives, outbox, pins, pruning, receivers, reconcile, services, targets, wakeups, webhooks
from sync.adapters.base import AdapterError
from sync.alone import alone
from sync.models import Target
from sync.sealed import SealBroken

log = structlog.get_logger(__name__)

SECONDS = 30.0  # that one task delivers to one target, so that a busy target doesn't keep the others waiting
RESOLVE_BATCH, RESOLVE_BATCHES = 500, 10


@shared_task(name="sync.deliver")
def deliver(target_id: int) -> None:
    """Deliver what is due to a target."""
    wakeups.heard(target_id)
    target = Target.objects.select_related("system").filter(pk=target_id, active=True, paused=False).first()
    if target is None:
        return
    try:
        adapter = targets.adapter_of(target)
    except (AdapterError, SealBroken) as error:
        log.error("target not usable", target=target.code, error=str(error))
        return
    with alone(target) as mine:
        if not mine:
            return  # whoever is at it looks once more when done
        outbox.collect(target, adapter)
        outbox.deliver(target, adapter, seconds=SECONDS)
    if outbox.claimable(target):
        wakeups.wake(target_id)  # time was up, or something came while we were finishing


@shared_task(name="sync.backfill", soft_time_limit=1700, time_limit=1800, acks_late=False)
def backfill(target_id: int) -> None:
    """The lanes of a new target, and of one whose filter changed, where they are many."""
    target = Target.objects.filter(pk=target_id).first()
    if target is not None and receivers.backfill(target) + receivers.readdress(target):
        wakeups.wake(target_id)


@shared_task(name="sync.tick")
def tick() -> None:
    """The beat: whatever wake-up was lost, its target is found here."""
    for target_id in outbox.due_targets():
        wakeups.wake(target_id)


@shared_task(name="sync.watch")
def watch() -> None:
    """What falls due at targets by itself: local exceptions that end, objectives that are missed, alerts to be told.

    A step that fails is logged and keeps none of the others from being done.
    """
    for step in (lambda: pins.expire(now=timezone.now()), objectives.watch, alerting.tell_due):
        try:
            step()
        except Exception:
            log.exception("watch failed in part")


@shared_task(name="sync.sequence")
def sequence() -> None:
    """Give the newest change events their place in the change feed."""
    events.sequence()


@shared_task(name="sync.webhooks")
def tell_webhooks() -> None:
    """Tell webhooks what has changed."""
    webhooks.deliver_due()


@shared_task(name="sync.resolve_pending")
def resolve_pending() -> None:
    """Source records that landed and were not resolved, because their worker died or a batch failed."""
    actor = User.objects.system()
    for domain in DomainName.values:
        for _ in range(RESOLVE_BATCHES):
            counts = resolve.resolve_pending(domain=domain, actor=actor, limit=RESOLVE_BATCH)
            if not counts.left:
                break


@shared_task(name="sync.check_lanes")
def check_lanes() -> None:
    """What must always hold of lanes; says in the log what doesn't, and makes lanes that are missing."""
    for finding in reconcile.check_lanes():
        log.error("lanes out of order", **finding)


@shared_task(name="sync.reconcile")
def reconcile_all() -> None:
    """Nightly: read every target back and compare."""
    for target_id in Target.objects.filter(active=True, paused=False).values_list("pk", flat=True):
        compare.delay(target_id, User.objects.system().pk)


# Not acks_late: what takes a target's whole holdings in hand takes longer than the broker waits before it gives a task
# to another worker. Lost with its worker, the next night is soon enough.
@shared_task(name="sync.compare", soft_time_limit=1700, time_limit=1800, acks_late=False)
def compare(target_id: int, actor_id: int) -> None:
    """Read one target back and compare it, nightly or because somebody asked."""
    target = Target.objects.select_related("system").filter(pk=target_id, active=True, paused=False).first()
    if target is not None:
        reconcile.compare(target, actor=User.objects.get(pk=actor_id))


@shared_task(name="sync.full_sync")
def full_sync() -> None:
    """Nightly: send every live record again, but for those whose drift somebody is to answer."""
    for target_id in Target.objects.filter(active=True, full_sync=True).values_list("pk", flat=True):
        nightly_sync.delay(target_id)


@shared_task(name="sync.prune_deliveries", soft_time_limit=1700, time_limit=1800, acks_late=False)
def prune_deliveries() -> None:
    """Nightly: forget what has been kept long enough."""
    pruning.prune_attempts()
    pruning.prune_comparisons()


@shared_task(name="sync.nightly_sync", soft_time_limit=1700, time_limit=1800, acks_late=False)
def nightly_sync(target_id: int) -> None:
    """Send every live record of one target again."""
    target = Target.objects.filter(pk=target_id, active=True).first()
    if target is not None:
        services.nightly_sync(target=target, actor=User.objects.system())
