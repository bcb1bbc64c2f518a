"""Hierarchies: the top, what is below a record, and who moved between two days."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef

from mdm.models import ATTRIBUTES, GoldenRecord

PAGE = 200
MOVES = 200


@dataclass(frozen=True, slots=True)
class Node:
    record: GoldenRecord
    has_children: bool


def below(domain: str, parent: GoldenRecord | None, *, first: int = 0) -> list[Node]:
    """Live records directly below another, or at the top; a page, one more when there are more. Two queries at most."""
    table: Any = ATTRIBUTES[domain]
    children = table.objects.filter(parent=OuterRef("golden"), golden__status="live")
    rows = table.objects.filter(parent=parent, golden__status="live").select_related("golden")
    ordered = rows.annotate(parental=Exists(children)).order_by("golden__name", "golden_id")
    return [Node(row.golden, row.parental) for row in ordered[first : first + PAGE + 1]]


@dataclass(frozen=True, slots=True)
class Move:
    record: GoldenRecord
    before: GoldenRecord | None
    after: GoldenRecord | None


def moves(domain: str, start: dt.datetime, end: dt.datetime) -> list[Move]:
    """Records that had another parent at ``end`` than at ``start``, by name; those made or ended between are left out.

    Reads the rows of the history between the two moments, and for each record one before.
    """
    history: Any = ATTRIBUTES[domain].history  # type: ignore[attr-defined]
    touched = history.filter(history_date__gt=start, history_date__lte=end).values("golden").distinct()
    then, now = (_parents(history, touched, moment) for moment in (start, end))
    moved = {pk: (then[pk], now[pk]) for pk in then.keys() & now.keys() if then[pk] != now[pk]}
    wanted = {*moved, *(parent for pair in moved.values() for parent in pair if parent)}
    records = GoldenRecord.objects.in_bulk(wanted)
    found = [Move(records[pk], records.get(old or 0), records.get(new or 0)) for pk, (old, new) in moved.items()]
    return sorted(found, key=lambda move: (move.record.name, move.record.pk))[:MOVES]


def _parents(history: Any, goldens: Any, moment: dt.datetime) -> dict[int, int | None]:
    rows = history.filter(golden__in=goldens, history_date__lte=moment)
    latest = rows.order_by("golden_id", "-history_date", "-history_id").distinct("golden_id")
    return dict(latest.values_list("golden_id", "parent_id"))
