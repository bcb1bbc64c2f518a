"""HL7 v2 text: escaping (v2.6 section 2.7), segments written and read by addresses such as ``ITM-5.1``."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

NULL = '""'  # "delete the value at the receiver", section 2.5.3.1
ENCODING = "^~\\&"
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
_SPECIAL = re.compile(r"[\\|^&~\x00-\x1f\x7f]")
_STRUCTURE = re.compile(r"[\\^~]")
_ESCAPED = re.compile(r"\\([EFSTR]|X(?:[0-9A-Fa-f]{2})+)\\")
_UNESCAPES = {code[1]: char for char, code in _ESCAPES.items()}


def escape(text: str) -> str:
    """Text as a component: delimiters and control characters as escape sequences, nothing lost."""
    if text.isalnum():
        return text
    if text == NULL:
        return "\\X2222\\"
    return _SPECIAL.sub(lambda m: _ESCAPES.get(m[0]) or f"\\X{ord(m[0]):02X}\\", text)


def unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda m: _UNESCAPES.get(m[1]) or bytes.fromhex(m[1][1:]).decode("latin-1"), text)


@dataclass(frozen=True, slots=True)
class Address:
    """``ITM-5.1``: segment, field and component, both counted from 1; no component means the first."""

    segment: str
    field: int
    component: int

    @classmethod
    def of(cls, text: str) -> Address:
        segment, _, rest = text.partition("-")
        number, _, component = rest.partition(".")
        return cls(segment, int(number), int(component or 1))


@dataclass(slots=True)
class Segment:
    """Fields by number; a field is a list of repetitions, a repetition a list of components (unescaped text)."""

    name: str
    fields: dict[int, list[list[str]]] = field(default_factory=dict)

    def put(self, number: int, component: int, text: str, repetition: int = 0) -> None:
        repetitions = self.fields.setdefault(number, [])
        while len(repetitions) <= repetition:
            repetitions.append([])
        components = repetitions[repetition]
        components += [""] * (component - len(components))
        components[component - 1] = text

    def get(self, number: int, component: int = 1, repetition: int = 0) -> str:
        """The text; empty when absent or null."""
        repetitions = self.fields.get(number, [])
        components = repetitions[repetition] if repetition < len(repetitions) else []
        return components[component - 1] if component <= len(components) else ""

    def all(self, number: int) -> list[str]:
        """The first component of every repetition."""
        return [r[0] for r in self.fields.get(number, []) if r and r[0]]

    def null(self, number: int) -> None:
        """Write "delete the value" unless something was put there."""
        self.fields.setdefault(number, [])

    def encode(self) -> str:
        cells = [""] * max(self.fields, default=0)
        for number, repetitions in self.fields.items():
            cells[number - 1] = self._cell(repetitions) if repetitions else NULL
        return "|".join((self.name, *cells))

    def _cell(self, repetitions: list[list[str]]) -> str:
        if len(repetitions) == 1 and len(repetitions[0]) == 1:
            return escape(repetitions[0][0])
        return "~".join("^".join([escape(c) for c in r]).rstrip("^") for r in repetitions) or NULL


def decode(line: str) -> Segment:
    """One segment; of MSH the fields are numbered as the standard does (MSH-2 is the encoding characters)."""
    name, *cells = line.split("|")
    if name == "MSH":
        cells = ["|", *cells]
    if name != "MSH" and not _STRUCTURE.search(line):
        return Segment(name, {n: [[cell]] for n, cell in enumerate(cells, start=1) if cell and cell != NULL})
    segment = Segment(name)
    for number, cell in enumerate(cells, start=1):
        if cell and cell != NULL:
            plain = not _STRUCTURE.search(cell) or (name == "MSH" and number <= 2)
            segment.fields[number] = [[cell]] if plain else [_components(r) for r in cell.split("~")]
    return segment


def _components(repetition: str) -> list[str]:
    return [unescape(c) for c in repetition.split("^")]


def decode_message(payload: bytes, only: Collection[str] = ()) -> list[Segment]:
    """Every segment, or those of these names. Raises ValueError when it is not an HL7 message in UTF-8."""
    lines = [line for line in payload.decode("utf-8").split("\r") if line.strip()]
    if not lines or lines[0].partition("|")[0] != "MSH":
        raise ValueError("no MSH segment")
    return [decode(line) for line in lines if not only or line[:3] in only]
