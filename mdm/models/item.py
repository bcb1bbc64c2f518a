"""Items: what is bought, stocked, used and charged."""

from __future__ import annotations

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from simple_history.models import HistoricalRecords

from mdm.canonical import ITEM
from mdm.models.golden import GoldenAttributes, GoldenRecord


def choices(name: str) -> list[tuple[str, str]]:
    return list(ITEM.by_name[name].choices)


class Item(GoldenAttributes):
    description = models.CharField(max_length=2000, blank=True)
    long_description = models.TextField(max_length=8000, blank=True)
    manufacturer = models.CharField(max_length=200, blank=True)
    catalogue_number = models.CharField(max_length=80, blank=True)
    brand = models.CharField(max_length=200, blank=True)
    gtin = models.CharField(max_length=40, blank=True)
    udi_di = models.CharField(max_length=40, blank=True)
    lifecycle = models.CharField(max_length=12, blank=True, choices=choices("lifecycle"))
    size = models.CharField(max_length=1000, blank=True)
    size_attributes = models.JSONField(
        default=list, blank=True, help_text='Parsed from size and description: [{"value": "16", "unit": "Fr"}].'
    )
    latex = models.CharField(max_length=8, blank=True, choices=choices("latex"))
    implant = models.BooleanField(null=True)
    sterile = models.BooleanField(null=True)
    single_use = models.BooleanField(null=True)
    mri_safety = models.CharField(max_length=12, blank=True, choices=choices("mri_safety"))
    lot_tracked = models.BooleanField(null=True)
    serial_tracked = models.BooleanField(null=True)
    expiry_tracked = models.BooleanField(null=True)
    chargeable = models.BooleanField(null=True)
    unspsc = models.CharField(max_length=8, blank=True)
    hcpcs = models.CharField(max_length=5, blank=True)
    gmdn_term = models.CharField(max_length=300, blank=True)
    category = models.CharField(max_length=120, blank=True)
    base_uom = models.CharField(max_length=3, blank=True)
    preferred_supplier = models.ForeignKey(
        GoldenRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    # item_history_of_record, of migration 0021, is the history's index
    history = HistoricalRecords(user_db_constraint=False, no_db_index=["golden", "preferred_supplier"])

    class Meta:
        indexes = [
            # FHIR searches both by how they begin
            models.Index(OpClass(Upper("catalogue_number"), name="text_pattern_ops"), name="item_catalogue_number"),
            models.Index(OpClass(Upper("manufacturer"), name="text_pattern_ops"), name="item_manufacturer"),
            # facets of the list; what is not stated is most of them, and found by walking the list
            models.Index(fields=["latex"], name="item_latex", condition=~Q(latex="")),
            models.Index(fields=["lifecycle"], name="item_lifecycle", condition=~Q(lifecycle="")),
            models.Index(fields=["mri_safety"], name="item_mri_safety", condition=~Q(mri_safety="")),
            models.Index(fields=["implant"], name="item_implant", condition=Q(implant__isnull=False)),
            models.Index(fields=["sterile"], name="item_sterile", condition=Q(sterile__isnull=False)),
        ]


class PackagingLevel(models.Model):
    """One step of the packaging ladder: this unit holds ``quantity`` of the next lower one."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="packaging")
    position = models.PositiveSmallIntegerField()
    uom = models.CharField(max_length=3)
    quantity = models.PositiveIntegerField(null=True, help_text="Unknown where no source states it: never guessed.")
    gtin = models.CharField(max_length=40, blank=True)
    orderable = models.BooleanField(null=True)
    chargeable = models.BooleanField(null=True)

    history = HistoricalRecords(user_db_constraint=False)

    class Meta:
        ordering = ["item", "position"]
        constraints = [
            models.UniqueConstraint(fields=["item", "uom"], name="packaging_level_one_per_unit"),
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="packaging_level_holds_at_least_one"),
        ]

    def __str__(self) -> str:
        return f"{self.uom} of item {self.item_id}"


class SupplierPart(models.Model):
    """How one supplier sells the item: part number, unit, price and contract."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="supplier_parts")
    supplier = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, related_name="+")
    number = models.CharField(max_length=80, blank=True)
    uom = models.CharField(max_length=3, blank=True)
    price = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    valid_from = models.DateField(null=True, blank=True)
    valid_to = models.DateField(null=True, blank=True)
    contract = models.CharField(max_length=60, blank=True)
    tier = models.CharField(max_length=20, blank=True)

    history = HistoricalRecords(user_db_constraint=False, no_db_index=["supplier"])

    class Meta:
        ordering = ["item", "supplier", "number", "uom"]
        constraints = [
            models.UniqueConstraint(
                fields=["item", "supplier", "number", "uom", "contract", "valid_from"],
                nulls_distinct=False,
                name="supplier_part_one_per_price",
            ),
        ]

    def __str__(self) -> str:
        return f"part of item {self.item_id}"
