"""What search reads: the terms of each golden record, and the words that there are."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from mdm.models.base import DomainName
from mdm.models.golden import GoldenRecord


class SearchDocument(models.Model):
    """One golden record as search sees it. Of its ``terms`` the first ``own`` are of its name; see ``mdm.terms``."""

    golden = models.OneToOneField(
        GoldenRecord, on_delete=models.CASCADE, primary_key=True, related_name="+", db_constraint=False
    )
    domain = models.CharField(max_length=12, choices=DomainName.choices)
    status = models.CharField(max_length=8, choices=GoldenRecord.Status.choices)
    own = models.PositiveSmallIntegerField()
    terms = ArrayField(models.TextField(db_collation="C"))

    class Meta:
        # one per domain, as a word that is common in one may be rare in another; with a short pending list, as every
        # search reads that from end to end
        indexes = [
            GinIndex(
                fields=["terms"],
                name=f"search_terms_{domain}",
                condition=models.Q(domain=domain),
                gin_pending_list_limit=256,
            )
            for domain in DomainName.values
        ]

    def __str__(self) -> str:
        return f"terms of golden record {self.golden_id}"


class SearchWord(models.Model):
    """A term that golden records have or had. Not unique: workers that meet a new word at once must not wait for each
    other, so each may write it; counting anew leaves one.
    """

    domain = models.CharField(max_length=12, choices=DomainName.choices)
    word = models.TextField(db_collation="C")
    records = models.PositiveIntegerField(help_text="How many records have it, as last counted.")
    slips = ArrayField(models.IntegerField(), default=list, help_text="What it shares with its misspellings.")

    class Meta:
        indexes = [
            models.Index(fields=["domain", "word"], include=["records"], name="search_word"),  # read alone
            GinIndex(fields=["slips"], name="search_word_slips", gin_pending_list_limit=256),
        ]

    def __str__(self) -> str:
        return f"word {self.pk}"
