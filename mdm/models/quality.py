"""What is wrong with a golden record's data."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from mdm.models.base import DomainName, listed
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
        # how many were open on which of the last days
        indexes = [
            models.Index(fields=["opened_at"], name="quality_issue_opened"),
            models.Index(fields=["closed_at"], name="quality_issue_closed", condition=Q(closed_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"quality issue {self.pk}"


class QualityMeasure(models.Model):
    """How many live records of a domain keep a rule on a day: what scorecards and their trends are drawn from."""

    domain = models.CharField(max_length=12, choices=DomainName.choices)
    rule = models.CharField(max_length=60, help_text="Of mdm.services.scorecard.")
    day = models.DateField()
    passing = models.PositiveIntegerField()
    total = models.PositiveIntegerField(help_text="Records that the rule applies to.")

    class Meta:
        ordering = ["domain", "rule", "day"]
        constraints = [
            listed("domain", DomainName.values, "quality_measure_domain_is_known"),
            models.UniqueConstraint(fields=["domain", "rule", "day"], name="quality_measure_once_a_day"),
            models.CheckConstraint(condition=Q(passing__lte=models.F("total")), name="quality_measure_part_of_all"),
        ]

    def __str__(self) -> str:
        return f"measure {self.pk} of {self.domain}"
