"""997 and 999: what the sender of a catalogue is told about its envelopes (005010, X231 for the 999)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sync.adapters.x12_sftp.x12 import USUAL, encode
from sync.inbound.x12_text import Group, Interchange, Segment, TransactionSet

KINDS = ("997", "999")
ANSWERS = "FA"  # GS01 of the groups of both
VERSIONS = {"997": "005010", "999": "005010X231A1"}
RESULTS = {"997": ("AK1", "AK2", "AK5", "AK9"), "999": ("AK1", "AK2", "IK5", "AK9")}


def acknowledge(found: Interchange, *, kind: str, now: datetime, control: int) -> str:
    """An interchange that answers this one, from its receiver to its sender. ``control``: at most 9 digits.

    Empty for what is an answer itself: two that acknowledge each other's acknowledgements never come to an end.
    """
    groups = [group for group in found.groups if group.kind != ANSWERS]
    if not groups and (found.groups or not found.fault):
        return ""
    isa = _isa(found.header, control, now)
    gs = ["GS", "FA", found.header[8].strip(), found.header[6].strip(), now.strftime("%Y%m%d"), now.strftime("%H%M")]
    sets = [_answered(kind, number, group, found) for number, group in enumerate(groups, 1)]
    lines = [isa]
    if sets:
        lines += [[*gs, str(control), "X", VERSIONS[kind]], *(s for one in sets for s in one)]
        lines.append(["GE", str(len(sets)), str(control)])
    lines.insert(1, _ta1(found))
    lines.append(["IEA", "1" if sets else "0", f"{control:09d}"])
    return encode(lines, USUAL)


def _ta1(found: Interchange) -> Segment:
    header = found.header
    return ["TA1", header[13].strip(), header[9], header[10], "R" if found.fault else "A", found.fault or "000"]


def _answered(kind: str, number: int, group: Group, found: Interchange) -> list[Segment]:
    begins, names, judges, sums = RESULTS[kind]
    control = f"{number:04d}"
    newer = kind == "999"  # names the guide, and the version that it answers
    lines: list[Segment] = [
        ["ST", kind, control, *([VERSIONS[kind]] if newer else [])],
        [begins, group.kind, group.control, *([group.version] if newer else [])],
    ]
    broken = bool(found.fault or group.fault)
    for one in group.sets:
        lines.append([names, one.kind, one.control])
        lines.append([judges, *_verdict(one, broken)])
    good = 0 if broken else sum(not one.fault for one in group.sets)
    lines.append([sums, *_sum(group, good, broken)])
    return [*lines, ["SE", str(len(lines) + 1), control]]


def _verdict(one: TransactionSet, broken: bool) -> Iterable[str]:
    if one.fault:
        return ("R", one.fault)
    return ("R", "5") if broken else ("A",)


def _sum(group: Group, good: int, broken: bool) -> Iterable[str]:
    total = str(len(group.sets))
    result = "R" if broken or not good else "A" if good == len(group.sets) else "P"
    return (result, total, total, str(good), *([group.fault] if group.fault else []))


def _isa(header: Segment, control: int, now: datetime) -> Segment:
    """Theirs turned round."""
    parties = [header[7], header[8], header[5], header[6]]
    date, time = now.strftime("%y%m%d"), now.strftime("%H%M")
    return [
        "ISA", "00", " " * 10, "00", " " * 10, *parties, date, time, USUAL.repetition, "00501", f"{control:09d}", "0",
        header[15], USUAL.component,
    ]  # fmt: skip
