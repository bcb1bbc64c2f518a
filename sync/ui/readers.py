"""What the sync screens read. Counts come from partial indexes: they don't grow with what is in step."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, F, Min, OuterRef, Q
from django.db.models.functions import Now, TruncMinute
from django.utils import timezone

from mdm.models import ChangeEvent, GoldenRecord
from sync.adapters.registry import ADAPTERS
from sync.models import Alert, Attempt, Breaker, Lane, Target

SPARK_MINUTES, SPARK_STEPS = 60, 12
RECENT = 100  # acknowledgements that the lag is measured on
# Whatever is not at rest: served by the partial indexes on due, held and dead lanes.
MOVING = Q(due_at__isnull=False) | Q(state=Lane.State.HELD) | Q(state=Lane.State.DEAD)

_due = Q(state=Lane.State.OPEN, due_at__lte=Now())
_later = Q(state=Lane.State.OPEN, due_at__gt=Now())
COUNTS: dict[str, Q] = {
    "queued": _due,
    "sending": _later & Q(error=""),
    "retrying": _later & ~Q(error=""),
    "sent": Q(state=Lane.State.SENT),
    "held": Q(state=Lane.State.HELD),
    "dead": Q(state=Lane.State.DEAD),
}


@dataclass(frozen=True, slots=True)
class TargetState:
    """One target as its card shows it."""

    target: Target
    counts: Mapping[str, int]
    breaker: Breaker | None
    lag: float | None  # seconds from change to acknowledgement, mean of the recent ones
    per_minute: int
    spark: tuple[float, ...]  # attempts in the last hour
    alerts: Sequence[Alert] = ()  # that are open

    @property
    def adapter(self) -> str:
        return ADAPTERS.get(self.target.adapter, (self.target.adapter, ""))[0]

    @property
    def waiting(self) -> int:
        return sum(self.counts[name] for name in ("queued", "sending", "retrying", "sent", "held"))

    @property
    def dead(self) -> int:
        return self.counts["dead"]

    @property
    def unreachable(self) -> bool:
        return self.breaker is not None and self.breaker.state != Breaker.State.CLOSED

    @property
    def state(self) -> str:
        """off, paused, failing, behind or ok; worst first."""
        if not self.target.active:
            return "off"
        if self.target.paused:
            return "paused"
        if self.unreachable or self.dead:
            return "failing"
        return "behind" if self.waiting else "ok"

    @property
    def word(self) -> str:
        words = {"off": "Off", "paused": "Paused", "behind": "Delivering", "ok": "In step"}
        return words.get(self.state, "Not answering" if self.unreachable else "Refused some")

    @property
    def tone(self) -> str:
        return {"off": "off", "paused": "off", "failing": "bad", "behind": "warn"}.get(self.state, "")


def targets() -> list[TargetState]:
    """Every target, in a fixed number of queries plus one small one for each."""
    counts = _counts()
    breakers = {b.target_id: b for b in Breaker.objects.all()}
    sparks, alerts = _sparks(), _alerts()
    nothing = dict.fromkeys(COUNTS, 0)
    return [
        TargetState(
            target=target,
            counts=counts.get(target.pk, nothing),
            breaker=breakers.get(target.pk),
            lag=_lag(target),
            per_minute=int(sparks[target.pk][-1] / (SPARK_MINUTES / SPARK_STEPS)),
            spark=tuple(sparks[target.pk]),
            alerts=alerts.get(target.pk, ()),
        )
        for target in Target.objects.all()
    ]


def _alerts() -> dict[int, list[Alert]]:
    found: dict[int, list[Alert]] = defaultdict(list)
    for alert in Alert.objects.filter(ended_at__isnull=True).order_by("since"):
        found[alert.target_id].append(alert)
    return found


def _counts() -> dict[int, dict[str, int]]:
    sums = {name: Count("pk", filter=condition) for name, condition in COUNTS.items()}
    rows: Iterable[Any] = Lane.objects.filter(MOVING).order_by().values("target").annotate(**sums)
    return {row["target"]: {name: row[name] for name in COUNTS} for row in rows}


def _sparks() -> dict[int, list[float]]:
    """Attempts per target in steps of five minutes over the last hour, oldest first."""
    now, step = timezone.now(), SPARK_MINUTES * 60 // SPARK_STEPS
    found: dict[int, list[float]] = defaultdict(lambda: [0.0] * SPARK_STEPS)
    recent = Attempt.objects.filter(finished_at__gte=now - dt.timedelta(minutes=SPARK_MINUTES))
    rows = (
        recent.order_by().annotate(minute=TruncMinute("finished_at")).values("target", "minute").annotate(n=Count("pk"))
    )
    for row in rows:
        back = max(int((now - row["minute"]).total_seconds() // step), 0)  # clocks of workers may be ahead
        found[row["target"]][max(SPARK_STEPS - 1 - back, 0)] += row["n"]
    return found


def _lag(target: Target) -> float | None:
    recent = Attempt.objects.filter(target=target, outcome=Attempt.Outcome.ACKNOWLEDGED, generation=1)
    newest = recent.order_by("-finished_at").values("pk")[:RECENT]
    event = ChangeEvent.objects.filter(record=OuterRef("lane__record"), version=OuterRef("version"))
    told = Attempt.objects.filter(pk__in=newest).annotate(changed=event.values("recorded_at")[:1])
    mean = told.aggregate(mean=Avg(F("finished_at") - F("changed")))["mean"]
    return mean.total_seconds() if mean is not None else None


def dead_letters() -> int:
    return Lane.objects.filter(state=Lane.State.DEAD).count()


@dataclass(frozen=True, slots=True)
class Flow:
    """Lanes of all targets by state, in the order they pass through."""

    counts: Mapping[str, int]
    oldest: dt.datetime | None  # since when the oldest due lane waits
    acknowledged: int  # today

    @property
    def lag(self) -> float:
        return (timezone.now() - self.oldest).total_seconds() if self.oldest else 0.0


def flow(states: Sequence[TargetState]) -> Flow:
    counts = {name: sum(state.counts[name] for state in states) for name in COUNTS}
    oldest = Lane.objects.filter(_due).aggregate(oldest=Min("due_at"))["oldest"]
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    done = Attempt.objects.filter(finished_at__gte=midnight, outcome=Attempt.Outcome.ACKNOWLEDGED)
    return Flow(counts, oldest, done.count())


@dataclass(frozen=True, slots=True)
class RecordLane:
    """How far one target is with one record."""

    target: Target
    lane: Lane | None
    acknowledged_at: dt.datetime | None
    receipt: str

    @property
    def behind(self) -> int:
        return self.lane.head - self.lane.acked if self.lane else 0

    @property
    def word(self) -> str:
        if self.lane is None:
            return "Not subscribed"
        if self.lane.in_step:
            return ""
        return {"dead": "Failed", "held": "Held", "sent": "Awaiting answer"}.get(
            self.lane.state, "Retrying" if self.lane.error else "On its way"
        )

    @property
    def tone(self) -> str:
        if self.lane is None:
            return "off"
        if self.lane.in_step:
            return ""
        return "bad" if self.lane.state == Lane.State.DEAD else "warn"


def lanes_of(record: GoldenRecord) -> list[RecordLane]:
    """One entry per active target; three queries."""
    lanes = {lane.target_id: lane for lane in Lane.objects.filter(record=record)}
    acked = Attempt.objects.filter(lane__in=[lane.pk for lane in lanes.values()], outcome=Attempt.Outcome.ACKNOWLEDGED)
    last = {a.lane_id: a for a in acked.order_by("lane", "id")}
    found = []
    for target in Target.objects.filter(active=True):
        lane = lanes.get(target.pk)
        attempt = last.get(lane.pk) if lane else None
        found.append(
            RecordLane(target, lane, attempt.finished_at if attempt else None, attempt.receipt if attempt else "")
        )
    return found
