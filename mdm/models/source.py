"""What systems said: one live source record per (code system, code), and the ingests that brought them."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from mdm.models.base import DomainName, listed
from mdm.models.code_system import CodeSystem
from mdm.models.golden import GoldenRecord


class Ingest(models.Model):
    """One delivery of records to Concord: a file, an API batch, a message. A repeat writes nothing but this row."""

    class State(models.TextChoices):
        LANDING = "landing", "Landing"
        RESOLVING = "resolving", "Resolving"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    code_system = models.ForeignKey(  # its index: ingest_of_system
        CodeSystem, on_delete=models.PROTECT, related_name="ingests", db_index=False
    )
    channel = models.CharField(max_length=20, help_text="file, api, hl7v2, fhir, x12, steward")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.LANDING)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    received = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    retired = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        # whether a system has sent something lately
        indexes = [models.Index(fields=["code_system", "started_at"], name="ingest_of_system")]

    def __str__(self) -> str:
        return f"ingest {self.pk}"


class SourceRecord(models.Model):
    """What one system says of one thing, as received and standardised, and the golden record it is linked to."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting to be resolved"
        LINKED = "linked", "Linked"
        REVIEW = "review", "In review"
        RETIRED = "retired", "Retired by its system"

    class LinkReason(models.TextChoices):
        NEW = "new", "New record"
        AUTO = "auto", "Matched automatically"
        STEWARD = "steward", "Decided by a steward"

    code_system = models.ForeignKey(  # its index: source_record_one_per_code
        CodeSystem, on_delete=models.PROTECT, related_name="records", db_index=False
    )
    code = models.CharField(max_length=120)
    domain = models.CharField(max_length=12, choices=DomainName.choices)
    uom = models.CharField(
        max_length=12, blank=True, help_text="The unit the system counts this code in, as the system writes it."
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    version = models.PositiveIntegerField(default=1)
    raw = models.JSONField(default=dict, help_text="The row or message part as received.")
    values = models.JSONField(default=dict, help_text="Canonical values.")
    written = models.JSONField(
        default=dict,
        db_default=models.Value({}, output_field=models.JSONField()),
        blank=True,
        help_text="Units as the system writes them, where that isn't the unit's code; see mdm.values.units_anew.",
    )
    echo = models.JSONField(
        default=list, blank=True, help_text="Attributes that only repeat what Concord delivered: no evidence."
    )
    invalid = models.JSONField(default=dict, blank=True, help_text="Identifiers kept although invalid: {path: why}.")
    standardised = models.JSONField(default=dict)
    dictionaries = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="What it was standardised with: versions of the engine's reading and of own words.",
    )
    content_hash = models.BinaryField(max_length=16)
    source_updated_at = models.DateTimeField(
        help_text="When the system says it changed; else when Concord first saw this content."
    )
    ingest = models.ForeignKey(Ingest, on_delete=models.PROTECT, related_name="records")
    row_number = models.PositiveIntegerField(default=0)
    first_seen_at = models.DateTimeField(auto_now_add=True)
    golden = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="sources")
    link_reason = models.CharField(max_length=8, blank=True, choices=LinkReason.choices)
    link_score = models.FloatField(null=True, blank=True, help_text="Bits of evidence of the link when it was made.")
    policy_version = models.PositiveIntegerField(null=True, blank=True)
    linked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["code_system", "code"], name="source_record_one_per_code"),
            listed("domain", DomainName.values, "source_record_domain_is_known"),
            models.CheckConstraint(
                condition=~models.Q(state="linked") | models.Q(golden__isnull=False),
                name="source_record_linked_has_a_golden_record",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="review") | models.Q(golden__isnull=True),
                name="source_record_in_review_has_no_golden_record",
            ),
        ]
        indexes = [
            # the sweep and the resolver take pending records oldest first
            models.Index(fields=["domain", "id"], name="source_record_pending", condition=models.Q(state="pending")),
            # a new reading goes through what is stored batch by batch; whether any is left is asked every minute
            models.Index(fields=["domain", "dictionaries", "id"], name="source_record_dictionaries"),
        ]

    def __str__(self) -> str:
        return f"source record {self.pk}"


class SourceRevision(models.Model):
    """What a source record said before it changed. Append-only."""

    source = models.ForeignKey(SourceRecord, on_delete=models.PROTECT, related_name="revisions")
    version = models.PositiveIntegerField()
    raw = models.JSONField()
    values = models.JSONField()
    ingest = models.ForeignKey(Ingest, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["source", "version"]
        constraints = [models.UniqueConstraint(fields=["source", "version"], name="source_revision_one_per_version")]

    def __str__(self) -> str:
        return f"version {self.version} of source record {self.source_id}"


class PendingReference(models.Model):
    """A reference whose code nobody has told Concord about yet. Mended when the code appears in the crosswalk."""

    golden = models.ForeignKey(GoldenRecord, on_delete=models.CASCADE, related_name="pending_references")
    path = models.CharField(max_length=80)
    code_system = models.ForeignKey(CodeSystem, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["golden", "path", "code_system", "code"], name="pending_reference_once"),
        ]
        indexes = [models.Index(fields=["code_system", "code"], name="pending_reference_by_code")]

    def __str__(self) -> str:
        return f"{self.path} of golden record {self.golden_id}"
