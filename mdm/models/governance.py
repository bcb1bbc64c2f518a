"""Who owns which domain, and what its attributes mean."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from mdm.models.base import DomainName, listed


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


class AttributeNote(models.Model):
    """What the installation says about an attribute of the canonical model, beyond what the model itself fixes."""

    class Classification(models.TextChoices):
        PUBLIC = "public", "Public"
        INTERNAL = "internal", "Internal"
        CONFIDENTIAL = "confidential", "Confidential"

    domain = models.CharField(max_length=12, choices=DomainName.choices)
    path = models.CharField(max_length=80, help_text="The attribute's canonical name.")
    definition = models.CharField(max_length=500, blank=True)
    classification = models.CharField(max_length=12, choices=Classification.choices, default=Classification.INTERNAL)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["domain", "path"]
        constraints = [
            listed("domain", DomainName.values, "attribute_note_domain_is_known"),
            listed("classification", ("public", "internal", "confidential"), "attribute_note_class_is_known"),
            models.UniqueConstraint(fields=["domain", "path"], name="attribute_note_once"),
        ]

    def __str__(self) -> str:
        return f"note on {self.domain}.{self.path}"
