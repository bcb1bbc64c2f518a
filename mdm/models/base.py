"""Shared choices of the core models."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import models


class DomainName(models.TextChoices):
    SUPPLIER = "supplier", "Supplier"
    COST_CENTER = "cost_center", "Cost center"
    LOCATION = "location", "Location"
    ITEM = "item", "Item"


def listed(field: str, values: Sequence[str], name: str) -> models.CheckConstraint:
    """The database refuses what is no choice, too."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": list(values)}), name=name)
