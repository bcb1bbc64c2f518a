"""Rows for the API's tests, written straight to the tables: what the services make of feeds is tested with them."""

from __future__ import annotations

import datetime as dt
import uuid
from itertools import count
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from mdm.models import (
    ATTRIBUTES,
    ApiKey,
    CodeSystem,
    Crosswalk,
    GoldenRecord,
    Item,
    PackagingLevel,
    SourceSystem,
    User,
)

_numbers = count(1)


def user(username: str, *roles: str) -> User:
    made = User.objects.create_user(username, password="a long enough password")
    made.groups.set(Group.objects.filter(name__in=roles))
    return made


def browser(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


def machine(who: User, *scopes: str, **options: Any) -> Client:
    """A client that sends an API key of this user with every request."""
    _, token = ApiKey.objects.issue(user=who, name="test", scopes=list(scopes), **options)
    return Client(headers={"Authorization": f"Bearer {token}"})


def code_system(slug: str, domain: str = "item", **options: Any) -> CodeSystem:
    system, _ = SourceSystem.objects.get_or_create(code=slug.partition("-")[0], defaults={"name": slug, "kind": "erp"})
    return CodeSystem.objects.create(
        system=system, domain=domain, slug=slug, kind=options.pop("kind", slug[:20]), **options
    )


def golden(name: str, domain: str = "item", **options: Any) -> GoldenRecord:
    now = timezone.now()
    values = {"status": "live", "version": 1, "approved_version": 1, "created_at": now, "updated_at": now} | options
    record = GoldenRecord.objects.create(
        public_id=f"MDM-{domain[:2].upper()}-{next(_numbers):06}", domain=domain, name=name, **values
    )
    field = "description" if domain == "item" else "name"
    ATTRIBUTES[domain].objects.create(golden=record, **{field: name})
    return record


def coded(record: GoldenRecord, system: CodeSystem, code: str, **options: Any) -> Crosswalk:
    values = {"known_from": timezone.now() - dt.timedelta(days=1), "change_id": uuid.uuid4()} | options
    return Crosswalk.objects.create(
        golden=record, code_system=system, code=system.normalise(code), resolves=system.unique, **values
    )


def packed(record: GoldenRecord, base: str = "EA", **levels: int | None) -> None:
    """Its packaging ladder, from the lowest level up."""
    Item.objects.filter(golden=record).update(base_uom=base)
    for position, (uom, quantity) in enumerate(levels.items(), start=1):
        PackagingLevel.objects.create(item_id=record.pk, position=position, uom=uom, quantity=quantity)


def merged(loser: GoldenRecord, survivor: GoldenRecord) -> GoldenRecord:
    loser.status, loser.merged_into = "merged", survivor
    loser.save()
    return loser
