"""Sizes of invented devices: the axes on which siblings differ, written as a label or as a clerk writes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random

NAMES = {"XS": "X-Small", "S": "Small", "M": "Medium", "L": "Large", "XL": "X-Large", "XXL": "XX-Large"}
LABELS = {
    "fr": "{} Fr", "ga": "{} G", "mm": "{} mm", "cm": "{} cm", "in": "{} in", "ft": "{} ft", "ml": "{} mL",
    "num": "size {}", "holes": "{} hole", "deg": "{} deg", "dpt": "{} D", "usp": "{}", "side": "{}", "word": "{}",
    "pack": "{}",
}  # fmt: skip
CLERKS = {
    "fr": ("{}FR", "{} FR", "{}F", "{}FRENCH"), "ga": ("{}GA", "{} GA", "{}G", "{} GAUGE"), "mm": ("{}MM", "{} MM"),
    "cm": ("{}CM", "{} CM"), "in": ('{}"', "{}IN", "{} IN"), "ft": ("{}FT", "{} FT"), "ml": ("{}CC", "{}ML", "{} ML"),
    "num": ("SZ {}", "SZ{}", "SIZE {}"), "holes": ("{}H", "{} HOLE", "{}HOLE"), "deg": ("{}DEG", "{} DEG"),
    "dpt": ("{}D", "+{}D", "{} DIOPTER"), "usp": ("{}",), "side": ("{}",), "word": ("{}",), "pack": ("{}",),
}  # fmt: skip
_JOINED = ("mm", "cm", "in")
_SIDES = {"left": ("LT", "LEFT", "LFT"), "right": ("RT", "RIGHT", "RGHT")}
_CUPS = {"XS": ("XSM", "XS", "X-SMALL"), "S": ("SM", "SML", "SMALL"), "M": ("MED", "MEDIUM", "MD"),
         "L": ("LG", "LRG", "LARGE"), "XL": ("XL", "XLG", "X-LARGE"), "XXL": ("XXL", "2XL", "XX-LARGE")}  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """One way in which siblings differ: its unit and its values in order."""

    unit: str
    values: tuple[str, ...]

    @cached_property
    def fragments(self) -> dict[str, str]:
        """The part of a catalogue number that stands for each value; all of one length, all different."""
        return dict(zip(self.values, self._fragments(), strict=True))

    def _fragments(self) -> list[str]:
        if self.unit == "pack":
            return [str(at) for at in range(len(self.values))]
        if self.unit in ("word", "side", "size"):
            letters = [value[0].upper() for value in self.values]
            return letters if len(set(letters)) == len(letters) else list("ABCDEFGH"[: len(letters)])
        if self.unit == "usp":
            return [value.replace("-", "") for value in self.values]
        decimals = max(len(value.partition(".")[2]) for value in self.values)
        digits = [f"{float(value):.{decimals}f}".replace(".", "") for value in self.values]
        return [number.zfill(max(map(len, digits))) for number in digits]


def axes_of(text: str) -> tuple[Axis, ...]:
    """ "fr:12,14;ml:5,10" as axes."""
    pairs = (part.split(":") for part in text.split(";"))
    return tuple(Axis(unit, tuple(values.split(","))) for unit, values in pairs)


def _runs(chosen: list[tuple[Axis, str]]) -> list[tuple[str, list[str]]]:
    """Neighbouring lengths of one unit together: (unit, values)."""
    runs: list[tuple[str, list[str]]] = []
    for axis, value in chosen:
        if runs and axis.unit in _JOINED and runs[-1][0] == axis.unit:
            runs[-1][1].append(value)
        else:
            runs.append((axis.unit, [value]))
    return runs


def label(chosen: list[tuple[Axis, str]]) -> list[str]:
    """The sizes as a maker prints them: ["3.5 mm x 16 mm", "left"]."""
    return [
        " x ".join(LABELS[unit].format(v) if unit != "size" else NAMES[v] for v in run) for unit, run in _runs(chosen)
    ]


def fraction(value: str) -> str:
    """Inches in sixteenths: "1.5" → "1-1/2"; as it is where it is no such fraction."""
    sixteenths = float(value) * 16
    if not sixteenths.is_integer() or float(value).is_integer():
        return value
    above, below = int(sixteenths) % 16, 16
    while above % 2 == 0:
        above, below = above // 2, below // 2
    return f"{int(sixteenths) // 16}-{above}/{below}" if sixteenths > 16 else f"{above}/{below}"


def convert(unit: str, run: list[str]) -> tuple[str, list[str]]:
    """The same lengths in another unit: inches and centimetres to millimetres, long millimetres to centimetres."""
    if unit == "in":
        return "mm", [f"{float(v) * 25.4:.2f}".rstrip("0").rstrip(".") for v in run]
    if unit == "cm":
        return "mm", [f"{float(v) * 10:g}" for v in run]
    if unit == "mm" and all(float(v) >= 100 for v in run):
        return "cm", [f"{float(v) / 10:g}" for v in run]
    return unit, run


def clerk(chosen: list[tuple[Axis, str]], rng: Random, conversions: float) -> list[str]:
    """The sizes as a clerk types them: ["3.5X16MM", "LT"]; that share of the lengths in another unit."""
    texts = []
    for unit, run in _runs(chosen):
        if rng.random() < conversions:
            unit, run = convert(unit, run)
        texts.append(_typed(unit, run, rng))
    return texts


def _typed(unit: str, run: list[str], rng: Random) -> str:
    if unit in ("side", "size"):
        return rng.choice((_SIDES | _CUPS)[run[0]])
    if unit == "usp":
        return run[0].replace("-", rng.choice("-/"))
    if unit == "in" and rng.random() < 0.6:
        run = [fraction(v) for v in run]
    form = rng.choice(CLERKS[unit])
    if len(run) > 1 and unit != "in" and rng.random() < 0.6:
        return form.format("X".join(run))
    return rng.choice(("X", " X ")).join(form.format(v) for v in run)
