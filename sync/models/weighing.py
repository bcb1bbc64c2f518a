"""Weighings: how far a target's records are told what its changed filter means for them."""

from __future__ import annotations

from django.db import models

from mdm.models import DomainName
from sync.models.target import Target


class Weighing(models.Model):
    """A domain whose filter changed. It is there until the last of its lanes has been asked for once more."""

    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="weighings")
    domain = models.CharField(max_length=12, choices=DomainName.choices)
    after = models.BigIntegerField(default=0, help_text="Golden records up to this one have been dealt with.")

    class Meta:
        ordering = ["target", "domain"]
        constraints = [models.UniqueConstraint(fields=["target", "domain"], name="weighing_one_per_target_and_domain")]

    def __str__(self) -> str:
        return f"weighing of {self.domain} for target {self.target_id}"
