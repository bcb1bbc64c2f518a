"""X12 interchanges, read segment by segment and held to their own counts and control numbers (X12.5, X12.6).

What is wrong is noted with the codes of data elements 715, 716, 718 and I18, which acknowledgements need.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sync.inbound.formats import UnreadableMessage

Segment = list[str]
ISA_LENGTH = 106
LONGEST = 100_000  # characters of a segment
ENCODINGS = ("utf-8", "cp1252")


@dataclass(slots=True)
class TransactionSet:
    """ST to SE. ``fault`` is a code of element 718, empty when it is sound; ``start`` and ``end`` are its segments."""

    kind: str
    control: str
    start: int
    end: int = 0
    fault: str = ""
    text: str = ""


@dataclass(slots=True)
class Group:
    """GS to GE, with the sets in it. ``fault``: a code of element 716."""

    kind: str
    control: str
    version: str
    sets: list[TransactionSet] = field(default_factory=list)
    fault: str = ""
    text: str = ""


@dataclass(slots=True)
class Interchange:
    """ISA to IEA. ``fault``: a code of element I18 (interchange note)."""

    header: Segment
    groups: list[Group] = field(default_factory=list)
    fault: str = ""
    text: str = ""

    @property
    def control(self) -> str:
        return self.header[13].strip()


def decoded(body: bytes) -> str:
    """Raises ``UnreadableMessage`` for what doesn't begin with a usable ISA segment."""
    for encoding in ENCODINGS:
        try:
            text = body.decode(encoding).lstrip("\N{BYTE ORDER MARK}\r\n ")
            break
        except UnicodeDecodeError:
            continue
    else:
        raise UnreadableMessage("Its bytes are neither UTF-8 nor Windows-1252.")
    if not text.startswith("ISA") or len(text) < ISA_LENGTH:
        raise UnreadableMessage("It is no X12 interchange: it doesn't begin with an ISA segment of 106 characters.")
    marks = {text[3], text[104], text[105]}
    whole = text[:105].count(text[3]) == 16 and text[105] not in text[:105]
    if len(marks) < 3 or any(mark.isalnum() for mark in marks) or not whole:
        raise UnreadableMessage("Its ISA segment names no usable delimiters, or hasn't 16 elements of fixed length.")
    return text


def segments(text: str) -> Iterator[Segment]:
    """One after the other, without holding them all."""
    element, terminator = text[3], text[105]
    start, end = 0, len(text)
    while start < end:
        stop = text.find(terminator, start)
        stop = end if stop < 0 else stop
        if stop - start > LONGEST:
            raise UnreadableMessage(f"A segment has more than {LONGEST:,} characters: its terminator is missing.")
        if line := text[start:stop].strip("\r\n"):
            if line.strip():
                yield line.split(element)
        start = stop + 1


def component_mark(text: str) -> str:
    return text[104]


def survey(text: str) -> Interchange:
    """The envelopes of an interchange, checked."""
    rest, last = segments(text), ""
    found = Interchange(next(rest))
    for number, segment in enumerate(rest, 2):
        match segment[0]:
            case "ISA":
                raise UnreadableMessage("It holds several interchanges. Send each by itself.")
            case "GS":
                found.groups.append(Group(_at(segment, 1), _at(segment, 6), _at(segment, 8)))
            case "ST" if found.groups:
                found.groups[-1].sets.append(TransactionSet(_at(segment, 1), _at(segment, 2), number))
            case "SE" if found.groups and found.groups[-1].sets:
                _end_set(found.groups[-1].sets[-1], segment, number)
            case "GE" if found.groups:
                _end_group(found.groups[-1], segment)
            case "IEA":
                _end_interchange(found, segment)
        last = segment[0]
    if last != "IEA":
        found.fault, found.text = "023", "the interchange has no IEA segment: it is cut off"
    for group in found.groups:
        for one in group.sets:
            if not one.end:
                one.fault, one.text = "2", f"transaction set {one.control} has no SE segment"
    return found


def _end_set(one: TransactionSet, segment: Segment, number: int) -> None:
    one.end = number
    count = number - one.start + 1
    if _number(_at(segment, 1)) != count:
        text = f"transaction set {one.control} has {count} segments where SE01 says {_at(segment, 1)}"
        one.fault, one.text = "4", text
    elif _at(segment, 2) != one.control:
        one.fault, one.text = "3", f"transaction set {one.control} ends with the control number {_at(segment, 2)}"


def _end_group(group: Group, segment: Segment) -> None:
    if _number(_at(segment, 1)) != len(group.sets):
        text = f"group {group.control} has {len(group.sets)} transaction sets where GE01 says {_at(segment, 1)}"
        group.fault, group.text = "5", text
    elif _at(segment, 2) != group.control:
        group.fault, group.text = "4", f"group {group.control} ends with the control number {_at(segment, 2)}"


def _end_interchange(found: Interchange, segment: Segment) -> None:
    if _number(_at(segment, 1)) != len(found.groups):
        text = f"the interchange has {len(found.groups)} groups where IEA01 says {_at(segment, 1)}"
        found.fault, found.text = "021", text
    elif _at(segment, 2).strip() != found.control:
        found.fault, found.text = "001", f"the interchange ends with the control number {_at(segment, 2)}"


def _at(segment: Segment, number: int) -> str:
    return segment[number] if number < len(segment) else ""


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,10}", text) else -1
