"""Downtime packs: who gets them and how often, the packs, and the keys that sign them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from mdm.models.base import listed
from mdm.models.golden import GoldenRecord
from mdm.models.job import Job


class DowntimeKey(models.Model):
    """An Ed25519 key. The private half is sealed, and destroyed when the key is retired."""

    name = models.CharField(max_length=43, unique=True, help_text="Thumbprint of the public key (RFC 7638).")
    public = models.CharField(max_length=43, help_text="Base64url, as the x of a JSON Web Key (RFC 8037).")
    sealed = models.BinaryField(editable=False)
    made_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)
    distrusted = models.BooleanField(default=False, help_text="What it signed is not to be believed any more.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["retired_at"],
                condition=Q(retired_at__isnull=True),
                nulls_distinct=False,
                name="downtime_key_one_signs",
            ),
            models.CheckConstraint(
                condition=Q(retired_at__isnull=True, distrusted=False) | Q(retired_at__isnull=False, sealed=b""),
                name="downtime_key_retired_cannot_sign",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DowntimePlan(models.Model):
    """A site that gets a pack every so often."""

    site = models.ForeignKey(
        GoldenRecord,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The location; empty: the whole network.",
    )
    code_systems = models.JSONField(default=list, blank=True, help_text="Slugs of those that go into it; none: all.")
    every_hours = models.PositiveSmallIntegerField()
    valid_hours = models.PositiveSmallIntegerField()
    serial = models.PositiveIntegerField(default=0, help_text="Of its last pack.")
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["site"], nulls_distinct=False, name="downtime_plan_one_per_site"),
            models.CheckConstraint(
                condition=Q(every_hours__gte=1, valid_hours__gte=F("every_hours")),
                name="downtime_plan_the_next_comes_in_time",
            ),
        ]

    def __str__(self) -> str:
        return f"downtime plan {self.pk}"


class DowntimePack(Job):
    plan = models.ForeignKey(DowntimePlan, on_delete=models.PROTECT, related_name="packs")
    serial = models.PositiveIntegerField()
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    key = models.ForeignKey(DowntimeKey, on_delete=models.PROTECT, null=True, blank=True, related_name="packs")
    made_at = models.DateTimeField(null=True, blank=True, help_text="As of when everything in it is.")
    expires_at = models.DateTimeField(null=True, blank=True)
    position = models.BigIntegerField(default=0, help_text="Of the change feed.")
    records = models.PositiveIntegerField(default=0)
    codes = models.PositiveIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            listed("state", Job.State.values, "downtime_pack_state_is_known"),
            models.UniqueConstraint(fields=["plan", "serial"], name="downtime_pack_one_per_serial"),
            models.UniqueConstraint(
                fields=["plan"], condition=Q(state__in=["waiting", "running"]), name="downtime_pack_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(key__isnull=False, made_at__isnull=False, expires_at__isnull=False),
                name="downtime_pack_done_is_signed",
            ),
        ]

    def __str__(self) -> str:
        return f"downtime pack {self.pk}"
