"""HL7 v2 as others write it: their own delimiters, any of the standard's character sets, any line ends.

What our adapter writes and reads is in ``sync.adapters.hl7v2_mllp.hl7``; this reads what anybody writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sync.adapters.hl7v2_mllp.hl7 import NULL
from sync.inbound.formats import UnreadableMessage

# HL7 table 0211, and what vendors write for it
CHARSETS = {
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UNICODE": "utf-16",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc-kr",
    "CNS 11643-1992": "big5",
    "BIG-5": "big5",
    "ISO IR6": "ascii",
    "ISO IR14": "shift_jis",
    "ISO IR87": "iso2022_jp",
    "ISO IR159": "iso2022_jp_1",
    **{f"8859/{n}": f"iso8859-{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
}
_SEGMENT = re.compile(r"[\r\n]+")
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_HEADERS = ("MSH", "BHS", "FHS")  # segments whose first field is the delimiter itself
_HEX = re.compile(r"X((?:[0-9A-Fa-f]{2})+)")
_BREAKS = (".br", ".sp", ".ce")
MOST_SEGMENTS = 200_000


@dataclass(frozen=True, slots=True)
class Delimiters:
    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @classmethod
    def of(cls, header: str) -> Delimiters:
        """As MSH-1 and MSH-2 state them (v2.6 section 2.5.4). Raises ``UnreadableMessage`` for what can't be."""
        field, rest = header[3:4], header[4:]
        stated = rest.partition(field)[0] if field else ""
        marks = [field, *stated[:4]]
        if not 2 <= len(stated) <= 5 or len(set(marks)) < len(marks) or any(m.isalnum() or m in " \r\n" for m in marks):
            name = header[:3]
            raise UnreadableMessage(f"{name}-1 and {name}-2 name no usable delimiters; |^~\\& are the usual ones.")
        return cls(field, *stated[:4], *("~\\&"[len(stated) - 1 :]))


class Fields:
    """One segment: ``get("ITM-5.1.1")``-like access by number, as text without escapes."""

    __slots__ = ("_cells", "_charset", "marks", "name")

    def __init__(self, line: str, marks: Delimiters, charset: str) -> None:
        cells = line.split(marks.field)
        self.name = cells[0]
        self._cells = [cells[0], marks.field, *cells[1:]] if self.name in _HEADERS else cells
        self.marks, self._charset = marks, charset

    @property
    def line(self) -> str:
        cells = [self._cells[0], *self._cells[2:]] if self.name in _HEADERS else self._cells
        return self.marks.field.join(cells)

    def cell(self, number: int) -> str:
        return self._cells[number] if number < len(self._cells) else ""

    def is_null(self, number: int) -> bool:
        """``""``: the sender wants the value deleted (v2.6 section 2.5.3.1)."""
        return self.cell(number) == NULL

    def get(self, number: int, component: int = 1, subcomponent: int = 1, repetition: int = 0) -> str:
        """The text; empty when absent or null."""
        repetitions = self.cell(number).split(self.marks.repetition)
        if repetition >= len(repetitions) or repetitions[repetition] == NULL:
            return ""
        parts = _nth(repetitions[repetition], self.marks.component, component)
        return self._plain(_nth(parts, self.marks.subcomponent, subcomponent))

    def all(self, number: int) -> list[str]:
        """The first component of every repetition that has one."""
        count = self.cell(number).count(self.marks.repetition) + 1
        return [text for text in (self.get(number, repetition=n) for n in range(count)) if text]

    def components(self, number: int) -> list[str]:
        count = self.cell(number).partition(self.marks.repetition)[0].count(self.marks.component) + 1
        return [self.get(number, n) for n in range(1, count + 1)]

    def _plain(self, text: str) -> str:
        if self.marks.escape not in text:
            return text
        parts = text.split(self.marks.escape)
        if len(parts) % 2 == 0:  # an escape that is never closed stands for itself
            parts[-2:] = [self.marks.escape.join(parts[-2:])]
        return "".join(part if n % 2 == 0 else self._escaped(part) for n, part in enumerate(parts))

    def _escaped(self, code: str) -> str:
        """What an escape sequence stands for (v2.6 section 2.7); highlighting stands for nothing."""
        m = self.marks
        known = {
            "F": m.field,
            "S": m.component,
            "T": m.subcomponent,
            "R": m.repetition,
            "E": m.escape,
            "H": "",
            "N": "",
        }
        if code in known:
            return known[code]
        if match := _HEX.fullmatch(code):
            return bytes.fromhex(match[1]).decode(self._charset, "replace")
        if code.startswith(_BREAKS):
            return "\n"
        return "" if code[:1] in ("C", "M", "Z", ".") else f"{m.escape}{code}{m.escape}"


