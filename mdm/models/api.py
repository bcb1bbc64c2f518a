"""What the API keeps for itself: answers to repeated requests, exports, and which transactions touched lookups."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from mdm.models.base import DomainName, listed
from mdm.models.job import Job


class StoredAnswer(models.Model):
    """The answer to a request that carried an Idempotency-Key, given again to whoever repeats it within a day.

    The body is sealed (``mdm.sealing``), as it may tell a secret.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=128)
    request_hash = models.BinaryField(max_length=32, help_text="Of method, address and body.")
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=bytes)
    began_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="stored_answer_one_per_key")]
        indexes = [models.Index(fields=["began_at"], name="stored_answer_by_age")]

    def __str__(self) -> str:
        return f"stored answer {self.pk}"


class DomainExport(Job):
    """All published records of a domain as a file, made by a worker."""

    class Format(models.TextChoices):
        NDJSON = "ndjson", "NDJSON"
        PARQUET = "parquet", "Parquet"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    domain = models.CharField(max_length=12, choices=DomainName.choices)
    format = models.CharField(max_length=8, choices=Format.choices)
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    position = models.BigIntegerField(default=0, help_text="Of the change feed: follow it from here to keep up.")
    records = models.PositiveIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-requested_at"]
        constraints = [
            listed("domain", DomainName.values, "domain_export_domain_is_known"),
            models.CheckConstraint(
                condition=~Q(state__in=["done", "failed"]) | Q(finished_at__isnull=False),
                name="domain_export_finished_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"export {self.pk}"


class Touched(models.Model):
    """A transaction that changed something lookups answer from. Triggers write it; ``mdm.freshness`` reads it."""

    xid = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="touched_by_age")]

    def __str__(self) -> str:
        return f"transaction {self.xid}"
