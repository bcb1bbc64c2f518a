"""Geometry of the drawn marks: numbers in, coordinates out. The templates in ``parts/charts`` only print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from mdm.ui import words


@dataclass(frozen=True, slots=True)
class Spark:
    line: str  # an SVG path
    area: str
    x: float  # where the last value is
    y: float


def spark(values: Sequence[float], width: int, height: int) -> Spark | None:
    """A trend of at least two values, drawn from 2 px to the right edge; None when there is no trend to draw."""
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    step, scale = (width - 6) / (len(values) - 1), (height - 9) / ((high - low) or 1)
    points = [(2 + i * step, height - 4 - (v - low) * scale) for i, v in enumerate(values)]
    line = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    x, y = points[-1]
    return Spark(line, f"{line} L{x:.1f} {height} L2 {height}Z", round(x, 1), round(y, 1))


@dataclass(frozen=True, slots=True)
class Bar:
    x: str
    y: float
    width: str
    height: float
    tone: int


@dataclass(slots=True)
class Stacked:
    """Bars per day, one series upon the other: ``series`` maps a label to its values, all of one length."""

    labels: Sequence[str]
    series: Mapping[str, Sequence[int]]
    caption: str
    height: int = 168
    bars: list[Bar] = field(default_factory=list)
    ticks: list[tuple[float, int]] = field(default_factory=list)
    names: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        top = nice_top(max((sum(day) for day in zip(*self.series.values(), strict=True)), default=0))
        self.ticks = [(self.height * (1 - i / 4), top * i // 4) for i in range(4, -1, -1)]
        slot = 100 / max(len(self.labels), 1)
        for day, values in enumerate(zip(*self.series.values(), strict=True)):
            self._stack(f"{(day + 0.14) * slot:.2f}%", f"{slot * 0.72:.2f}%", values, top)
        every = max(len(self.labels) // 6, 1)
        marked = range(every - 1, len(self.labels), every)
        self.names = [(f"{min((i + 0.5) * slot, 97):.1f}%", self.labels[i]) for i in marked]

    def _stack(self, x: str, width: str, values: Sequence[int], top: int) -> None:
        y = self.height - 1.0
        for tone, number in enumerate(values, 1):
            size = number * (self.height - 1) / top
            if size > 0:
                y -= size
                self.bars.append(Bar(x, round(y, 1), width, round(max(size - 1, 0.5), 1), tone))

    @property
    def rows(self) -> list[tuple[str, Sequence[int]]]:
        """The same numbers as a table, for those who don't see the drawing."""
        return list(zip(self.labels, zip(*self.series.values(), strict=True), strict=True))


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    tone: str  # "", "b", "c", "d": its dash, so that colour is not all that tells lines apart
    segments: tuple[tuple[str, float, str, float], ...]  # x1, y1, x2, y2; x in percent
    x: str  # where it ends
    y: float
    name_y: float


