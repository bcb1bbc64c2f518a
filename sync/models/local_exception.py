"""Local exceptions: values that a target may hold otherwise than the golden record, for a while and for a reason."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from mdm.models import GoldenRecord
from sync.models.target import Target


class LocalException(models.Model):
    """While it lives, the target is sent its own value, and holding it is no drift. Ended, never deleted."""

    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="exceptions")
    record = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, related_name="local_exceptions")
    field = models.CharField(max_length=60, help_text="An attribute of the canonical model.")
    value = models.JSONField(null=True, help_text="As the target holds it, in the form that payloads have.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", help_text="Who is asked when it ends."
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["target", "record", "field"],
                condition=Q(ended_at__isnull=True),
                name="local_exception_one_live_per_field",
            ),
            models.CheckConstraint(condition=Q(until__gt=F("created_at")), name="local_exception_lasts"),
        ]
        indexes = [models.Index(fields=["until"], name="local_exception_due", condition=Q(ended_at__isnull=True))]

    def __str__(self) -> str:
        return f"local exception {self.pk}"
