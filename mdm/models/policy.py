"""Versioned rules: how records match, which value survives, when a record is published, what words mean."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from mdm.models.base import DomainName


class Policy(models.Model):
    """Immutable once active: a change is a new version. Every decision stores the version that made it."""

    class Kind(models.TextChoices):
        MATCH = "match", "Matching"
        SURVIVORSHIP = "survivorship", "Survivorship"
        PUBLISH = "publish", "Publishing"
        DICTIONARY = "dictionary", "Own words"  # of all domains at once: their policy has none

    kind = models.CharField(max_length=12, choices=Kind.choices)
    domain = models.CharField(max_length=12, choices=DomainName.choices, blank=True)
    version = models.PositiveIntegerField()
    body = models.JSONField(default=dict)
    active = models.BooleanField(default=False)
    followed_to = models.BigIntegerField(
        null=True, blank=True,
        help_text="The golden record up to which all were rebuilt under these survivorship rules; null: nothing to do.",
    )  # fmt: skip
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["kind", "domain", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "domain", "version"], name="policy_version_once"),
            models.UniqueConstraint(fields=["kind", "domain"], condition=Q(active=True), name="policy_one_active"),
        ]

    def __str__(self) -> str:
        about = f" policy of {self.domain}" if self.domain else ""
        return f"{self.kind}{about}, version {self.version}"


class DictionaryEntry(models.Model):
    """One of a hospital's own words, as a version of them has it; on top of those that ``matching`` ships with."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="entries")
    dictionary = models.CharField(max_length=20)
    written = models.CharField(max_length=120)
    meaning = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "dictionary entries"
        constraints = [
            models.UniqueConstraint(fields=["policy", "dictionary", "written"], name="dictionary_entry_once"),
        ]

    def __str__(self) -> str:
        return f"entry {self.pk} of {self.dictionary}"


class Frequencies(models.Model):
    """How often words and values occur in a domain, what rarity is measured against; and what scores mean there. Kept
    per version, as used.
    """

    domain = models.CharField(max_length=12, choices=DomainName.choices)
    version = models.PositiveIntegerField()
    records = models.PositiveIntegerField(help_text="Source records counted.")
    body = models.BinaryField(help_text="matching.Statistics as compressed JSON.")
    common = models.BinaryField(default=b"", help_text="Match keys that too many records share, and how many do.")
    calibration = models.JSONField(null=True, help_text="matching.Calibration learned with them; null: the recipe's.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "version"], name="frequencies_version_once")]

    def __str__(self) -> str:
        return f"frequencies of {self.domain}, version {self.version}"
