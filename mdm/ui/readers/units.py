"""Quantities in the units of a record's packaging: 4 BX are 48 EA, and 4.8 of the boxes another system counts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from mdm.conversion import Ladder
from mdm.models import Item, PackagingLevel

DIGITS = 4  # decimals shown of a quantity that doesn't come out even


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity in the unit given, in base units, and in the unit that the target counts in where that is known."""

    quantity: Decimal
    unit: str
    factor: Fraction
    base: str
    target_unit: str = ""
    target_factor: Fraction | None = None

    @property
    def given(self) -> str:
        return f"{plain(Fraction(self.quantity))} {self.unit}"

    @property
    def in_base(self) -> str:
        return f"{plain(Fraction(self.quantity) * self.factor)} {self.base}"

    @property
    def in_target(self) -> str:
        if not self.target_factor:
            return ""
        return f"{plain(Fraction(self.quantity) * self.factor / self.target_factor)} {self.target_unit}"

    @property
    def even(self) -> bool:
        """The target can count it in whole units."""
        whole = Fraction(self.quantity) * self.factor / (self.target_factor or 1)
        return whole.denominator == 1


def plain(number: Fraction) -> str:
    """48, 4.8, or four decimals of what doesn't end."""
    if number.denominator == 1:
        return str(number.numerator)
    return f"{float(number):.{DIGITS}f}".rstrip("0").rstrip(".")


def ladders(public_ids: Collection[str], known_at: dt.datetime | None = None) -> dict[str, Ladder]:
    """The packaging of items by public id, as Concord knows it now or knew it then. Two queries."""
    items: Any = Item.history.filter(history_date__lte=known_at) if known_at else Item.objects.all()
    items = items.filter(golden__public_id__in=list(public_ids))
    if known_at:
        items = items.order_by("golden_id", "-history_date", "-history_id").distinct("golden_id")
    base = {golden: (public_id, uom) for golden, public_id, uom in items.values_list(*_ITEM)}
    levels = _levels(list(base), known_at)
    return {pid: Ladder.of(levels[golden], uom) for golden, (pid, uom) in base.items() if uom}


_ITEM = ("golden_id", "golden__public_id", "base_uom")


def _levels(items: list[int], known_at: dt.datetime | None) -> dict[int, list[dict[str, Any]]]:
    rows: Any = PackagingLevel.objects.filter(item__in=items)
    if known_at:
        history: Any = PackagingLevel.history
        past = history.filter(item__in=items, history_date__lte=known_at)
        latest = past.order_by("id", "-history_date", "-history_id").distinct("id").values("history_id")
        rows = history.filter(history_id__in=latest).exclude(history_type="-")
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.order_by("position").values("item_id", "uom", "quantity"):
        found[row["item_id"]].append(row)
    return found
