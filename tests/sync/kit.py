"""Golden records made directly, with their events: the outbox is tested without recognising and survivorship."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from mdm.canonical import DOMAINS
from mdm.changes import Change
from mdm.models import ATTRIBUTES, ChangeEvent, CodeSystem, GoldenRecord, SourceSystem, User
from mdm.services.events import announce
from sync import outbox, targets
from sync.models import Lane, Target
from tests.sync.peers import PEERS, Peer

ALL = {"supplier": {}, "cost_center": {}, "location": {}, "item": {}}
Kind = ChangeEvent.Kind
Status = GoldenRecord.Status


def make_target(code: str = "erp", **values: Any) -> Target:
    system, _ = SourceSystem.objects.get_or_create(code=code, defaults={"name": code.upper(), "kind": "erp"})
    for domain in DOMAINS:
        CodeSystem.objects.get_or_create(system=system, domain=domain, defaults={"slug": f"{code}-{domain}"})
    settings = {"name": code.upper(), "adapter": "peer", "config": {"peer": code}, "subscriptions": ALL}
    return Target.objects.create(code=code, system=system, **(settings | values))


def peer_of(target: Target) -> Peer:
    return PEERS.setdefault(target.config["peer"], Peer())


def deliver(target: Target, **options: Any) -> outbox.Tally:
    return outbox.deliver(target, targets.adapter_of(target), **options)


def deliver_batch(target: Target) -> outbox.Tally:
    """One batch, as if the worker were told to stop after it."""
    return deliver(target, stop=iter((False, True, True)).__next__)


def lane(target: Target, golden: GoldenRecord) -> Lane:
    return Lane.objects.get(target=target, record=golden)


def make_due(target: Target) -> None:
    """As if time had passed: leases, backoffs and deadlines are over."""
    Lane.objects.filter(target=target, due_at__isnull=False).update(due_at=timezone.now())


@transaction.atomic
def create(domain: str = "supplier", name: str = "Acme", **attributes: Any) -> GoldenRecord:
    now = timezone.now()
    number = GoldenRecord.objects.filter(domain=domain).count() + 1
    golden = GoldenRecord.objects.create(
        public_id=f"MDM-{DOMAINS[domain].prefix}-{number:06d}",
        domain=domain,
        status=Status.LIVE,
        name=name,
        version=1,
        approved_version=1,
        created_at=now,
        updated_at=now,
    )
    title = {"description": name} if domain == "item" else {"name": name}
    ATTRIBUTES[domain].objects.create(golden=golden, **title, **attributes)
    announce(change(), [(golden, Kind.CREATED, ())])
    return golden


@transaction.atomic
def create_many(domain: str, count: int) -> list[GoldenRecord]:
    """Many at once, one announcement, as the resolver does."""
    now, prefix = timezone.now(), DOMAINS[domain].prefix
    rows = GoldenRecord.objects.bulk_create(
        GoldenRecord(
            public_id=f"MDM-{prefix}-{n:06d}",
            domain=domain,
            status=Status.LIVE,
            name=f"Record {n}",
            version=1,
            approved_version=1,
            created_at=now,
            updated_at=now,
        )
        for n in range(1, count + 1)
    )
    title = "description" if domain == "item" else "name"
    model = ATTRIBUTES[domain]
    model.objects.bulk_create(model(golden=row, **{title: row.name}) for row in rows)
    announce(change(), [(row, Kind.CREATED, ()) for row in rows])
    return rows


@transaction.atomic
def update(golden: GoldenRecord, kind: str = Kind.UPDATED, **attributes: Any) -> GoldenRecord:
    """A new version, with a lock, a history row and an event as every writer makes them."""
    golden = _next(golden.pk)
    if attributes:
        ATTRIBUTES[golden.domain].objects.filter(golden=golden).update(**attributes)
    golden.status = {Kind.RETIRED: Status.RETIRED, Kind.UNMERGED: Status.LIVE}.get(kind, golden.status)
    golden.merged_into = None
    golden.save()
    announce(change(), [(golden, kind, tuple(attributes))])
    return golden


@transaction.atomic
def merge(loser: GoldenRecord, survivor: GoldenRecord) -> None:
    loser, survivor = _next(loser.pk), _next(survivor.pk)
    loser.status, loser.merged_into = Status.MERGED, survivor
    loser.save()
    survivor.save()
    announce(change(), [(survivor, Kind.UPDATED, ()), (loser, Kind.MERGED, ())])


def _next(pk: int) -> GoldenRecord:
    golden = GoldenRecord.objects.select_for_update().get(pk=pk)
    golden.version += 1
    golden.approved_version = golden.version
    return golden


def change() -> Change:
    return Change.begin(User.objects.system(), "test", "test")


def make_user(*permissions: str) -> User:
    user = User.objects.create(username=f"user-{uuid.uuid4().hex[:8]}", is_superuser=False)
    from django.contrib.auth.models import Permission

    user.user_permissions.set(Permission.objects.filter(codename__in=[p.removeprefix("mdm.") for p in permissions]))
    return user


def versions(messages: Sequence[tuple[int, str]]) -> list[int]:
    return [version for version, _ in messages]
