"""Batches of HL7 v2 messages, FHS BHS … BTS FTS (v2.5.1 section 2.10.3), cut into what they hold.

They are cut as bytes, because an envelope has no character set, and where lines begin, which is within a character in
no set but UTF-16 and UTF-32. All of the envelope is optional: messages that follow each other are a batch, too. Only
one message at a time is copied out of the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise

from sync.inbound.formats import UnreadableMessage
from sync.inbound.hl7_text import Delimiters, Fields

TRAILERS = {"BHS": "BTS", "FHS": "FTS"}
COUNTED = {"BHS": "messages", "FHS": "batches"}
CUT_OFF = "It is the last of a file that ends without {}: it may be cut off. Process it again if it is whole."
_START = re.compile(rb"(?:\A|(?<=[\r\n\x0b]))(FHS|BHS|MSH|BTS|FTS)(?![A-Za-z0-9])")
_LEADING = b"\xef\xbb\xbf\r\n \x0b"
LINE = 4096  # bytes of a header or trailer


@dataclass(frozen=True, slots=True)
class Message:
    """``name`` is what it is known by if it says none itself; ``doubt`` is why it may not be whole."""

    body: bytes
    name: str = ""
    doubt: str = ""
    is_envelope: bool = False  # it is none, but the envelope that something is wrong with


@dataclass(frozen=True, slots=True)
class Opened:
    header: Fields


@dataclass(slots=True)
class Envelope:
    """A batch or a file, as far as it has come. Without a header it is only what its messages or trailer imply."""

    kind: str
    header: Fields | None = None
    lines: bytes = b""
    count: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.header.get(11) if self.header else ""

    @property
    def fault(self) -> str:
        return " ".join(self.faults)


def is_batch(body: bytes) -> bool:
    """Whether it begins with an envelope or holds more than one message."""
    starts = [match[1] for match in islice(_START.finditer(body.lstrip(_LEADING)), 2)]
    return starts[:1] in ([b"FHS"], [b"BHS"]) or starts == [b"MSH", b"MSH"]


def walk(body: bytes, *, framed: bool = False) -> Iterator[Message | Opened | Envelope]:
    """Its messages in order, between headers as they open and envelopes as they close.

    ``framed``: the wire says that all of it came. Else the last message of an envelope without its end is in doubt.
    """
    return _Walk(framed).over(body)


class _Walk:
    def __init__(self, framed: bool) -> None:
        self.framed = framed
        self.batch: Envelope | None = None
        self.file: Envelope | None = None

    def over(self, body: bytes) -> Iterator[Message | Opened | Envelope]:
        for kind, piece, last in _pieces(body):
            match kind:
                case "MSH":
                    yield self._message(piece, last)
                case "FHS" | "BHS":
                    yield from self._close(kind)
                    yield from self._open(kind, piece)
                case _:
                    yield from self._close({"BTS": "BHS", "FTS": "FHS"}[kind], piece)
        yield from self._close("FHS")

    def _open(self, kind: str, piece: bytes) -> Iterator[Opened]:
        made = Envelope(kind, lines=piece[:LINE])
        text, stray = _line(piece)
        try:
            made.header = Fields(text, Delimiters.of(text), "latin-1")
        except UnreadableMessage as error:
            made.faults.append(error.message)
        made.faults += stray
        if kind == "FHS":
            self.file = made
        else:
            self._begin(made)
        if made.header:
            yield Opened(made.header)

    def _begin(self, batch: Envelope) -> Envelope:
        self.batch = batch
        if self.file:
            self.file.count += 1
        return batch

    def _message(self, piece: bytes, last: bool) -> Message:
        batch = self.batch or self._begin(Envelope("BHS"))
        batch.count += 1
        name = f"{batch.id}/{batch.count}" if batch.id else ""
        open_ended = next((one.kind for one in (batch, self.file) if one and one.lines), "")
        doubt = CUT_OFF.format(TRAILERS[open_ended]) if last and open_ended and not self.framed else ""
        return Message(_unframed(piece), name, doubt)

    def _close(self, kind: str, trailer: bytes = b"") -> Iterator[Envelope]:
        """End the batch, or the file and with it its batch; without a trailer, because something else begins."""
        if kind == "FHS":
            yield from self._close("BHS")
        found = self.batch if kind == "BHS" else self.file
        if found or trailer:
            yield self._ended(found or Envelope(kind), trailer)
        if kind == "BHS":
            self.batch = None
        else:
            self.file = None

    def _ended(self, found: Envelope, trailer: bytes) -> Envelope:
        name = TRAILERS[found.kind]
        if not trailer:
            found.faults += [f"It has no {name}."] if found.lines else []
            return found
        found.lines += trailer[:LINE]
        text, stray = _line(trailer)
        header = found.header or (self.file.header if self.file else None)
        stated = Fields(text, header.marks if header else Delimiters(), "latin-1").get(1).strip()
        if stated and not (stated.isascii() and stated.isdecimal() and int(stated) == found.count):
            found.faults.append(f"{name}-1 says {stated[:20]} {COUNTED[found.kind]}, {found.count} came.")
        found.faults += stray
        return found


def _pieces(body: bytes) -> Iterator[tuple[str, bytes, bool]]:
    """(name of the first segment, bytes up to the next piece, whether it is the last)."""
    body = body.lstrip(_LEADING)
    for match, after in pairwise(chain(_START.finditer(body), [None])):
        if match:
            yield match[1].decode(), body[match.start() : after.start() if after else len(body)], after is None


def _line(piece: bytes) -> tuple[str, list[str]]:
    """The one line of a header or trailer, and what is wrong if there are more."""
    lines = [line for line in re.split(r"[\r\n\x0b\x1c]+", piece[:LINE].decode("latin-1")) if line.strip()]
    return lines[0], [f"{lines[1][:20]!r} belongs to no message." for _ in lines[1:2]]


def _unframed(piece: bytes) -> bytes:
    """A message without the characters of MLLP, which some write into files as well."""
    piece = piece.rstrip(b"\x0b")
    bare = piece.rstrip(b"\r\n")
    return bare.rstrip(b"\x1c\r\n") + b"\r" if bare.endswith(b"\x1c") else piece
