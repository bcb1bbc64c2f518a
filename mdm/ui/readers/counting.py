"""Counts that stay cheap at any size: exact up to a limit, the planner's estimate beyond it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet

EXACT_UP_TO = 10_000


@dataclass(frozen=True, slots=True)
class Count:
    number: int
    exact: bool = True

    def __str__(self) -> str:
        return intcomma(self.number) if self.exact else f"≈ {_rounded(self.number)}"

    def __bool__(self) -> bool:
        return self.number > 0


def count(rows: QuerySet[Any], limit: int = EXACT_UP_TO) -> Count:
    """How many rows: counted up to ``limit``, then estimated. Never reads more than ``limit`` rows."""
    return _count(rows.order_by().values("pk"), limit)


def count_distinct(rows: QuerySet[Any], *fields: str, limit: int = EXACT_UP_TO) -> Count:
    """How many different values the fields have together."""
    return _count(rows.order_by().values(*fields).distinct(), limit)


def _count(rows: QuerySet[Any, Any], limit: int) -> Count:
    counted = rows[: limit + 1].count()
    return Count(counted) if counted <= limit else Count(max(_estimate(rows), limit), exact=False)


def _estimate(rows: QuerySet[Any, Any]) -> int:
    plan = json.loads(rows.explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])


def _rounded(number: int) -> str:
    if number >= 995_000:
        return f"{number / 1_000_000:.2f}".rstrip("0").rstrip(".") + "M"
    return intcomma(round(number, -3))
