"""Who owns which domain."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from mdm.models.base import DomainName


class DomainOwnership(models.Model):
    domain = models.CharField(max_length=12, choices=DomainName.choices, unique=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    stewards = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="stewarded_domains")
    review_hours = models.PositiveSmallIntegerField(
        default=24, help_text="Reviews are due this many hours after they open."
    )

    class Meta:
        verbose_name_plural = "domain ownerships"

    def __str__(self) -> str:
        return f"ownership of {self.domain}"
