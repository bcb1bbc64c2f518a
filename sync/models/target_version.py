"""Versions of a target's settings: what they were, who changed them and why."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from sync.models.target import Target


class TargetVersion(models.Model):
    """The settings as they were from then on, as `export_target` writes them. Of secrets only the names."""

    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["target", "number"], name="target_version_once")]

    def __str__(self) -> str:
        return f"version {self.number} of target {self.target_id}"
