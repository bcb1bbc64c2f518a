"""Items: lines of devices whose siblings differ by a size, a side, a packaging or one character of the number.

The catalogue's side is written as makers label; the other as a clerk types into an ERP.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from math import prod
from random import Random

from . import noise
from .sizes import Axis, axes_of, clerk, label
from .vocabulary import coined, column, grouped, seeded, short_forms, table

COLUMNS = ("description", "manufacturer", "catalogue_number", "gtin", "size")
ROLES = {"kind": "item", "name": "description", "brand": "manufacturer", "code": "catalogue_number",
         "gtin": "gtin", "size": "size"}  # fmt: skip
GROUP = 16
DEVICES = 3  # kinds of devices in a line, at most
CLASSES = {
    "exact": 0.04, "reformatted": 0.15, "abbreviated": 0.15, "truncated": 0.12, "code_hidden": 0.08,
    "code_missing": 0.06, "typo": 0.08, "renamed": 0.07, "supplier_code": 0.03, "combined": 0.22,
}  # fmt: skip
Row = dict[str, str]


@dataclass(frozen=True)
class Device:
    """One kind of device of the catalogue: its name, and the axes along which siblings of it differ."""

    noun: str
    phrase: str
    axes: tuple[Axis, ...]  # the packaging is one of them where there are several

    @cached_property
    def members(self) -> int:
        """How many siblings its axes make."""
        return prod(len(axis.values) for axis in self.axes)


@cache
def catalogue() -> dict[str, tuple[Device, ...]]:
    """Devices by category."""
    return {
        category: tuple(
            Device(noun, phrase, (*axes_of(axes), Axis("pack", tuple(packs.split(",")))))
            for noun, phrase, axes, packs in rows
        )
        for category, rows in grouped("devices").items()
    }


@dataclass(frozen=True, slots=True)
class Span:
    """The members of one kind of device within a line: which of all combinations of sizes exist."""

    device: Device
    base: str
    first: int  # number of its first member within the line
    start: int  # that member's combination
    fastest: int  # the axis that changes from one member to the next

    def chosen(self, member: int) -> list[tuple[Axis, str]]:
        """A member's value on each axis."""
        index = (self.start + member - self.first) % self.device.members
        order = sorted(range(len(self.device.axes)), key=lambda at: (at != self.fastest, at))
        values = {}
        for at in order:
            axis = self.device.axes[at]
            index, digit = divmod(index, len(axis.values))
            values[at] = axis.values[digit]
        return [(axis, values[at]) for at, axis in enumerate(self.device.axes)]


def _base(number: int) -> str:
    """The part of a catalogue number that a family shares: five digits, six for the many of a large benchmark."""
    return f"{number * 30_011 % 99_991:05}" if number < 99_991 else f"{number * 300_007 % 999_983:06}"


class Line:
    """Sixteen devices of one maker under one brand."""

    def __init__(self, seed: int, number: int) -> None:
        rng = seeded(seed, "item", number)
        self.seed, self.number = seed, number
        self.maker = rng.randrange(len(column("makers")))
        devices = rng.sample(catalogue()[rng.choice(list(catalogue()))], DEVICES)
        self.brand = coined(number)
        self.prefix = self.brand[0].upper() + rng.choice("BCDFGHKLMNPRSTVWX")
        self.spans = self._spans(devices, rng)

    def _spans(self, devices: list[Device], rng: Random) -> list[Span]:
        spans: list[Span] = []
        first = 0
        for slot, device in enumerate(devices):
            base = _base(self.number * DEVICES + slot + 1)
            many = [at for at, axis in enumerate(device.axes) if len(axis.values) > 1]
            spans.append(Span(device, base, first, rng.randrange(device.members), rng.choice(many)))
            first += min(device.members, rng.randint(5, 12) if slot < DEVICES - 1 else GROUP)
        return [span for span in spans if span.first < GROUP]

    def __len__(self) -> int:
        return GROUP

    def span(self, member: int) -> Span:
        """The kind of device that this member of the line is of."""
        return next(span for span in reversed(self.spans) if span.first <= member)

    def code(self, member: int) -> str:
        """The catalogue number, in its maker's scheme."""
        span = self.span(member)
        parts = "".join(axis.fragments[value] for axis, value in span.chosen(member) if len(axis.values) > 1)
        sequence = (span.start + member - span.first) % span.device.members + 1
        scheme = self.maker % 5
        if scheme == 0:
            return f"{self.prefix}{span.base}-{parts}"
        if scheme == 1:
            return f"{span.base}-{sequence:03}"
        if scheme == 2:
            return f"{self.prefix}{span.base}{parts}"
        if scheme == 3:
            return f"{span.base[:2]}.{span.base[2:]}.{sequence:03}"
        return f"0{span.base}{sequence:04}"

    def gtin(self, member: int, level: int = 0) -> str:
        """GTIN-14 with its check digit (GS1 General Specifications, 7.9); ``level`` 1 to 8 is a higher packaging."""
        body = f"{level}08{self.maker:03}{self.number * GROUP + member:07}"
        total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(body))
        return f"{body}{-total % 10}"

    def clean(self, member: int) -> Row:
        """The catalogue's row."""
        rng = seeded(self.seed, "catalogue", self.number, member)
        span = self.span(member)
        noun, phrase = span.device.noun, span.device.phrase
        chosen = span.chosen(member)
        sizes = [text for text in label(chosen) if text != "EA"]
        measured = [pair for pair in chosen if pair[0].unit != "pack"]
        style = self.maker % 4
        if style == 0:
            text = f"{self.brand} {noun}, {phrase}, {', '.join(sizes)}"
        elif style == 1:
            text = f"{phrase.replace(',', '')} {noun} {self.brand} {' '.join(sizes)}"
        elif style == 2:
            text = f"{noun} - {phrase} - {', '.join(sizes)} ({self.brand})".upper()
        else:
            text = f"{self.brand}® {noun} {phrase}; {' / '.join(sizes)}"
        return {
            "description": text[0].upper() + text[1:],
            "manufacturer": column("makers")[self.maker],
            "catalogue_number": self.code(member),
            "gtin": self.gtin(member) if rng.random() < 0.7 else "",
            "size": ", ".join(label(measured)) if self.maker % 2 else "",
        }

    def noisy(self, member: int, hardness: str, rng: Random) -> tuple[Row, list[str]]:
        """The ERP's row for the same device, and what was done to it."""
        return _Clerk(self, member, rng).write(hardness)


