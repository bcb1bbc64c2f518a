"""Shared choices of the core models."""

from __future__ import annotations

from django.db import models


class DomainName(models.TextChoices):
    SUPPLIER = "supplier", "Supplier"
    COST_CENTER = "cost_center", "Cost center"
    LOCATION = "location", "Location"
    ITEM = "item", "Item"


def listed(choices: type[models.TextChoices], field: str, name: str) -> models.CheckConstraint:
    """The database refuses what is no choice, too."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": choices.values}), name=name)
