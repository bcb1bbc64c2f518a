"""Scorecards: domain by dimension with what changed, the rules behind them, and the records that break one."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from django.utils import timezone

from mdm.canonical import LISTED, Domain
from mdm.models import DomainOwnership, GoldenRecord, QualityIssue, QualityMeasure
from mdm.services import scorecard
from mdm.services.scorecard import Dimension, Rule
from mdm.ui import charts

PERIODS = {"4w": ("4 weeks", 28), "12w": ("12 weeks", 84), "1y": ("1 year", 365)}
POINTS = 12  # of a trend
PAGE = 50
HIGH, LOW, FAIL = 97.0, 92.0, 80.0  # percent from which a cell is good; below which it is not; or fails

Days = dict[dt.date, QualityMeasure]


@dataclass(frozen=True, slots=True)
class Score:
    """A share in percent, None where nothing was measured; ``change``: since the beginning of the period."""

    now: float | None
    before: float | None
    below: bool = False  # a rule of it is below its floor

    @property
    def change(self) -> float | None:
        return None if self.now is None or self.before is None else round(self.now - self.before, 1)

    @property
    def tone(self) -> str:
        if self.now is None:
            return ""
        if self.now < FAIL:
            return "fail"
        return "low" if self.below or self.now < LOW else "high" if self.now >= HIGH else ""

    @property
    def text(self) -> str:
        return "∅" if self.now is None else f"{self.now:.1f}"

    @property
    def cell(self) -> charts.Cell:
        return charts.Cell(self.text, self.tone)

    @property
    def changed_cell(self) -> charts.Cell:
        return charts.Cell(self.text + " !" * self.below, self.tone, self._moved)

    @property
    def _moved(self) -> str:
        if self.now is None:
            return "no values"
        if self.change is None:
            return "first time"
        return f"{'▲' if self.change > 0 else '▼' if self.change < 0 else '='} {abs(self.change):.1f}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A rule as it was last measured."""

    rule: Rule
    measure: QualityMeasure
    score: Score
    trend: Sequence[float]
    owner: str

    @property
    def failing(self) -> int:
        return self.measure.total - self.measure.passing

    @property
    def state(self) -> str:
        change = self.score.change or 0
        if self.score.below:
            return "below"
        return "improving" if change > 0.2 else "slipping" if change < -0.2 else "flat" if self.failing else "kept"


class Scorecard:
    """Five queries: the measures of the period, owners, counts."""

    def __init__(self, period: str = "12w") -> None:
        self.period = period if period in PERIODS else "12w"
        self.label, self.days = PERIODS[self.period]

    @cached_property
    def measures(self) -> Mapping[tuple[str, str], Days]:
        """By domain and rule, by day."""
        since = timezone.localdate() - dt.timedelta(days=self.days)
        found: dict[tuple[str, str], Days] = defaultdict(dict)
        for row in QualityMeasure.objects.filter(day__gte=since).order_by("day"):
            found[row.domain, row.rule][row.day] = row
        return found

    @cached_property
    def latest(self) -> dt.date | None:
        return max((day for days in self.measures.values() for day in days), default=None)

    @cached_property
    def rules(self) -> list[Kept]:
        """Rules that apply to some record, the worst first."""
        owners = dict(DomainOwnership.objects.filter(owner__isnull=False).values_list("domain", "owner__first_name"))
        kept = [_kept(one, self.measures.get((one.domain, one.name), {}), owners) for one in scorecard.rules()]
        found = [one for one in kept if one is not None]
        return sorted(found, key=lambda one: (not one.score.below, one.score.now or 0.0))

    @property
    def failing(self) -> list[Kept]:
        return [one for one in self.rules if one.failing]

    @cached_property
    def rows(self) -> list[tuple[Domain, int, list[Score], Score]]:
        """(domain, records, a score per dimension, the domain's score)."""
        counts = {row.rule.domain: row.measure.total for row in self.rules if row.rule.name == "fresh"}
        return [
            (spec, counts.get(spec.name, 0), [_score(rows, dimension) for dimension in Dimension], _score(rows))
            for spec in LISTED
            for rows in [[row for row in self.rules if row.rule.domain == spec.name]]
        ]

    @property
    def dimensions(self) -> list[str]:
        return [dimension.value.capitalize() for dimension in Dimension]

    @property
    def heat(self) -> charts.Heat:
        """The scores alone."""
        rows = [
            charts.HeatRow(spec.plural, [one.cell for one in cells], "", mean.text)
            for spec, _, cells, mean in self.rows
        ]
        return charts.Heat(self.dimensions, rows, "Score")

    @property
    def changes(self) -> charts.Heat:
        """The scores with what changed in the period."""
        rows = [
            charts.HeatRow(spec.plural, [one.changed_cell for one in cells], f"{number:,} records", mean.text)
            for spec, number, cells, mean in self.rows
        ]
        return charts.Heat(self.dimensions, rows, "Score", tall=True)

    @property
    def overall(self) -> Score:
        return _mean([row[3] for row in self.rows])

    @property
    def trend(self) -> charts.Lines | None:
        """Each domain's score over the period; None before the second day."""
        days = _spaced(sorted({day for found in self.measures.values() for day in found}))
        if len(days) < 2:
            return None
        series = {spec.plural: [self._score_on(spec.name, day) for day in days] for spec, *_ in self.rows}
        return charts.Lines([f"{day.day} {day:%b}" for day in days], series, f"Score by domain, {self.label}")

    def _score_on(self, domain: str, day: dt.date) -> float | None:
        rows = [
            (one.dimension, self.measures.get((domain, one.name), {}).get(day)) for one in scorecard.rules_of(domain)
        ]
        shares = [(dimension, 100 * row.passing / row.total) for dimension, row in rows if row and row.total]
        return _rounded(scorecard.score(shares))


