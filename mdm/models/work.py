"""Work items: whatever a person has to look at, in a queue instead of a log."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from mdm.models.base import DomainName
from mdm.models.code_system import SourceSystem
from mdm.models.golden import GoldenRecord
from mdm.models.source import Ingest, SourceRecord


class WorkItem(models.Model):
    class Kind(models.TextChoices):
        POSSIBLE_MATCH = "possible_match", "Possible match"
        POSSIBLE_DUPLICATE = "possible_duplicate", "Possible duplicate"
        NEW_RECORD = "new_record", "New record"
        WEAK_LINK = "weak_link", "Link in doubt"
        INVALID_DATA = "invalid_data", "Invalid data"
        FEED_PROBLEM = "feed_problem", "Feed problem"
        CHANGE_REQUEST = "change_request", "Change to approve"
        FAILED_DELIVERY = "failed_delivery", "Failed delivery"
        LOCAL_EXCEPTION = "local_exception", "Local exception ended"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        SNOOZED = "snoozed", "Later"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "No longer needed"

    LIVE = ("open", "snoozed")

    class Priority(models.IntegerChoices):
        LOW = 1, "Low"
        NORMAL = 2, "Normal"
        HIGH = 3, "High"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    domain = models.CharField(max_length=12, choices=DomainName.choices, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    title = models.CharField(max_length=400)
    reason = models.CharField(max_length=500, blank=True, help_text="Why a person is asked.")
    # what it is about; `subject` keeps one live item per thing
    subject = models.CharField(
        max_length=120, help_text="Unique among live items of a kind, e.g. source:17 or golden:3/9."
    )
    source = models.ForeignKey(SourceRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="work_items")
    system = models.ForeignKey(
        SourceSystem,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="+",
        help_text="The source's system, by which queues are filtered. A trigger sets it.",
    )
    golden = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="work_items")
    other = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ingest = models.ForeignKey(Ingest, on_delete=models.PROTECT, null=True, blank=True, related_name="work_items")
    change_request = models.ForeignKey(
        "mdm.ChangeRequest", on_delete=models.PROTECT, null=True, blank=True, related_name="work_items"
    )
    score = models.FloatField(null=True, blank=True, help_text="Bits of evidence for the best candidate.")
    probability = models.FloatField(null=True, blank=True)
    candidates = models.JSONField(
        default=list, blank=True, help_text="Ranked: golden id, score, evidence, vetoes; as scored."
    )
    details = models.JSONField(default=dict, blank=True)
    policy_version = models.PositiveIntegerField(null=True, blank=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="work_items"
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(
        default=1, help_text="Checked on every decision, so that nobody decides what they haven't seen."
    )
    resolution = models.CharField(max_length=40, blank=True)
    resolution_reason = models.CharField(max_length=500, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-priority", "due_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(state__in=("open", "snoozed")),
                name="work_item_one_live_per_subject",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("open", "snoozed")) | Q(resolved_at__isnull=False),
                name="work_item_closed_says_when",
            ),
        ]
        indexes = [
            # the queues: live items by kind and domain, most urgent first; what waits is counted and aged off it, too
            models.Index(
                fields=["kind", "domain", "-priority", "due_at", "id"],
                include=["created_at"],
                name="work_item_queue",
                condition=Q(state="open"),
            ),
            # what comes back later, few among many: the queue counts it, upkeep wakes it
            models.Index(fields=["snoozed_until"], name="work_item_later", condition=Q(state="snoozed")),
            models.Index(fields=["assignee", "-priority", "due_at"], name="work_item_mine", condition=Q(state="open")),
            # the review queue of all domains, without sorting what is open
            models.Index(
                fields=["-priority", "due_at", "id"],
                name="work_item_reviews",
                condition=Q(state="open", kind__in=("possible_match", "possible_duplicate", "new_record", "weak_link")),
            ),
            # and that of one source system
            models.Index(
                fields=["system", "-priority", "due_at", "id"],
                name="work_item_of_system",
                condition=Q(state="open", kind__in=("possible_match", "possible_duplicate", "new_record", "weak_link")),
            ),
            models.Index(fields=["-resolved_at"], name="work_item_decided", condition=Q(resolved_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"work item {self.pk}"

    @property
    def is_live(self) -> bool:
        return self.state in self.LIVE


class Comment(models.Model):
    item = models.ForeignKey(WorkItem, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.CharField(max_length=2000)
    mentions = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="mentioned_in")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"comment {self.pk}"
