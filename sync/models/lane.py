"""Lanes: one per target and golden record. Versions travel in order; no lane waits for the failure of another."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from mdm.models import GoldenRecord
from mdm.models.base import listed
from sync.models.target import Target


class LaneState(models.TextChoices):
    OPEN = "open", "Open"
    SENT = "sent", "Awaiting acknowledgement"
    HELD = "held", "Held"
    DEAD = "dead", "Failed"


class Lane(models.Model):
    """How far a target is with a record.

    ``head`` is what it should have, ``acked`` what it has; a raised ``generation`` asks for the same version once more.
    ``due_at`` is lease, backoff and deadline in one: whoever finds it past may claim the lane, so the lane of a crashed
    worker comes due by itself. Every claim raises ``fence``; a worker that comes back late finds that it doesn't fit.
    """

    State = LaneState

    target = models.ForeignKey(
        Target,
        on_delete=models.PROTECT,
        related_name="lanes",
        db_index=False,  # the constraint's index has it
    )
    record = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, related_name="lanes")
    head = models.PositiveIntegerField()
    acked = models.PositiveIntegerField(
        db_default=0,
        help_text="0: the target has not been told yet. What is none of its business is acknowledged unsent.",
    )
    generation = models.PositiveIntegerField(db_default=1)
    acked_generation = models.PositiveIntegerField(db_default=0)
    urgent = models.BooleanField(db_default=False, help_text="Its record is of high criticality.")
    active = models.BooleanField(db_default=False, help_text="The target may hold the record as a live one.")
    due_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(db_default=0, help_text="Since the last success.")
    fence = models.BigIntegerField(db_default=0)
    state = models.CharField(max_length=4, choices=LaneState.choices, db_default=LaneState.OPEN)
    waits_for = models.ForeignKey(
        GoldenRecord,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,  # golden records are never deleted; checking it would take their locks after the lane's
        db_index=False,  # looked for among the held lanes of a target only
        help_text="Held until the target has it…",
    )
    waits_version = models.PositiveIntegerField(db_default=1, help_text="…in this version at least.")
    error = models.CharField(
        max_length=1000, blank=True, db_default="", help_text="Of the last attempt, or why it is held."
    )
    error_class = models.CharField(max_length=20, blank=True, db_default="")
    changed_at = models.DateTimeField(db_default=Now(), help_text="When an attempt or a steward last changed it.")

    class Meta:
        ordering = ["id"]
        constraints = [
            listed("state", LaneState.values, "lane_state_is_known"),
            models.UniqueConstraint(fields=["target", "record"], name="lane_one_per_target_and_record"),
            models.CheckConstraint(condition=Q(acked__lte=F("head")), name="lane_acked_is_not_ahead"),
            models.CheckConstraint(
                condition=Q(acked_generation__lte=F("generation")), name="lane_generation_is_not_ahead"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("held", "dead")) | Q(due_at__isnull=True), name="lane_held_or_dead_is_not_due"
            ),
            models.CheckConstraint(
                condition=~Q(state="held") | Q(waits_for__isnull=False), name="lane_held_says_for_what"
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(due_at__isnull=False), name="lane_sent_has_a_deadline"
            ),
        ]
        indexes = [
            models.Index(fields=["target", "due_at"], name="lane_due", condition=Q(due_at__isnull=False)),
            models.Index(
                fields=["target", "due_at"], name="lane_urgent", condition=Q(due_at__isnull=False, urgent=True)
            ),
            models.Index(fields=["target", "waits_for"], name="lane_held", condition=Q(state="held")),
            models.Index(fields=["target"], name="lane_sent", condition=Q(state="sent")),
            models.Index(fields=["target", "error_class"], name="lane_dead", condition=Q(state="dead")),
        ]

    def __str__(self) -> str:
        return f"lane {self.pk}"

    @property
    def in_step(self) -> bool:
        """The target has what it should have."""
        return self.acked == self.head and self.acked_generation == self.generation
