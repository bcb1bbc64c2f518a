"""Webhooks: addresses that are told of changes, each at its own place in the change feed."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from mdm.models import CodeSystem
from sync import overlap, sealed
from sync.models.target import check_subscriptions


class Webhook(models.Model):
    """Everything up to ``position`` was accepted or isn't wanted. What comes next is sent in order, one at a time."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    sealed_secret = models.BinaryField(editable=False)
    topics = models.JSONField(
        default=dict, validators=[check_subscriptions], help_text="Domains, each limited to the values given."
    )
    kinds = models.JSONField(default=list, blank=True, help_text="Kinds of changes; empty: all.")
    codes_of = models.ForeignKey(
        CodeSystem, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="Tell of codes of this system that have none in the other one.",
    )  # fmt: skip
    codes_in = models.ForeignKey(CodeSystem, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    active = models.BooleanField(default=True)
    position = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0, help_text="Failed ones of the message that is due.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="Empty: now.")
    lease = models.UUIDField(null=True, blank=True, help_text="Of the worker that is at it.")
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(codes_of__isnull=True, codes_in__isnull=True)
                | Q(codes_of__isnull=False, codes_in__isnull=False),
                name="webhook_names_both_code_systems_or_none",
            )
        ]

    def __str__(self) -> str:
        return f"webhook {self.pk}"

    @property
    def _box(self) -> dict[str, str]:
        return sealed.open_box(bytes(self.sealed_secret))

    @property
    def old_secret_until(self) -> dt.datetime | None:
        """Until when the secret before the current one signs as well, or did."""
        try:
            return overlap.ends(self._box, "secret")
        except sealed.SealBroken:
            return None  # nothing is signed any more, until it gets a new one

    @property
    def secrets(self) -> list[bytes]:
        """Those that sign what is sent now: the current one first."""
        return [bytes.fromhex(secret) for secret in overlap.standing(self._box, "secret")]

    @property
    def is_turning(self) -> bool:
        """Whether the secret before the current one signs as well."""
        return (until := self.old_secret_until) is not None and timezone.now() < until

    def give_secret(self, value: bytes, *, now: dt.datetime, hours: int = 0) -> None:
        """Sign with this one; for so many hours with the one before as well."""
        before = self._box if hours else {}
        self.sealed_secret = sealed.close_box(overlap.turn(before, "secret", value.hex(), hours=hours, now=now))

    def wants(self, domain: str, attributes: Mapping[str, Any]) -> bool:
        wanted: Mapping[str, list[Any]] | None = self.topics.get(domain)
        return wanted is not None and all(attributes.get(name) in values for name, values in wanted.items())
