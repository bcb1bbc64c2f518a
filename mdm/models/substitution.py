"""Substitutes: what may be used in an item's place, where, for how long, and who approved it."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Coalesce

from mdm.models.change_request import ChangeRequest
from mdm.models.golden import GoldenRecord


class Substitution(models.Model):
    """``numerator / denominator`` base units of ``substitute`` stand in for one base unit of ``item``.

    Made by an approved change request, moved by merges (ended at the one record, made at the other), never changed.
    In force from ``valid_from`` until before ``valid_to``;
    known from ``approved_at`` until ``ended_at``.
    """

    item = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, related_name="substitutes")
    substitute = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, related_name="substitute_for")
    site = models.ForeignKey(
        GoldenRecord,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The location, with all that is part of it, where it holds; empty: everywhere.",
    )
    numerator = models.PositiveIntegerField(default=1)
    denominator = models.PositiveIntegerField(default=1)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="Expiry, exclusive; empty: until it is ended.")
    reason = models.CharField(max_length=500)
    request = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="substitutions")
    change_id = models.UUIDField()
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField()
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(item=F("substitute")), name="substitution_joins_two_items"),
            models.CheckConstraint(
                condition=Q(numerator__gte=1, denominator__gte=1), name="substitution_factor_is_positive"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="substitution_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="substitution_ended_names_who",
            ),
            ExclusionConstraint(
                name="substitution_once_at_a_time",
                expressions=[
                    (F("item"), RangeOperators.EQUAL),
                    (F("substitute"), RangeOperators.EQUAL),
                    (Coalesce(F("site"), 0), RangeOperators.EQUAL),
                    (Func(F("valid_from"), F("valid_to"), function="daterange"), RangeOperators.OVERLAPS),
                ],
                condition=Q(ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"substitution {self.pk}"
