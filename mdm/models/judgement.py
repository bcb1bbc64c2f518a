"""What people decided about two source records. Outlives every re-match."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from mdm.models.source import SourceRecord


class Judgement(models.Model):
    """An ordered pair (``first`` < ``second``). Reopened, never deleted."""

    class Verdict(models.TextChoices):
        SAME = "same", "The same"
        DIFFERENT = "different", "Not the same"

    first = models.ForeignKey(SourceRecord, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(SourceRecord, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    policy_version = models.PositiveIntegerField(null=True, blank=True)
    score = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    reopened_at = models.DateTimeField(null=True, blank=True)
    reopened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="judgement_pair_is_ordered"),
            models.UniqueConstraint(
                fields=["first", "second"], condition=Q(reopened_at__isnull=True), name="judgement_one_live_per_pair"
            ),
        ]
        indexes = [
            models.Index(fields=["second", "first"], name="judgement_by_second", condition=Q(reopened_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"judgement {self.pk}"
