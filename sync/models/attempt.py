"""Attempts: every time something was sent, or could not be rendered, and what came back."""

from __future__ import annotations

from django.db import models

from sync.models.lane import Lane
from sync.models.target import Target


class Attempt(models.Model):
    """Append-only. A message that waited behind a broken connection was not attempted and has no row."""

    class Outcome(models.TextChoices):
        SENT = "sent", "Sent"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        REJECTED = "rejected", "Rejected"
        RETRY = "retry", "To be sent again"
        UNKNOWN = "unknown", "Outcome unknown"
        SKIPPED = "skipped", "Skipped by a steward"

    lane = models.ForeignKey(Lane, on_delete=models.CASCADE, related_name="history", db_index=False)  # see Meta
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.PositiveIntegerField()
    generation = models.PositiveIntegerField()
    kind = models.CharField(max_length=10)
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    peer_failed = models.BooleanField(default=False, help_text="The peer's or the wire's fault: the breaker counts it.")
    receipt = models.CharField(max_length=1000, blank=True)
    error = models.CharField(max_length=1000, blank=True)
    error_class = models.CharField(max_length=20, blank=True)
    payload_hash = models.BinaryField(
        max_length=16, help_text="Of the bytes sent; empty when nothing could be rendered."
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["lane", "-id"], name="attempt_by_lane"),
            # the breaker looks at the last minute, the UI at the newest
            models.Index(fields=["target", "-finished_at"], include=["peer_failed"], name="attempt_recent"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.pk}"
