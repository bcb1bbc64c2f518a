"""How golden records relate without being the same."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from mdm.models.golden import GoldenRecord


class Relation(models.Model):
    class Kind(models.TextChoices):
        SUBSTITUTE = "substitute", "Substitute for"
        PARENT = "parent", "Parent of"
        RELATED = "related", "Related to"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    subject = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, related_name="relations")
    object = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, related_name="related_from")
    site = models.ForeignKey(
        GoldenRecord,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The location that it holds for; empty: everywhere.",
    )
    valid_from = models.DateField(null=True, blank=True)
    valid_to = models.DateField(null=True, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject", "object", "site", "valid_from"], nulls_distinct=False, name="relation_once"
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_to__isnull=True) | Q(valid_from__lte=F("valid_to")),
                name="relation_ends_no_sooner_than_it_begins",
            ),
            models.CheckConstraint(condition=~Q(subject=F("object")), name="relation_joins_two_records"),
        ]

    def __str__(self) -> str:
        return f"relation {self.pk}"

    @property
    def state(self) -> str:
        """later, now or ended; the last day is exclusive."""
        today = timezone.localdate()
        if self.valid_to is not None and self.valid_to <= today:
            return "ended"
        return "later" if self.valid_from is not None and self.valid_from > today else "now"
