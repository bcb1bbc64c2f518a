"""Change events: the public feed of what changed, and what each system was last told."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from mdm.models.code_system import SourceSystem
from mdm.models.golden import GoldenRecord


class ChangeEvent(models.Model):
    """Append-only. ``position`` is given by the sequencer once all earlier transactions have ended; cursors use it."""

    class Kind(models.TextChoices):
        CREATED = "created", "Created"
        UPDATED = "updated", "Updated"
        PUBLISHED = "published", "Published"
        RETIRED = "retired", "Retired"
        MERGED = "merged", "Merged"
        UNMERGED = "unmerged", "Unmerged"

    record = models.ForeignKey(
        GoldenRecord,
        on_delete=models.PROTECT,
        related_name="events",
        db_constraint=False,  # golden records are never deleted, and events are written by the million
        db_index=False,  # change_event_one_per_version is one
    )
    version = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    published = models.BooleanField(help_text="The record is visible to targets at this version.")
    changed = models.JSONField(default=list, help_text="Names of the attributes that changed.")
    change_id = models.UUIDField()
    others = models.JSONField(
        default=list, blank=True, help_text="Public ids of the other records of a merge, unmerge or split."
    )
    folded = models.BooleanField(default=False, help_text="Told by another event of its change, which names it.")
    xid = models.BigIntegerField(help_text="The writing transaction, for the sequencer only.")
    position = models.BigIntegerField(null=True, blank=True, unique=True)
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["record", "version"], name="change_event_one_per_version")]
        indexes = [
            models.Index(fields=["xid"], name="change_event_unsequenced", condition=Q(position__isnull=True)),
            # what was merged with or split off from a record; few events name others
            GinIndex(fields=["others"], name="change_event_others", condition=~Q(others=[])),
        ]

    def __str__(self) -> str:
        return f"event {self.pk}"


class Delivered(models.Model):
    """What a system was last told about a record: its feed repeating that is echo, not evidence."""

    system = models.ForeignKey(SourceSystem, on_delete=models.PROTECT, related_name="+")
    golden = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, related_name="delivered")
    version = models.PositiveIntegerField()
    values = models.JSONField(default=dict, help_text="The attributes as delivered.")
    delivered_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["system", "golden"], name="delivered_one_per_system_and_record")]

    def __str__(self) -> str:
        return f"delivered {self.pk}"
