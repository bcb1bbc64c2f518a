"""Blocking keys: how candidates are found, and what the resolver locks before it looks."""

from __future__ import annotations

from django.db import models

from mdm.models.source import SourceRecord


class MatchKey(models.Model):
    """``key`` is the signed 64-bit BLAKE2b hash of ``domain|kind:value``."""

    pk = models.CompositePrimaryKey("key", "source")
    key = models.BigIntegerField()
    source = models.ForeignKey(
        SourceRecord, on_delete=models.CASCADE, related_name="match_keys",
        db_constraint=False,  # written with their record, twenty of them: checking each costs a third of landing it
    )  # fmt: skip

    def __str__(self) -> str:
        return f"key of source record {self.source_id}"
