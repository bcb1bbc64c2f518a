"""Cost centers, and the chart of accounts they are charged with."""

from __future__ import annotations

from django.db import models
from simple_history.models import HistoricalRecords

from mdm.canonical import COST_CENTER
from mdm.models.code_system import SourceSystem
from mdm.models.golden import GoldenAttributes, GoldenRecord


class CostCenter(GoldenAttributes):
    golden = models.OneToOneField(GoldenRecord, on_delete=models.PROTECT, primary_key=True, related_name="cost_center")
    code = models.CharField(max_length=40, blank=True)
    name = models.CharField(max_length=200, blank=True)
    legal_entity = models.CharField(max_length=120, blank=True)
    department = models.CharField(max_length=120, blank=True)
    gl_segment = models.CharField(max_length=40, blank=True)
    parent = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    lifecycle = models.CharField(max_length=12, blank=True, choices=list(COST_CENTER.by_name["lifecycle"].choices))
    manager_role = models.CharField(max_length=120, blank=True)
    location = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    effective_from = models.DateField(null=True, blank=True)
    effective_to = models.DateField(null=True, blank=True)

    history = HistoricalRecords(user_db_constraint=False, no_db_index=["parent", "location"])


class GLAccount(models.Model):
    """One account of a ledger's chart of accounts. Owned by the ledger's system, so it is kept, not matched."""

    class Type(models.TextChoices):
        ASSET = "asset", "Asset"
        LIABILITY = "liability", "Liability"
        EQUITY = "equity", "Equity"
        REVENUE = "revenue", "Revenue"
        EXPENSE = "expense", "Expense"

    system = models.ForeignKey(SourceSystem, on_delete=models.PROTECT, related_name="gl_accounts")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=200, blank=True)
    account_type = models.CharField(max_length=10, blank=True, choices=Type.choices)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    effective_from = models.DateField(null=True, blank=True)
    effective_to = models.DateField(null=True, blank=True)

    history = HistoricalRecords(user_db_constraint=False, no_db_index=["system", "parent"])

    class Meta:
        ordering = ["system", "code"]
        constraints = [models.UniqueConstraint(fields=["system", "code"], name="gl_account_one_per_system_and_code")]

    def __str__(self) -> str:
        return f"account {self.code} of {self.system_id}"
