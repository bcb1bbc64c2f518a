"""How golden records relate without being the same."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from mdm.models.golden import GoldenRecord


class Relation(models.Model):
    class Kind(models.TextChoices):
        SUBSTITUTE = "substitute", "Substitute for"
        PARENT = "parent", "Parent of"
        RELATED = "related", "Related to"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    subject = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, related_name="relations")
    object = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, related_name="related_from")
    valid_from = models.DateField(null=True, blank=True)
    valid_to = models.DateField(null=True, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject", "object", "valid_from"], nulls_distinct=False, name="relation_once"
            ),
            models.CheckConstraint(condition=~Q(subject=F("object")), name="relation_joins_two_records"),
        ]

    def __str__(self) -> str:
        return f"relation {self.pk}"
