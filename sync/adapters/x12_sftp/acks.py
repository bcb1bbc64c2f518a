"""Acknowledgement files: 997 and 824 for a catalogue, a receipt CSV for a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sync.adapters.base import ErrorClass, Outcome, Receipt, State

from .table import read_rows
from .x12 import Segment, decode

ACCEPTED = ("A", "E")  # data element 717: accepted, accepted but errors were noted
ADVISED = ("A", "C", "E")  # what element 110 ends with: accepted, accepted with another content, accepted with errors


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    receipts: list[Receipt]
    rejected: tuple[str, ...] = ()  # control numbers of groups that were rejected: their records are in the files
    accepted: tuple[str, ...] = ()  # of those that were accepted, which says nothing of their records


def parse(name: str, data: bytes) -> Acknowledgement:
    """Raises ValueError when the file is neither."""
    if name.endswith(".csv"):
        return Acknowledgement([_row(name, row) for row in read_rows(data)])
    segments = decode(data.decode("utf-8"))
    verdicts = list(_verdicts(segments))
    return Acknowledgement(
        list(_advice(name, segments)),
        rejected=tuple(control for control, code in verdicts if code not in ACCEPTED),
        accepted=tuple(control for control, code in verdicts if code in ACCEPTED),
    )


def _row(name: str, row: dict[str, str]) -> Receipt:
    try:
        key, status = row["key"], row["status"]
    except KeyError as error:
        raise ValueError(f"no column {error}") from error
    return Receipt(key, _outcome(name, status == "accepted", row.get("code") or "", row.get("message") or ""))


def _advice(name: str, segments: Sequence[Segment]) -> Iterator[Receipt]:
    """824: OTI*IA|IE|IR*TN*key, REF*IX*own code, TED*ZZZ*reason."""
    for n, segment in enumerate(segments):
        if segment[0] == "OTI":
            after = segments[n + 1 :]
            end = next((m for m, s in enumerate(after) if s[0] in ("OTI", "SE")), len(after))
            code = next((s[2] for s in after[:end] if s[:2] == ["REF", "IX"]), "")
            reason = next((s[2] for s in after[:end] if s[0] == "TED"), "")
            yield Receipt(segment[3], _outcome(name, segment[1].endswith(ADVISED), code, reason))


def _verdicts(segments: Sequence[Segment]) -> Iterator[tuple[str, str]]:
    """Control number and AK901 of each group: a partner may answer many in one file."""
    control = ""
    for segment in segments:
        if segment[0] == "AK1":
            control = segment[2]
        elif segment[0] == "AK9":
            yield control, segment[1]


def _outcome(name: str, accepted: bool, code: str, reason: str) -> Outcome:
    if accepted:
        return Outcome(State.ACKNOWLEDGED, name, target_code=code)
    return Outcome(State.REJECTED, name, error=reason or "rejected, no reason given", error_class=ErrorClass.REFUSED)
