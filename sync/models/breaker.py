"""Circuit breakers: one per target, in the database, so that all workers see the same."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from sync.models.target import Target


class Breaker(models.Model):
    class State(models.TextChoices):
        CLOSED = "closed", "Answers"
        OPEN = "open", "Does not answer"
        HALF_OPEN = "half_open", "Being tried"

    target = models.OneToOneField(Target, on_delete=models.CASCADE, primary_key=True, related_name="breaker")
    state = models.CharField(max_length=9, choices=State.choices, default=State.CLOSED)
    failures = models.PositiveIntegerField(default=0, help_text="Of the peer or the wire, in a row.")
    trips = models.PositiveSmallIntegerField(default=0, help_text="In a row; each doubles the wait.")
    retry_at = models.DateTimeField(
        null=True, blank=True, help_text="When one lane may try; while it tries, when another may."
    )
    changed_at = models.DateTimeField(help_text="Since when it has been in this state.")
    reason = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="closed") | Q(retry_at__isnull=False), name="breaker_open_says_until_when"
            )
        ]

    def __str__(self) -> str:
        return f"breaker of target {self.target_id}"
