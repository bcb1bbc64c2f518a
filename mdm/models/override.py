"""Values that people, not systems, brought: a steward's override, or a hold until a second person approves."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from mdm.models.golden import GoldenRecord


class Override(models.Model):
    """One more input to survivorship. Withdrawn, never deleted.

    A survivor also reads those of the ids merged into it."""

    class Kind(models.TextChoices):
        STEWARD = "steward", "Steward's value"
        HOLD = "hold", "Held until approved"

    golden = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, related_name="overrides")
    path = models.CharField(max_length=80, help_text="An attribute, or a child's, e.g. packaging[CA].quantity.")
    value = models.JSONField(null=True)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.STEWARD)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)
    until = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["golden", "path", "kind"],
                condition=Q(withdrawn_at__isnull=True),
                name="override_one_live_per_path_and_kind",
            )
        ]

    def __str__(self) -> str:
        return f"override {self.pk}"
