"""X12 005010 text: delimiters, segments and the ISA/GS/ST envelope.

X12 has no escape character; the delimiters of an interchange are declared in its ISA segment instead. Records whose
values contain ``* ~ > ^`` are written with the control characters that the standard offers for the purpose
(X12.5, 1C to 1F hex), all others with the usual ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

Segment = list[str]  # ["REF", "VR", "MDM-SU-000001"]


@dataclass(frozen=True, slots=True)
class Delimiters:
    element: str
    segment: str
    component: str
    repetition: str


USUAL = Delimiters("*", "~", ">", "^")
CONTROL = Delimiters("\x1d", "\x1c", "\x1f", "\x1e")
TAKEN = re.compile(r"[*~>^]")  # characters of USUAL, should a value contain them


def fitting(segments: Sequence[Segment]) -> Delimiters:
    return CONTROL if TAKEN.search("".join(chain.from_iterable(segments))) else USUAL


def encode(segments: Iterable[Segment], delimiters: Delimiters) -> str:
    """One segment a line; empty elements at the end are left out."""
    return "".join(_line(segment, delimiters) for segment in segments)


def _line(segment: Segment, delimiters: Delimiters) -> str:
    return delimiters.element.join(segment).rstrip(delimiters.element) + delimiters.segment + "\n"


def decode(text: str) -> list[Segment]:
    """Segments of an interchange; ISA says what the delimiters are. Raises ValueError when there is no ISA."""
    if not text.startswith("ISA") or len(text) < 106:
        raise ValueError("not an X12 interchange: no ISA segment")
    return split(text, text[3], text[105])


def split(text: str, element: str, terminator: str) -> list[Segment]:
    lines = (line.removeprefix("\r").removeprefix("\n") for line in text.split(terminator))
    return [line.split(element) for line in lines if line.strip()]


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who writes to whom, under which control number (9 digits)."""

    sender: str
    receiver: str
    usage: str
    control: int
    now: datetime

    def wrap(self, bodies: Iterable[str], delimiters: Delimiters, segment_count: int, records: int) -> str:
        """An interchange with one 832; ``bodies`` hold ``segment_count`` segments in ``records`` LIN loops."""
        before = encode([self._isa(delimiters), self._gs(), ["ST", "832", "0001"], *self._heading()], delimiters)
        inside = segment_count + 5  # ST, BCT, DTM, CTT and SE
        after = [["CTT", str(records)], ["SE", str(inside), "0001"], ["GE", "1", str(self.control)]]
        return before + "".join(bodies) + encode([*after, ["IEA", "1", f"{self.control:09d}"]], delimiters)

    def _isa(self, delimiters: Delimiters) -> Segment:
        date, time = self.now.strftime("%y%m%d"), self.now.strftime("%H%M")
        return [
            "ISA", "00", " " * 10, "00", " " * 10, "ZZ", f"{self.sender:15.15}", "ZZ", f"{self.receiver:15.15}",
            date, time, delimiters.repetition, "00501", f"{self.control:09d}", "0", self.usage, delimiters.component,
        ]  # fmt: skip

    def _gs(self) -> Segment:
        date, time = self.now.strftime("%Y%m%d"), self.now.strftime("%H%M")
        return ["GS", "SC", self.sender, self.receiver, date, time, str(self.control), "X", "005010"]

    def _heading(self) -> list[Segment]:
        return [["BCT", "RC", str(self.control)], ["DTM", "007", self.now.strftime("%Y%m%d")]]