def _kept(rule: Rule, days: Days, owners: Mapping[str, str]) -> Kept | None:
    rows = [row for row in days.values() if row.total]
    if not rows:
        return None
    shares = [round(100 * row.passing / row.total, 1) for row in rows]
    now, before = shares[-1], shares[0] if len(shares) > 1 else None
    score = Score(now, before, below=now < rule.floor)
    return Kept(rule, rows[-1], score, _spaced(shares), owners.get(rule.domain, ""))


def _score(rows: Sequence[Kept], dimension: Dimension | None = None) -> Score:
    """Of these rules, or of those of one dimension; what it was before only if each of them was measured then."""
    rows = [row for row in rows if dimension in (None, row.rule.dimension)]
    then = [(row.rule.dimension, row.score.before) for row in rows if row.score.before is not None]
    now = _rounded(scorecard.score((row.rule.dimension, row.score.now or 0.0) for row in rows))
    before = _rounded(scorecard.score(then)) if len(then) == len(rows) else None
    return Score(now, before, below=any(row.score.below for row in rows))


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 1)


def _mean(scores: Iterable[Score]) -> Score:
    """Of the domains: each counts as much as any other."""
    known = [score for score in scores if score.now is not None]
    before = [score.before for score in known if score.before is not None]
    if not known:
        return Score(None, None)
    now = round(sum(score.now or 0.0 for score in known) / len(known), 1)
    was = round(sum(before) / len(before), 1) if len(before) == len(known) else None
    return Score(now, was, below=any(score.below for score in known))


Value = TypeVar("Value")


def _spaced(values: Sequence[Value]) -> list[Value]:
    """At most as many as a trend has points, the last one among them."""
    step = -(-len(values) // POINTS) or 1
    return list(values[::-1][::step][::-1])


@dataclass(frozen=True, slots=True)
class Failing:
    """Records that break a rule now, in pages by id."""

    rule: Rule
    records: list[GoldenRecord]
    messages: Mapping[int, str]
    following: str

    @property
    def rows(self) -> list[tuple[GoldenRecord, str]]:
        return [(record, self.messages.get(record.pk, "")) for record in self.records]


def failing(rule: Rule, after: str = "") -> Failing:
    found = rule.failing().order_by("pk")
    found = found.filter(pk__gt=int(after)) if after.isdecimal() and len(after) < 19 else found
    records = list(found[: PAGE + 1])
    more = str(records[PAGE - 1].pk) if len(records) > PAGE else ""
    shown = records[:PAGE]
    issues = QualityIssue.objects.filter(golden__in=shown, closed_at__isnull=True)
    return Failing(rule, shown, dict(issues.values_list("golden", "message")), more)
