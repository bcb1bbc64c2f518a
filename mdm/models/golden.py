"""The registry of golden records: identity, state and version. Attributes live in one table per domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Upper
from simple_history.models import HistoricalRecords

from mdm.models.base import DomainName, listed

if TYPE_CHECKING:
    from mdm.models import CostCenter, Item, Location, Supplier


class GoldenRecord(models.Model):
    """The one agreed version of a thing. A pure function of its linked source records, overrides and policy."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        LIVE = "live", "Live"
        RETIRED = "retired", "Retired"
        MERGED = "merged", "Merged"

    class Criticality(models.TextChoices):
        NORMAL = "normal", "Normal"
        HIGH = "high", "High"

    public_id = models.CharField(max_length=20)
    domain = models.CharField(max_length=12, choices=DomainName.choices)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.DRAFT)
    criticality = models.CharField(max_length=8, choices=Criticality.choices, default=Criticality.NORMAL)
    name = models.CharField(max_length=400, blank=True, help_text="What people call it; derived from the attributes.")
    version = models.PositiveIntegerField(default=0)
    approved_version = models.PositiveIntegerField(
        default=0, help_text="What targets, lookups and the change feed see."
    )
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="absorbed",
        help_text="Kept flat: always the final survivor.",
    )
    provenance = models.JSONField(
        default=dict, blank=True, help_text="Per attribute: winner, reason and losing values."
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    # goldenrecord_history_of_record, of migration 0021, is the history's index
    history = HistoricalRecords(user_db_constraint=False, no_db_index=["id", "public_id", "merged_into"])

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="golden_record_one_per_public_id"),
            listed("status", ("draft", "live", "retired", "merged"), "golden_record_status_is_known"),
            listed("domain", DomainName.values, "golden_record_domain_is_known"),
            models.CheckConstraint(
                condition=models.Q(status="merged", merged_into__isnull=False)
                | (~models.Q(status="merged") & models.Q(merged_into__isnull=True)),
                name="golden_record_merged_names_its_survivor",
            ),
            models.CheckConstraint(
                condition=models.Q(approved_version__lte=models.F("version")),
                name="golden_record_approved_is_not_ahead",
            ),
        ]
        indexes = [
            # lists page by (domain, status, name) and by newest change
            models.Index(fields=["domain", "status", "name", "id"], name="golden_record_list"),
            models.Index(fields=["domain", "-updated_at", "-id"], name="golden_record_recent"),
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="golden_record_name_trigram"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def attributes(self) -> Item | Supplier | Location | CostCenter:
        """The domain's own row."""
        row: Item | Supplier | Location | CostCenter = getattr(self, self.domain)
        return row

    @property
    def survivor(self) -> GoldenRecord:
        return self.merged_into or self

    @property
    def is_published(self) -> bool:
        return self.approved_version > 0


class GoldenAttributes(models.Model):
    """Base of the attribute tables: the primary key is the golden record itself."""

    golden = models.OneToOneField(GoldenRecord, on_delete=models.PROTECT, primary_key=True, related_name="%(class)s")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} of {self.golden_id}"
