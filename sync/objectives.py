"""Service levels of targets: how late changes are, how many messages fail, and the alerts when that is too much.

Objectives are ``{"lag": 60, "success": 0.99, "emails": ["…"], "webhook": "https://…"}``: seconds from a change to its
acknowledgement, the share of messages of the last hour that the target took, and whom to tell. An alert ends by itself,
once the objective is met by a tenth: one on its edge would be told of every minute, back and forth.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from mdm.exceptions import InvalidValue
from sync import schedule
from sync.models import Alert, Attempt, Breaker, Target
from sync.webhooks import check_url

log = structlog.get_logger(__name__)

WINDOW = dt.timedelta(hours=1)
MINIMUM = 5  # messages that a share is told of
PATIENCE = 300.0  # seconds for which a target may not answer
MOST_ADDRESSES = 20
CALM = 0.1  # of an objective, or of the share that may fail
KNOWN = {"lag", "success", "emails", "webhook"}

# Of versions that a target lacks and that are not held or a person's turn, the oldest; a change of its settings starts
# the clock anew, as it may have made lanes for records that are years old. And what was late though it has arrived.
# What waited for the end of a blackout is counted from there.
LAG_SQL = """
SELECT greatest(
    (SELECT extract(epoch FROM %(now)s - min(greatest(e.recorded_at, %(since)s, %(opened)s))) FROM sync_lane l
     JOIN mdm_changeevent e ON e.record_id = l.record_id AND e.version = l.head
     WHERE l.target_id = %(target)s AND l.due_at IS NOT NULL AND l.acked < l.head AND l.state IN ('open', 'sent')),
    (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM a.finished_at
        - CASE WHEN a.finished_at > %(opened)s THEN greatest(e.recorded_at, %(opened)s) ELSE e.recorded_at END))
     FROM sync_attempt a JOIN sync_lane l ON l.id = a.lane_id
     JOIN mdm_changeevent e ON e.record_id = l.record_id AND e.version = a.version
     WHERE a.target_id = %(target)s AND a.finished_at > %(start)s AND a.outcome = 'acknowledged' AND a.generation = 1
       AND e.recorded_at > %(since)s))
