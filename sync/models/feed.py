"""Feeds: files that systems send again and again, each run of one, and the rows that could not be taken."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from mdm.models import CodeSystem, DomainName, Ingest, SourceSystem
from mdm.models.base import listed

GL_ACCOUNT = "gl_account"


class FeedDomain(models.TextChoices):
    SUPPLIER = DomainName.SUPPLIER.value, "Supplier"
    COST_CENTER = DomainName.COST_CENTER.value, "Cost center"
    LOCATION = DomainName.LOCATION.value, "Location"
    ITEM = DomainName.ITEM.value, "Item"
    GL_ACCOUNT = GL_ACCOUNT, "GL account"


class DateOrder(models.TextChoices):
    DETECT = "", "As the file's own dates show"
    MONTH_FIRST = "mdy", "Month first (11/22/2026)"
    DAY_FIRST = "dmy", "Day first (22/11/2026)"


class MissingRows(models.TextChoices):
    IGNORE = "ignore", "Leave records that the file lacks"
    RETIRE = "retire", "Retire records that the file lacks"


class FeedOptions(models.Model):
    """What a file brings and how to read it. A run keeps its own copy, so that it can be told later how it was read."""

    system = models.ForeignKey(SourceSystem, on_delete=models.PROTECT, related_name="+")
    domain = models.CharField(max_length=12, choices=FeedDomain.choices)
    mapping = models.JSONField(default=dict, blank=True, help_text="Column heading to path, or to a list of paths.")
    constants = models.JSONField(default=dict, blank=True, help_text="Path to the value that every row has.")
    sheet = models.CharField(max_length=80, blank=True, help_text="Of a workbook; empty: the first with rows.")
    date_order = models.CharField(max_length=3, blank=True, choices=DateOrder.choices, default=DateOrder.DETECT)
    missing = models.CharField(max_length=6, choices=MissingRows.choices, default=MissingRows.IGNORE)
    max_retire_share = models.FloatField(
        default=0.02, help_text="A file that would retire more than this retires nothing."
    )
    deduplicated = models.BooleanField(default=False, help_text="The system's codes are declared free of duplicates.")

    class Meta:
        abstract = True

    def code_system(self) -> CodeSystem | None:
        """The system's primary codes of the domain; None for GL accounts, whose codes are their own."""
        if self.domain == GL_ACCOUNT:
            return None
        return CodeSystem.objects.get(system=self.system_id, domain=self.domain, kind="primary")


class Feed(FeedOptions):
    """A saved column mapping and its options, to read the next file of the same kind with."""

    code = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["code"]
        constraints = [
            listed("domain", FeedDomain.values, "feed_domain_is_known"),
            listed("missing", MissingRows.values, "feed_missing_policy_is_known"),
            models.CheckConstraint(
                condition=Q(max_retire_share__gte=0, max_retire_share__lte=1), name="feed_retire_share_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FeedRun(FeedOptions):
    """One file on its way in. `landed_row` is where a run that was killed goes on; the lease says who works on it."""

    class State(models.TextChoices):
        DRAFT = "draft", "Not started"
        QUEUED = "queued", "Waiting"
        READING = "reading", "Reading"
        LANDING = "landing", "Landing rows"
        RESOLVING = "resolving", "Recognising"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    ACTIVE = ("queued", "reading", "landing", "resolving")

    feed = models.ForeignKey(Feed, on_delete=models.PROTECT, null=True, blank=True, related_name="runs")
    resubmits = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="resubmissions")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ingest = models.OneToOneField(Ingest, on_delete=models.PROTECT, null=True, blank=True, related_name="feed_run")
    file_name = models.CharField(max_length=255, help_text="As the sender called it; never a path of ours.")
    path = models.CharField(max_length=255, help_text="Of the kept raw file, below MEDIA_ROOT.")
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0, help_text="0 to 100.")
    message = models.TextField(blank=True, help_text="What went wrong or was held back, and what to do.")
    cut_off = models.BooleanField(default=False, help_text="The file ends in the middle.")
    # rows, as in the file
    rows = models.PositiveIntegerField(default=0)
    landed_row = models.PositiveIntegerField(default=0, help_text="Rows up to this one have been dealt with.")
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0, help_text="Rows equal to an earlier one of the same code.")
    quarantined = models.PositiveIntegerField(default=0)
    retired = models.PositiveIntegerField(default=0)
    # records, as resolved
    linked = models.PositiveIntegerField(default=0)
    reviewed = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    # whose hands it is in
    task_id = models.CharField(max_length=64, blank=True)
    fence = models.PositiveIntegerField(default=0, help_text="Raised by each worker that takes the run.")
    stalls = models.PositiveSmallIntegerField(default=0, help_text="Workers that took the run and got nowhere.")
    lease_until = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    paused = models.BooleanField(default=False, help_text="Nobody takes it until somebody lets it go on.")
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            listed("domain", FeedDomain.values, "feed_run_domain_is_known"),
            models.CheckConstraint(condition=Q(progress__lte=100), name="feed_run_progress_is_a_percentage"),
        ]
        indexes = [
            # the sweep of runs that nobody works on
            models.Index(
                fields=["lease_until"],
                name="feed_run_active",
                condition=Q(state__in=("queued", "reading", "landing", "resolving")),
            ),
        ]

    def __str__(self) -> str:
        return f"feed run {self.pk}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE


class QuarantinedRow(models.Model):
    """A row that could not be kept safely, as it came, and what to mend."""

    class State(models.TextChoices):
        OPEN = "open", "To mend"
        RESUBMITTED = "resubmitted", "Resubmitted"
        DISCARDED = "discarded", "Discarded"

    run = models.ForeignKey(FeedRun, on_delete=models.CASCADE, related_name="quarantine")
    row_number = models.PositiveIntegerField(help_text="In the file, counted from 1, headings included.")
    column = models.CharField(max_length=200, blank=True)
    value = models.CharField(max_length=200, blank=True, help_text="The beginning of it.")
    reason = models.TextField(help_text="What is wrong, and what to do.")
    raw = models.JSONField(help_text="Column heading to cell, as read.")
    state = models.CharField(max_length=11, choices=State.choices, default=State.OPEN)

    class Meta:
        ordering = ["run", "row_number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "row_number"], name="quarantined_row_once_per_run"),
        ]

    def __str__(self) -> str:
        return f"row {self.row_number} of feed run {self.run_id}"
