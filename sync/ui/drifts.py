"""The drift board: what targets hold otherwise than they acknowledged, as of their last comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from sync.models import Drift, Reconciliation, Target

SHOWN = 50
DIFFERS = (Drift.Kind.VERSION, Drift.Kind.VALUES, Drift.Kind.STATUS)


@dataclass(frozen=True, slots=True)
class Compared:
    """A target's last comparison, and how much of it is still adrift."""

    target: Target
    run: Reconciliation | None
    counts: Mapping[str, int]

    @property
    def differs(self) -> int:
        return sum(self.counts.get(kind, 0) for kind in DIFFERS)

    @property
    def missing(self) -> int:
        return self.counts.get(Drift.Kind.MISSING, 0)

    @property
    def extra(self) -> int:
        return self.counts.get(Drift.Kind.UNEXPECTED, 0)

    @property
    def mendable(self) -> int:
        return self.differs + self.missing


def board() -> list[Compared]:
    """One row per active target; three queries."""
    newest = Reconciliation.objects.order_by("target_id", "-pk").distinct("target_id")
    runs = {run.target_id: run for run in newest}
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    adrift = Drift.objects.filter(reconciliation__in=[run.pk for run in runs.values()], resolution="")
    for run, kind, number in adrift.order_by().values_list("reconciliation", "kind").annotate(n=Count("pk")):
        counts[run][kind] = number
    targets = Target.objects.filter(active=True)
    return [Compared(t, runs.get(t.pk), counts[runs[t.pk].pk] if t.pk in runs else {}) for t in targets]


@dataclass(frozen=True, slots=True)
class Row:
    drift: Drift

    @property
    def fields(self) -> list[tuple[str, Any, Any]]:
        """Field of the target, ours, theirs."""
        return [(name, *pair) for name, pair in self.drift.fields.items()]

    @property
    def mendable(self) -> bool:
        return self.drift.record_id is not None and not self.drift.resolution


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Row]
    following: int | None


def page_of(run: Reconciliation, kind: str = "", after: int = 0) -> Page:
    rows = run.drifts.filter(pk__gt=after).select_related("record")
    if kind in Drift.Kind.values:
        rows = rows.filter(kind=kind)
    found = list(rows.order_by("pk")[: SHOWN + 1])
    return Page([Row(drift) for drift in found[:SHOWN]], found[SHOWN - 1].pk if len(found) > SHOWN else None)
