"""What an HL7 sender is answered: ACK, in the mode that it asked for (v2.6 section 2.9), and batches of them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from sync.adapters.hl7v2_mllp.hl7 import ENCODING, Segment, escape
from sync.inbound.formats import UnreadableMessage
from sync.inbound.hl7_batches import TRAILERS, Envelope
from sync.inbound.hl7_text import Fields, header
from sync.inbound.ways import ACKS

CODES = {"AA": "CA", "AE": "CE", "AR": "CR"}  # original mode to enhanced mode, table 0008
TEXT = 80  # characters of MSA-3
VERSION = "2.5.1"


def answer(body: bytes, outcome: str, *, acks: Mapping[str, str] | None = None, text: str = "") -> bytes:
    """The ACK to a message of which this became, a key of ``ACKS``; empty where its sender wants none."""
    try:
        msh: Fields | None = header(body)
    except UnreadableMessage:
        msh = None
    code = {**ACKS, **(acks or {})}[outcome]
    accept, application = (msh.get(15), msh.get(16)) if msh else ("", "")
    if accept == "NE" and application == "NE":
        return b""
    if accept in ("AL", "ER", "SU") and application in ("NE", ""):
        if (accept, code == "AA") in (("ER", True), ("SU", False)):
            return b""
        code = CODES.get(code, code)
    return _message(msh, code, text)


def _message(msh: Fields | None, code: str, text: str) -> bytes:
    version = (msh.get(12) if msh else "") or VERSION
    lines = [_header(msh, version), f"MSA|{code}|{escape(msh.get(10) if msh else '')}"]
    if text:
        lines[1] += f"|{escape(text[:TEXT])}"
        if code[1] != "A" and version >= "2.5":
            lines.append(f"ERR|||207^Application internal error^HL70357|E||||{escape(text[:250])}")
    return ("\r".join(lines) + "\r").encode()


def header_of_batch(theirs: Fields) -> bytes:
    """The BHS or FHS of the answer to a batch or file: their id is its reference (BHS-12, FHS-12)."""
    segment = _turned_round(theirs.name, theirs)
    segment.put(11, 1, secrets.token_hex(10))
    segment.put(12, 1, theirs.get(11))
    return _encoded(segment)


def trailer_of_batch(theirs: Envelope, count: int) -> bytes:
    """The BTS or FTS of the answer; its comment says what was wrong with theirs."""
    segment = Segment(TRAILERS[theirs.kind])
    segment.put(1, 1, str(count))
    if theirs.fault:
        segment.put(2, 1, theirs.fault[:TEXT])
    return f"{segment.encode()}\r".encode()


def _header(msh: Fields | None, version: str) -> str:
    segment = _turned_round("MSH", msh)
    event = msh.get(9, 2) if msh else ""
    for number, value in {9: "ACK", 10: secrets.token_hex(10), 11: msh.get(11) if msh else "P"}.items():
        segment.put(number, 1, value or "P")
    if event:
        segment.put(9, 2, event)
        segment.put(9, 3, "ACK")
    segment.put(12, 1, version)
    segment.put(18, 1, "UNICODE UTF-8")
    return _encoded(segment).decode().rstrip("\r")


def _turned_round(name: str, theirs: Fields | None) -> Segment:
    """A header in the order of theirs: the receiver answers the sender, now."""
    segment = Segment(name)
    for number, field in enumerate([5, 6, 3, 4], 3):
        for component, part in enumerate(theirs.components(field) if theirs else [], 1):
            segment.put(number, component, part)
    segment.put(7, 1, datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000"))
    return segment


def _encoded(header: Segment) -> bytes:
    cells = header.encode().split("|")  # field 1 is the first delimiter, so the cells stand one place to the left
    return ("|".join([header.name, ENCODING, *cells[3:]]) + "\r").encode()
