"""Suppliers: who makes, sells and is paid."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from mdm.canonical import SUPPLIER
from mdm.models.golden import GoldenAttributes, GoldenRecord


class Supplier(GoldenAttributes):
    name = models.CharField(max_length=200, blank=True)
    dba_names = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    supplier_type = models.CharField(max_length=16, blank=True, choices=list(SUPPLIER.by_name["supplier_type"].choices))
    lifecycle = models.CharField(max_length=12, blank=True, choices=list(SUPPLIER.by_name["lifecycle"].choices))
    parent = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    duns = models.CharField(max_length=40, blank=True)
    ein = models.CharField(max_length=40, blank=True)
    lei = models.CharField(max_length=40, blank=True)
    gln = models.CharField(max_length=40, blank=True)
    npi = models.CharField(max_length=40, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    email = models.CharField(max_length=254, blank=True)
    website = models.CharField(max_length=200, blank=True)
    payment_terms = models.CharField(max_length=40, blank=True)

    history = HistoricalRecords(user_db_constraint=False, no_db_index=["parent"])

    class Meta:
        indexes = [  # a facet of the list
            models.Index(fields=["supplier_type"], name="supplier_supplier_type", condition=~Q(supplier_type="")),
        ]


class SupplierAddress(models.Model):
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="addresses")
    purpose = models.CharField(max_length=10, choices=list(SUPPLIER.by_name["addresses"].children[0].choices))
    line1 = models.CharField(max_length=120, blank=True)
    line2 = models.CharField(max_length=120, blank=True)
    city = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=20, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, blank=True)

    history = HistoricalRecords(user_db_constraint=False)

    class Meta:
        ordering = ["supplier", "purpose"]
        constraints = [models.UniqueConstraint(fields=["supplier", "purpose"], name="supplier_address_one_per_purpose")]

    def __str__(self) -> str:
        return f"{self.purpose} address of supplier {self.supplier_id}"
