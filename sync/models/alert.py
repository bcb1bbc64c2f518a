"""Alerts: a target that misses its objectives, from when to when, and who has been told."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from mdm.models.base import listed
from sync.models.target import Target


class AlertKind(models.TextChoices):
    LAG = "lag", "Changes take too long"
    SUCCESS = "success", "Too many messages fail"
    UNREACHABLE = "unreachable", "Does not answer"


class Alert(models.Model):
    """Told twice on each way: when it begins, and when it is over."""

    Kind = AlertKind
    OPENED, ENDED = "opened", "ended"

    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=12, choices=AlertKind.choices)
    measured = models.FloatField(help_text="Seconds, or a share; the newest.")
    objective = models.FloatField()
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    mailed = models.CharField(max_length=6, blank=True, help_text="What was told last: opened or ended.")
    called = models.CharField(max_length=6, blank=True, help_text="The same, of the webhook.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="When it may next be told; null: all is told.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="In vain, since the last that was told.")
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            listed("kind", AlertKind.values, "alert_kind_is_known"),
            models.UniqueConstraint(
                fields=["target", "kind"], condition=Q(ended_at__isnull=True), name="alert_one_open_per_kind"
            ),
        ]
        indexes = [models.Index(fields=["due_at"], name="alert_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"alert {self.pk}"

    @property
    def state(self) -> str:
        return self.ENDED if self.ended_at else self.OPENED
