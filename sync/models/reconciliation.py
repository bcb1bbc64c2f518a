"""Reconciliations: a target read back and compared with what it acknowledged."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from mdm.models import GoldenRecord
from sync.models.target import Target


class Reconciliation(models.Model):
    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="reconciliations")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    compared = models.PositiveIntegerField(default=0)
    equal = models.PositiveIntegerField(default=0)
    in_flight = models.PositiveIntegerField(default=0, help_text="Not compared: a delivery was under way.")
    drifted = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=1000, blank=True, help_text="Why it could not be finished.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"reconciliation {self.pk}"


class Drift(models.Model):
    """One record that the target holds otherwise than it acknowledged."""

    class Kind(models.TextChoices):
        MISSING = "missing", "The target lacks it"
        VERSION = "version", "The target holds another version"
        VALUES = "values", "The target holds other values"
        STATUS = "status", "Live in one, not in the other"
        UNEXPECTED = "unexpected", "The target holds what it was never sent"

    reconciliation = models.ForeignKey(Reconciliation, on_delete=models.CASCADE, related_name="drifts")
    record = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="drifts")
    public_id = models.CharField(max_length=40, help_text="As the target names it.")
    domain = models.CharField(max_length=12)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    fields = models.JSONField(default=dict, help_text="{field: [ours, theirs]}")
    answers = models.JSONField(default=dict, blank=True, help_text="{field: pushed, proposed or pinned}")
    resolution = models.CharField(max_length=20, blank=True, help_text="Once nothing of it is open: the last answer.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["reconciliation", "domain", "public_id"], name="drift_once_per_record")
        ]

    def __str__(self) -> str:
        return f"drift {self.pk}"

    @property
    def open_fields(self) -> tuple[str, ...]:
        """Those that nobody has answered yet."""
        return () if self.resolution else tuple(name for name in self.fields if name not in self.answers)
