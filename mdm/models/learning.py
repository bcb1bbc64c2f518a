"""Questions about two source records that measure the engine and the stewards. Answers never change a golden record."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from mdm.models.base import DomainName, listed
from mdm.models.source import SourceRecord


class LabelBatch(models.Model):
    """Pairs chosen together because their labels teach most."""

    domain = models.CharField(max_length=12, choices=DomainName.choices)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "label batches"
        constraints = [listed("domain", DomainName.values, "label_batch_domain_is_known")]

    def __str__(self) -> str:
        return f"label batch {self.pk}"


class Check(models.Model):
    """One question, answered once by one person: are these two (``first`` < ``second``) the same thing?"""

    class Kind(models.TextChoices):
        KNOWN = "known", "A pair whose answer is known"
        BLIND = "blind", "A pair that somebody else has decided"
        SAMPLE = "sample", "An automatic link"
        LABEL = "label", "A pair to learn from"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    domain = models.CharField(max_length=12, choices=DomainName.choices)
    first = models.ForeignKey(SourceRecord, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(SourceRecord, on_delete=models.PROTECT, related_name="+")
    batch = models.ForeignKey(LabelBatch, on_delete=models.PROTECT, null=True, blank=True, related_name="checks")
    expected = models.BooleanField(
        null=True, blank=True, help_text="The known or first answer; never shown to whoever is asked."
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="Whose answer is expected.",
    )  # fmt: skip
    planned_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    planned_at = models.DateTimeField(auto_now_add=True)
    same = models.BooleanField(null=True, blank=True, help_text="The answer.")
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            listed("kind", ("known", "blind", "sample", "label"), "check_kind_is_known"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="check_pair_is_ordered"),
            models.CheckConstraint(
                condition=Q(same__isnull=True, answered_by__isnull=True, answered_at__isnull=True)
                | Q(same__isnull=False, answered_by__isnull=False, answered_at__isnull=False),
                name="check_answer_says_who_and_when",
            ),
            models.CheckConstraint(
                condition=Q(answered_by__isnull=True) | Q(decided_by__isnull=True) | ~Q(answered_by=F("decided_by")),
                name="check_nobody_answers_about_their_own",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("sample", "label"), expected__isnull=True)
                | Q(kind__in=("known", "blind"), expected__isnull=False, decided_by__isnull=False),
                name="check_expected_names_who",
            ),
            models.CheckConstraint(
                condition=Q(kind="label", batch__isnull=False) | (~Q(kind="label") & Q(batch__isnull=True)),
                name="check_label_has_a_batch",
            ),
            models.UniqueConstraint(
                fields=["kind", "first", "second"],
                condition=Q(answered_at__isnull=True),
                name="check_one_open_per_kind_and_pair",
            ),
            models.UniqueConstraint(fields=["answered_by", "first", "second"], name="check_asks_nobody_twice"),
        ]
        indexes = [
            # what is still to be answered; what was, by kind
            models.Index(fields=["domain", "id"], name="check_open", condition=Q(answered_at__isnull=True)),
            models.Index(fields=["domain", "kind"], name="check_answered", condition=Q(answered_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"check {self.pk}"
