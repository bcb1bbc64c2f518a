"""Acknowledgement files: 997 and 824 for a catalogue, a receipt CSV for a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sync.adapters.base import ErrorClass, Outcome, Receipt, State

from .table import read_rows
from .x12 import Segment, decode

ACCEPTED = ("A", "E")  # data element 717: accepted, accepted but errors were noted


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    receipts: list[Receipt]
    rejected_control: str = ""  # a 997 rejected this whole functional group: its records are in the file itself


def parse(name: str, data: bytes) -> Acknowledgement:
    """Raises ValueError when the file is neither."""
    if name.endswith(".csv"):
        return Acknowledgement([_row(name, row) for row in read_rows(data)])
    segments = decode(data.decode("utf-8"))
    return Acknowledgement(list(_advice(name, segments)), _rejected(segments))


def _row(name: str, row: dict[str, str]) -> Receipt:
    try:
        key, status = row["key"], row["status"]
    except KeyError as error:
        raise ValueError(f"no column {error}") from error
    return Receipt(key, _outcome(name, status == "accepted", row.get("code") or "", row.get("message") or ""))


def _advice(name: str, segments: Sequence[Segment]) -> Iterator[Receipt]:
    """824: OTI*IA|IR*TN*key, REF*IX*own code, TED*ZZZ*reason."""
    for n, segment in enumerate(segments):
        if segment[0] == "OTI":
            after = segments[n + 1 :]
            end = next((m for m, s in enumerate(after) if s[0] in ("OTI", "SE")), len(after))
            about = {s[0]: s for s in after[:end]}
            code, reason = about.get("REF", ["", "", ""])[2], about.get("TED", ["", "", ""])[2]
            yield Receipt(segment[3], _outcome(name, segment[1].endswith("A"), code, reason))


def _rejected(segments: Sequence[Segment]) -> str:
    control = next((s[2] for s in segments if s[0] == "AK1"), "")
    verdict = next((s[1] for s in segments if s[0] == "AK9"), "A")
    return "" if verdict in ACCEPTED else control


def _outcome(name: str, accepted: bool, code: str, reason: str) -> Outcome:
    if accepted:
        return Outcome(State.ACKNOWLEDGED, name, target_code=code)
    return Outcome(State.REJECTED, name, error=reason or "rejected, no reason given", error_class=ErrorClass.REFUSED)
