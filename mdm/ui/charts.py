"""Geometry of the drawn marks: numbers in, coordinates out. The templates in ``parts/charts`` only print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


def nice_top(highest: float) -> int:
    """The end of an axis, divisible by four: 4, 8, 12, 16, 20, 40, 80, 120, 160, 200, 400 …"""
    size = 1
    while highest > 20 * size:
        size *= 10
    return next(factor * size for factor in (4, 8, 12, 16, 20) if highest <= factor * size)


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
