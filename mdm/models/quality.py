"""What is wrong with a golden record's data."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from mdm.models.golden import GoldenRecord


class QualityIssue(models.Model):
    golden = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, related_name="quality_issues")
    rule = models.CharField(
        max_length=40, help_text="E.g. invalid_identifier, unknown_reference, cycle, missing_value."
    )
    path = models.CharField(max_length=80)
    message = models.CharField(max_length=400)
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["golden", "rule", "path"],
                condition=Q(closed_at__isnull=True),
                name="quality_issue_one_open_per_rule",
            )
        ]

    def __str__(self) -> str:
        return f"quality issue {self.pk}"
