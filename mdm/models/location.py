"""Locations: the tree from health system to bed, storeroom and dock."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from mdm.canonical import LOCATION
from mdm.models.golden import GoldenAttributes, GoldenRecord


class Location(GoldenAttributes):
    name = models.CharField(max_length=200, blank=True)
    location_type = models.CharField(max_length=16, blank=True, choices=list(LOCATION.by_name["location_type"].choices))
    parent = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    lifecycle = models.CharField(max_length=12, blank=True, choices=list(LOCATION.by_name["lifecycle"].choices))
    gln = models.CharField(max_length=40, blank=True)
    npi = models.CharField(max_length=40, blank=True)
    line1 = models.CharField(max_length=120, blank=True)
    line2 = models.CharField(max_length=120, blank=True)
    city = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=20, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    cost_center = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    active_from = models.DateField(null=True, blank=True)
    active_to = models.DateField(null=True, blank=True)

    history = HistoricalRecords(user_db_constraint=False, no_db_index=["parent", "cost_center"])

    class Meta:
        indexes = [  # a facet of the list
            models.Index(fields=["location_type"], name="location_location_type", condition=~Q(location_type="")),
        ]