class _Clerk:
    """Writes one ERP line, step by step, keeping a record of the steps."""

    def __init__(self, line: Line, member: int, rng: Random) -> None:
        self.line, self.member, self.rng = line, member, rng
        self.span = line.span(member)
        self.code = line.code(member)
        self.maker = table("makers")[line.maker]
        self.brand = line.brand.upper()
        self.done: list[str] = []
        self.row: Row = {**dict.fromkeys(COLUMNS, ""), "manufacturer": self.maker[0], "catalogue_number": self.code}

    def write(self, hardness: str) -> tuple[Row, list[str]]:
        if hardness == "exact":
            self._exact()
        elif hardness == "reformatted":
            self._describe(share=0.15, conversions=0.35)
            self._recode()
        else:
            self._describe(share=0.8, conversions=0.2, brand=hardness in ("code_missing", "supplier_code", "typo"))
            getattr(self, f"_{hardness}")()
        if hardness not in ("code_missing", "typo", "exact") and self.rng.random() < 0.1:
            self._gtin()
        return self.row, self.done

    def _exact(self) -> None:
        self.row |= {"description": self.line.clean(self.member)["description"].upper().replace("®", "")}
        self.done.append("upper case")

    def _describe(self, *, share: float, conversions: float, brand: bool = False) -> None:
        """Noun first, words abbreviated, sizes typed, in capitals."""
        device, rng = self.span.device, self.rng
        words = noise.abbreviate(f"{device.noun} {device.phrase}".replace(",", ""), short_forms(), rng, share)
        chosen = [pair for pair in self.span.chosen(self.member) if pair[1] != "EA"]
        sizes = " ".join(clerk(chosen, rng, conversions))
        sizes = noise.abbreviate(sizes, short_forms(), rng, share)
        kept = brand or rng.random() < 0.55
        named = f" {self.brand}" if kept else ""
        self.row["description"] = f"{words}{named} {sizes}".upper()
        self.row["manufacturer"] = rng.choice((self.maker[0], self.maker[1], self.maker[0].upper()))
        self.done += ["noun first", "abbreviated" if share > 0.5 else "sizes rewritten"]
        if not kept:
            self.done.append("brand dropped")

    def _recode(self) -> None:
        self.row["catalogue_number"], what = noise.recode(self.code, self.rng)
        self.done.append(f"code: {what}")

    def _gtin(self) -> None:
        level = self.rng.choice((0, 0, 0, 1, 3))
        self.row["gtin"] = self.line.gtin(self.member, level)
        self.done.append("GTIN" if level == 0 else "GTIN of a higher packaging")

    def _cut(self) -> None:
        width = self.rng.choice((30, 40, 40, 60))
        self.row["description"] = noise.cut(self.row["description"], width)
        self.done.append(f"cut to {width}")

    def _abbreviated(self) -> None:
        if self.rng.random() < 0.5:
            self._recode()

    def _truncated(self) -> None:
        self._cut()
        if self.rng.random() < 0.4:
            self._recode()

    def _code_hidden(self) -> None:
        """The number stands in the description only."""
        code = noise.recode(self.code, self.rng)[0] if self.rng.random() < 0.3 else self.code
        text = self.row["description"]
        label_ = self.rng.choice(("", "REF ", "#"))
        first = self.rng.random() < 0.5
        code = code.removeprefix("REF ")
        self.row["description"] = f"{label_}{code} {text}" if first else f"{text} {label_}{code}"
        self.row["catalogue_number"] = ""
        self.done.append("code in the description")

    def _code_missing(self) -> None:
        self.row["catalogue_number"] = ""
        self.done.append("no code")

    def _typo(self) -> None:
        """Slips in the words, or one in that part of the number which siblings share."""
        if self.rng.random() < 0.55:
            self.row["description"] = noise.misspell(self.row["description"], self.rng, 2)
            self.done.append("slips in words")
            return
        start = self.code.find(self.span.base)
        taken = frozenset(self.line.code(other) for other in range(len(self.line)))
        self.row["catalogue_number"] = noise.miscode(self.code, self.rng, max(start, 0) + 5, taken)
        self.done.append("slip in the code")

    def _renamed(self) -> None:
        """The maker under its former name, or the distributor in its place, or nothing."""
        other = self.rng.choice((self.maker[2], self.rng.choice(column("distributors")), ""))
        self.row["manufacturer"] = other
        self.done.append(
            "maker renamed" if other == self.maker[2] else "distributor for maker" if other else "no maker"
        )

    def _supplier_code(self) -> None:
        """A distributor's own number in the field; the maker's stands in the description."""
        self._code_hidden()
        self.row["manufacturer"] = self.rng.choice(column("distributors"))
        self.row["catalogue_number"] = f"{self.rng.randrange(10**6, 10**7)}"
        self.done.append("distributor's number")

    def _combined(self) -> None:
        self._cut()
        self._recode()
        if self.rng.random() < 0.5:
            self._renamed()
