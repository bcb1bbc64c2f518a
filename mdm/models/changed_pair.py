"""Pairs of source records of which proposed match rules make something else than those in force."""

from __future__ import annotations

from django.db import models

from mdm.models.base import listed
from mdm.models.change_request import ChangeRequest
from mdm.models.source import SourceRecord


class ChangedPair(models.Model):
    """As looked at when the rules were proposed; scores in bits. ``number``: 1 is closest to the line."""

    class Outcome(models.TextChoices):
        ONE = "one", "Would be one"
        APART = "apart", "Falls apart"
        MOVES = "moves", "Moves"
        LINKED = "linked", "Linked by itself"
        ASKED = "asked", "Asked about"
        LEFT = "left", "Left alone"

    change_request = models.ForeignKey(ChangeRequest, on_delete=models.CASCADE, related_name="pairs", db_index=False)
    number = models.PositiveIntegerField()
    outcome = models.CharField(max_length=6, choices=Outcome.choices)
    one = models.ForeignKey(SourceRecord, on_delete=models.PROTECT, related_name="+", db_index=False)
    two = models.ForeignKey(SourceRecord, on_delete=models.PROTECT, related_name="+", db_index=False)
    before = models.FloatField(help_text="Score under the rules that were in force.")
    after = models.FloatField(help_text="Score under the proposed rules.")
    chance_before = models.FloatField(help_text="Probability that the two are one, without rivals, then.")
    chance_after = models.FloatField(help_text="The same under the proposed rules.")
    critical = models.BooleanField(help_text="Either record is critical.")
    because = models.CharField(max_length=500, help_text="The evidence that changes, in words.")

    class Meta:
        ordering = ["change_request", "number"]
        constraints = [
            listed("outcome", ("one", "apart", "moves", "linked", "asked", "left"), "changed_pair_outcome_is_known"),
            models.UniqueConstraint(fields=["change_request", "number"], name="changed_pair_number_once"),
        ]

    def __str__(self) -> str:
        return f"changed pair {self.pk}"