def _nth(text: str, mark: str, number: int) -> str:
    parts = text.split(mark, number)
    return parts[number - 1] if number <= len(parts) else ""


def read(body: bytes, charset: str = "") -> Iterator[Fields]:
    """The segments of a message, MSH first. ``charset``: a name of table 0211 for messages whose MSH-18 is empty.

    Raises:
        UnreadableMessage: no MSH, impossible delimiters, or bytes that the stated character set doesn't have.
    """
    text, charset = _decoded(body, charset)
    marks = Delimiters.of(text)
    for number, line in enumerate(_lines(text)):
        if number > MOST_SEGMENTS:
            raise UnreadableMessage(f"It has more than {MOST_SEGMENTS:,} segments. Send it in several messages.")
        if not _NAME.fullmatch(line[:3]) or line[3:4] not in (marks.field, ""):
            raise UnreadableMessage(f"Segment {number + 1} doesn't begin with a name of three letters and a delimiter.")
        yield Fields(line, marks, charset)


def _lines(text: str) -> Iterator[str]:
    start = 0
    for match in _SEGMENT.finditer(text):
        if line := text[start : match.start()]:
            yield line
        start = match.end()
    if line := text[start:].rstrip("\x1c"):
        yield line


def header(body: bytes) -> Fields:
    """MSH, read without minding the character set: what it says of itself is ASCII. Raises ``UnreadableMessage``."""
    head = body.lstrip(b"\xef\xbb\xbf\r\n ")[:4096].decode("latin-1")
    if head[:2] in ("M\0", "\0M", "\xff\xfe", "\xfe\xff"):
        head = body[:8192].decode("utf-16", "ignore")
    if head[:3] in ("FHS", "BHS", "BTS", "FTS"):
        raise UnreadableMessage("It is the envelope of a batch, which holds no records. Give it up once it is seen to.")
    if not head.startswith("MSH"):
        raise UnreadableMessage("It is no HL7 v2 message: it doesn't begin with MSH.")
    return Fields(next(_lines(head)), Delimiters.of(head), "latin-1")


def _decoded(body: bytes, charset: str) -> tuple[str, str]:
    stated = header(body).all(18)
    name = (stated[0] if stated else charset or "UNICODE UTF-8").strip().upper()
    codec = CHARSETS.get(name)
    if codec is None:
        raise UnreadableMessage(f"MSH-18 names the character set {name[:40]!r}, which Concord doesn't know.")
    try:
        text = body.decode(codec).lstrip("\N{BYTE ORDER MARK}\r\n ")
    except UnicodeDecodeError as error:
        hint = "" if stated else " MSH-18 is empty: say in the source's profile which character set it writes."
        raise UnreadableMessage(f"Byte {error.start + 1} is none of {name}.{hint}") from None
    return text, codec


def grouped(segments: Sequence[Fields], starts: str) -> list[list[Fields]]:
    """Runs of segments, each beginning with one of this name; what stands before the first is left out."""
    groups: list[list[Fields]] = []
    for segment in segments:
        if segment.name == starts:
            groups.append([])
        if groups:
            groups[-1].append(segment)
    return groups
