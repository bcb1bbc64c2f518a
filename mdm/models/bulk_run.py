"""Resolving a whole domain at once: a run, and its parts, which any number of workers share."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from mdm.models.base import DomainName, listed


class BulkRun(models.Model):
    """One run over what is pending in a domain. While it is not over, nothing else is resolved in that domain."""

    class Stage(models.TextChoices):
        PREPARING = "preparing", "Preparing"
        MATCHING = "matching", "Looking for what is alike"
        WRITING = "writing", "Writing"
        DONE = "done", "Done"
        ABANDONED = "abandoned", "Abandoned"

    domain = models.CharField(max_length=12, choices=DomainName.choices)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.PREPARING)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    last_source = models.BigIntegerField(help_text="Records that landed after this one are left for later.")
    started_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(auto_now_add=True, help_text="The last sign of life of who works on it.")
    finished_at = models.DateTimeField(null=True, blank=True)
    engine = models.JSONField(default=list, help_text="Ids of the rules, frequencies and words that it scores by.")
    records = models.PositiveIntegerField(default=0, help_text="That were pending when it began.")
    linked = models.PositiveIntegerField(default=0)
    reviewed = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-id"]
        constraints = [
            listed("domain", DomainName.values, "bulk_run_domain_is_known"),
            listed("stage", ("preparing", "matching", "writing", "done", "abandoned"), "bulk_run_stage_is_known"),
            models.CheckConstraint(
                condition=Q(stage__in=("done", "abandoned"), finished_at__isnull=False)
                | (~Q(stage__in=("done", "abandoned")) & Q(finished_at__isnull=True)),
                name="bulk_run_ends_when_it_is_over",
            ),
            models.UniqueConstraint(
                fields=["domain"], condition=Q(finished_at__isnull=True), name="bulk_run_one_at_a_time_per_domain"
            ),
        ]

    def __str__(self) -> str:
        return f"bulk run {self.pk}"


class BulkPart(models.Model):
    """A share of a run's work that one worker does in one transaction. Arrays travel as NumPy wrote them."""

    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="parts")
    stage = models.CharField(max_length=10, choices=BulkRun.Stage.choices)
    number = models.PositiveIntegerField()
    chain = models.PositiveIntegerField(
        null=True, blank=True, help_text="Parts of one chain are done one after the other, by number."
    )
    records = models.PositiveIntegerField()
    given = models.BinaryField(help_text="What to do.")
    found = models.BinaryField(default=b"", help_text="What came of it, for the next stage.")
    failures = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["run", "stage", "number"]
        constraints = [models.UniqueConstraint(fields=["run", "stage", "number"], name="bulk_part_numbers_are_unique")]
        indexes = [
            models.Index(fields=["run", "stage", "number"], name="bulk_part_to_do", condition=Q(done_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"part {self.number} of bulk run {self.run_id}"