@dataclass(slots=True)
class Lines:
    """Several shares over time, 0 to 100, on an axis that begins where the lowest needs it.

    ``series`` maps a name to its values, one per label; None where nothing was measured.
    """

    labels: Sequence[str]
    series: Mapping[str, Sequence[float | None]]
    caption: str
    goal: float = 95
    height: int = 168
    low: float = field(init=False)
    lines: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        known = [value for values in self.series.values() for value in values if value is not None]
        needed = 100 - min(known, default=92.0)
        self.low = 100.0 - next(span for span in (8, 12, 20, 40, 60, 80, 100) if needed <= span)
        for number, (name, values) in enumerate(self.series.items()):
            points = [(self._x(i), self._y(v)) for i, v in enumerate(values) if v is not None]
            if points:
                self.lines.append(self._line(name, "abcd"[number % 4], points))
        self._spread()

    def _line(self, name: str, tone: str, points: Sequence[tuple[float, float]]) -> Line:
        pairs = pairwise(points)
        segments = tuple((f"{a[0]:.2f}%", a[1], f"{b[0]:.2f}%", b[1]) for a, b in pairs)
        x, y = points[-1]
        return Line(name, tone.replace("a", ""), segments, f"{x:.2f}%", y, y)

    def _spread(self) -> None:
        """Names that would lie upon each other move apart."""
        last = -100.0
        moved = []
        for line in sorted(self.lines, key=lambda line: line.y):
            last = max(line.y, last + 14)
            moved.append(replace(line, name_y=round(last, 1)))
        self.lines = moved

    def _x(self, at: int) -> float:
        return 100 * at / max(len(self.labels) - 1, 1)

    def _y(self, share: float) -> float:
        return round((100 - share) / (100 - self.low) * self.height, 1)

    @property
    def ticks(self) -> list[tuple[float, int]]:
        step = (100 - self.low) / 4
        return [(self._y(self.low + step * i), round(self.low + step * i)) for i in range(5)]

    @property
    def goal_y(self) -> float:
        return self._y(self.goal)

    @property
    def names(self) -> list[tuple[str, str]]:
        every = max(len(self.labels) // 4, 1)
        return [(f"{self._x(i):.1f}%", self.labels[i]) for i in range(0, len(self.labels), every)]

    @property
    def rows(self) -> list[tuple[str, Sequence[float | None]]]:
        return list(zip(self.labels, zip(*self.series.values(), strict=True), strict=True))


@dataclass(frozen=True, slots=True)
class Gauge:
    """A share with its interval, as a point on a band; ``before``: what it was, a quiet point. Shares are 0 to 1.

    ``start``: the share that the left edge stands for, so that what lies close together is told apart.
    """

    value: float
    low: float
    high: float
    before: float | None = None
    start: float = 0.0

    def _at(self, share: float) -> float:
        return 100 * (min(max(share, self.start), 1.0) - self.start) / (1.0 - self.start)

    @property
    def x(self) -> str:
        return f"{self._at(self.low):.1f}%"

    @property
    def width(self) -> str:
        return f"{max(self._at(self.high) - self._at(self.low), 0.5):.1f}%"

    @property
    def at(self) -> str:
        return f"{self._at(self.value):.1f}%"

    @property
    def was_at(self) -> str:
        return "" if self.before is None else f"{self._at(self.before):.1f}%"


def gauge_start(lowest: float) -> float:
    """Where the axis of gauges begins whose lowest mark is at this share."""
    return next(start for start in (0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0) if start <= lowest)


def nice_top(highest: float) -> int:
    """The end of an axis, divisible by four: 4, 8, 12, 16, 20, 40, 80, 120, 160, 200, 400 …"""
    size = 1
    while highest > 20 * size:
        size *= 10
    return next(factor * size for factor in (4, 8, 12, 16, 20) if highest <= factor * size)


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    tone: str = ""  # "high", "low", "fail" or neither
    note: str = ""  # second line


@dataclass(frozen=True, slots=True)
class HeatRow:
    name: str
    cells: Sequence[Cell]
    note: str = ""
    total: str = ""


@dataclass(frozen=True, slots=True)
class Heat:
    """Figures by row and column, the number first and its tone behind it: a table that needs no other in its place."""

    columns: Sequence[str]
    rows: Sequence[HeatRow]
    total: str = ""  # heading of the last column; without one there is none
    tall: bool = False  # two lines a cell


@dataclass(frozen=True, slots=True)
class Step:
    label: str
    bits: float
    text: str
    start: float  # percent of the drawing's width
    width: float
    end: float
    tone: str  # "", "prior", "down" or "total"
    note: str


@dataclass(frozen=True, slots=True)
class Waterfall:
    zero: float  # percent
    steps: tuple[Step, ...]


def waterfall(evidence: Sequence[Mapping[str, Any]]) -> Waterfall:
    """Each piece of evidence starts where the one before it ended, so that the last end is the score."""
    ordered = sorted(evidence, key=lambda e: (e["field"] != "prior", -e["bits"]))
    drawn = [e for e in ordered if e["field"] == "prior" or abs(e["bits"]) >= 0.05]
    ends = [0.0]
    for piece in drawn:
        ends.append(ends[-1] + piece["bits"])
    low, high = min(ends), max(ends)
    scale = 96.8 / ((high - low) or 1)

    def at(bits: float) -> float:
        return round(1.6 + (bits - low) * scale, 1)

    steps = [_step(piece, at(a), at(b)) for piece, a, b in zip(drawn, ends, ends[1:], strict=False)]
    total = sum(e["bits"] for e in evidence)
    steps.append(_step({"field": "total", "label": "Total", "bits": total, "note": ""}, at(0), at(ends[-1])))
    return Waterfall(at(0), tuple(steps))


def _step(piece: Mapping[str, Any], a: float, b: float) -> Step:
    tone = piece["field"] if piece["field"] in ("prior", "total") else ("down" if piece["bits"] < 0 else "")
    bits = float(piece["bits"])
    width = round(max(abs(b - a), 0.6), 1)
    return Step(piece["label"], bits, words.bits(bits), round(min(a, b), 1), width, b, tone, piece.get("note", ""))


@dataclass(frozen=True, slots=True)
class Span:
    """One step in its place's row; all in percent of the drawing's width."""

    x: float
    width: float
    middle: float
    number: int
    tone: str


class Lanes:
    """Steps across places, left to right in their order: who handed on to whom. Time is told in words, not drawn, as a
    wait of days would leave nothing of the seconds beside it.
    """

    def __init__(self, steps: Sequence[tuple[str, str]]) -> None:
        """``steps``: place and tone of each, in order."""
        slot = 100 / max(len(steps), 1)
        found: dict[str, list[Span]] = {}
        for number, (place, tone) in enumerate(steps):
            x, width = round(number * slot, 2), round(slot * 0.86, 2)
            found.setdefault(place, []).append(Span(x, width, round(x + width / 2, 2), number + 1, tone))
        self.rows = list(found.items())
