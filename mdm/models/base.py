"""Shared choices of the core models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler


class DomainName(models.TextChoices):
    SUPPLIER = "supplier", "Supplier"
    COST_CENTER = "cost_center", "Cost center"
    LOCATION = "location", "Location"
    ITEM = "item", "Item"


@models.ForeignObject.register_lookup  # which takes none of Field's
@models.Field.register_lookup
class Among(models.Lookup):
    """``pk__among=ids``: like ``in``, but one parameter however many there are, which is written and planned sooner."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", (*parameters, list(self.rhs))


def listed(field: str, values: Sequence[str], name: str) -> models.CheckConstraint:
    """The database refuses what is no choice, too."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": list(values)}), name=name)