"""


@dataclass(frozen=True, slots=True)
class Level:
    """One objective of a target, and how it is met. ``measured`` None: nothing to measure."""

    kind: str  # an AlertKind
    objective: float
    measured: float | None

    @property
    def missed(self) -> bool:
        if self.measured is None:
            return False
        return self.measured < self.objective if self.kind == Alert.Kind.SUCCESS else self.measured > self.objective

    @property
    def calm(self) -> bool:
        """Met by so much that an alert is over."""
        if self.measured is None:
            return True
        if self.kind == Alert.Kind.SUCCESS:
            return self.measured >= self.objective + CALM * (1 - self.objective)
        return self.measured <= self.objective * (1 - CALM)


def levels(target: Target, now: dt.datetime | None = None) -> list[Level]:
    """Every objective that the target has, measured. A target without any has none."""
    now, wanted = now or timezone.now(), target.objectives
    found = []
    if "lag" in wanted:
        found.append(Level(Alert.Kind.LAG, wanted["lag"], _lag(target, now)))
    if "success" in wanted:
        found.append(Level(Alert.Kind.SUCCESS, wanted["success"], _success(target, now)))
    if found:
        found.append(Level(Alert.Kind.UNREACHABLE, PATIENCE, _silence(target, now)))
    return found


def _lag(target: Target, now: dt.datetime) -> float | None:
    newest = target.versions.first()
    since = newest.at if newest else target.created_at
    opened = schedule.opened(target.schedule, now) or since
    times = {"now": now, "since": since, "opened": opened, "start": now - WINDOW}
    with connection.cursor() as cursor:
        cursor.execute(LAG_SQL, {"target": target.pk, **times})
        value = cursor.fetchone()[0]
        return float(value) if value is not None else None


def _success(target: Target, now: dt.datetime) -> float | None:
    tried = Attempt.objects.filter(target=target, finished_at__gt=now - WINDOW)
    took = (Attempt.Outcome.ACKNOWLEDGED, Attempt.Outcome.SENT)
    counts = tried.exclude(outcome=Attempt.Outcome.SKIPPED).aggregate(
        total=Count("pk"), taken=Count("pk", filter=Q(outcome__in=took))
    )
    return counts["taken"] / counts["total"] if counts["total"] >= MINIMUM else None


def _silence(target: Target, now: dt.datetime) -> float | None:
    """Seconds since the newest attempt that the target answered, while its breaker is open; none of a blackout."""
    breaker = Breaker.objects.filter(target=target).exclude(state=Breaker.State.CLOSED).first()
    if breaker is None:
        return None
    answered = Attempt.objects.filter(target=target, peer_failed=False).order_by("-finished_at").first()
    silent = Attempt.objects.filter(target=target, peer_failed=True)
    first = silent.filter(finished_at__gt=answered.finished_at) if answered else silent
    since = first.order_by("finished_at").values_list("finished_at", flat=True).first() or breaker.changed_at
    since = max(since, schedule.opened(target.schedule, now) or since)
    return (now - since).total_seconds()


def watch(now: dt.datetime | None = None) -> int:
    """Open and end alerts by what is measured now; returns how many are open. Telling is for ``sync.alerting``."""
    now = now or timezone.now()
    for target in Target.objects.filter(active=True).exclude(objectives={}):
        try:
            quiet = target.paused or schedule.in_blackout(target.schedule, now)
            _judge(target, levels(target, now) if not quiet else [], now)
        except Exception:  # of one target: the others' alerts are told all the same
            log.exception("target not watched", target=target.code)
    gone = Alert.objects.filter(ended_at__isnull=True).filter(Q(target__active=False) | Q(target__objectives={}))
    gone.update(ended_at=now, due_at=now)
    return Alert.objects.filter(ended_at__isnull=True).count()


@transaction.atomic
def _judge(target: Target, found: list[Level], now: dt.datetime) -> None:
    levels = {level.kind: level for level in found}
    for alert in Alert.objects.select_for_update().filter(target=target, ended_at__isnull=True):
        level = levels.pop(alert.kind, None)
        if level is not None and not level.calm:
            alert.measured = level.measured or 0.0
            alert.save(update_fields=["measured"])
        else:
            alert.ended_at = alert.due_at = now
            alert.attempts = 0
            alert.save(update_fields=["ended_at", "due_at", "attempts"])
    rows = [
        Alert(
            target=target, kind=kind, measured=level.measured or 0.0, objective=level.objective, since=now, due_at=now
        )
        for kind, level in levels.items()
        if level.missed
    ]
    Alert.objects.bulk_create(rows, ignore_conflicts=True)  # another worker may have seen it, too


def check(value: Any) -> None:
    """Raises ValidationError unless these are objectives."""
    if not isinstance(value, dict) or set(value) - KNOWN:
        raise ValidationError(f"Objectives are an object of {', '.join(sorted(KNOWN))}, or empty.")
    for problem in _problems(value):
        raise ValidationError(problem)


def _problems(value: Mapping[str, Any]) -> Iterator[str]:
    lag, success, emails = value.get("lag", 1), value.get("success", 0.5), value.get("emails", [])
    if isinstance(lag, bool) or not isinstance(lag, int | float) or lag <= 0:
        yield "The objective for the lag is a number of seconds."
    if isinstance(success, bool) or not isinstance(success, int | float) or not 0 < success <= 1:
        yield "The objective for success is a share, such as 0.99."
    if not isinstance(emails, list) or len(emails) > MOST_ADDRESSES or not all(map(_is_address, emails)):
        yield f"Write up to {MOST_ADDRESSES} e-mail addresses."
    if "webhook" in value:
        try:
            check_url(value["webhook"] if isinstance(value["webhook"], str) else "")
        except InvalidValue as error:
            yield error.message


def _is_address(text: Any) -> bool:
    try:
        validate_email(text if isinstance(text, str) else "")
    except ValidationError:
        return False
    return True
