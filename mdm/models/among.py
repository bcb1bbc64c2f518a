"""``field__among=[…]``: one of many values, given as one array.

Django's ``in`` prepares each value by itself and writes a placeholder for it, which for thousands takes longer than
the statement does. PostgreSQL plans both alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Field, ForeignObject, Lookup

from mdm.arrays import numbers, texts


class Numbers:
    """Keys for ``among``, where milliseconds count: Django looks at every value of a list before the lookup sees it."""

    def __init__(self, values: Iterable[int]) -> None:
        self.array = numbers(values)


@Field.register_lookup
@ForeignObject.register_lookup  # which doesn't inherit the lookups of a field
class Among(Lookup):
    """Values are as the database has them: keys, texts."""

    lookup_name = "among"
    rhs: Iterable[Any] | Numbers

    def get_prep_lookup(self) -> str:
        if isinstance(self.rhs, Numbers):
            return self.rhs.array
        values = list(self.rhs)
        return texts(values) if values and isinstance(values[0], str) else numbers(values)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", (*parameters, self.rhs)
