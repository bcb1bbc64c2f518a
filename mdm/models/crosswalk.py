"""The crosswalk: codes of every system → golden record, in two clocks."""

from __future__ import annotations

import datetime as dt

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from mdm.models.code_system import CodeSystem
from mdm.models.golden import GoldenRecord
from mdm.models.source import SourceRecord

BEGINNING = dt.date(1, 1, 1)


class Crosswalk(models.Model):
    """This code means that golden record, from ``valid_from`` until before ``valid_to``.

    So Concord knew from ``known_from`` until ``known_to``. A trigger lets rows only be closed (``known_to`` set).
    """

    code_system = models.ForeignKey(  # its index: crosswalk_of_code
        CodeSystem, on_delete=models.PROTECT, related_name="entries", db_index=False
    )
    code = models.CharField(max_length=120, help_text="Normalised by its code system.")
    golden = models.ForeignKey(  # its index: crosswalk_of_record
        GoldenRecord, on_delete=models.PROTECT, related_name="codes", db_index=False
    )
    source = models.ForeignKey(SourceRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="codes")
    uom = models.CharField(max_length=12, blank=True)
    preferred = models.BooleanField(default=True)
    resolves = models.BooleanField(default=True, help_text="Copied from the code system: its codes are unique.")
    valid_from = models.DateField(default=BEGINNING)
    valid_to = models.DateField(null=True, blank=True)
    known_from = models.DateTimeField()
    known_to = models.DateTimeField(null=True, blank=True)
    change_id = models.UUIDField()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="crosswalk_one_live_golden_per_code",
                # By a hash of 64 bits: an index of texts and ranges takes seven times as long to write. Of ten million
                # codes, two share one by chance in one hospital of some hundred thousand.
                expressions=[
                    (
                        Func(
                            F("code"),
                            F("code_system"),
                            function="hashtextextended",
                            output_field=models.BigIntegerField(),
                        ),
                        RangeOperators.EQUAL,
                    ),
                    (Func(F("valid_from"), F("valid_to"), function="daterange"), RangeOperators.OVERLAPS),
                ],
                condition=Q(known_to__isnull=True, resolves=True),
            ),
            models.UniqueConstraint(
                fields=["golden", "code_system", "uom"],
                condition=Q(known_to__isnull=True, valid_to__isnull=True, preferred=True),
                name="crosswalk_one_preferred_code",
            ),
        ]
        indexes = [
            # the lookup: covering, so that it needs no heap access; what is known now is found without reading what was
            # corrected
            models.Index(
                fields=["code_system", "code", "known_to"],
                include=["golden", "uom", "preferred", "valid_from", "valid_to", "known_from"],
                name="crosswalk_of_code",
            ),
            # a record's codes in the target system: the same
            models.Index(
                fields=["golden", "code_system", "known_to"],
                include=["code", "uom", "preferred", "valid_from", "valid_to", "known_from"],
                name="crosswalk_of_record",
            ),
        ]

    def __str__(self) -> str:
        return f"crosswalk row {self.pk}"

    @staticmethod
    def in_force(day: dt.date, through: str = "") -> Q:
        """What is known now to hold on a day. ``through``: the way to the rows, as in ``golden__codes__``."""
        begun = Q(**{f"{through}known_to": None, f"{through}valid_from__lte": day})
        return begun & (Q(**{f"{through}valid_to": None}) | Q(**{f"{through}valid_to__gt": day}))
